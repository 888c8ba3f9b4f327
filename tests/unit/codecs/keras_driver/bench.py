"""What the checks share: codecs of the models in a folder, and what they send and rebuild."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from semsim.channels.config import AwgnConfig
from semsim.codecs.keras.codec import KerasCodec
from semsim.codecs.keras.config import KerasConfig
from semsim.link.link import Link
from semsim.types import Csi, Received, Source

SHAPE = (3, 16, 16)


class Bench:
    """Codecs on one device.

    Attributes:
        keras: the library, imported.
        image: ``[4, *SHAPE]``.
    """

    def __init__(self, keras: Any, folder: Path, device: str) -> None:
        self.keras = keras
        self.folder = folder
        self.device = device
        self.image = self.random(4, *SHAPE)

    def random(self, *shape: int, seed: int = 0) -> torch.Tensor:
        return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).to(self.device)

    def config(self, kind: str = "", **options: Any) -> KerasConfig:
        files = {end: self.folder / f"{end}{kind}.keras" for end in ("enc", "dec")}
        return KerasConfig(**{"encoder": files["enc"], "decoder": files["dec"], **options})

    def codec(self, kind: str = "", **options: Any) -> KerasCodec:
        return KerasCodec(self.config(kind, **options), self.device)

    def link(self, codec: KerasCodec, channel: Any = AwgnConfig, seed: int = 0) -> Link:
        generator = torch.Generator(self.device).manual_seed(seed)
        return Link(codec, channel().build(device=self.device, generator=generator))

    def loss(self, codec: KerasCodec, image: torch.Tensor, channel: Any = AwgnConfig) -> Any:
        """Mean squared error after the same noise and fading, whenever it is asked for."""
        received = self.link(codec, channel).transmit(image, 10.0).output.image
        return (received.double() - 0.5 * self.image.double()).square().mean()

    def sent(self, codec: KerasCodec, image: torch.Tensor, snr: float = 10.0) -> torch.Tensor:
        csi = Csi(torch.full((len(image),), snr, device=self.device))
        rate = codec.rates(tuple(image.shape[1:]))[0]
        with torch.no_grad():
            return codec.encode(Source(image), csi, rate).x

    def rebuilt(self, codec: KerasCodec, x: torch.Tensor, shape: Any, snr: float = 10.0) -> Any:
        csi = Csi(torch.full((len(x),), snr, device=self.device))
        ones = torch.ones(x.shape, device=self.device)
        received = Received(x, ones, ones, csi.snr, x.shape[1])
        with torch.no_grad():
            return codec.decode(received, csi, codec.rates(shape)[0]).image
