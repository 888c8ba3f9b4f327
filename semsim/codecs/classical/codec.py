"""``classical``: JPEG or WebP searched to a budget of bits."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from semsim.codecs.classical.config import ClassicalConfig
from semsim.codecs.classical.jpeg import Jpeg
from semsim.codecs.classical.webp import WebP
from semsim.data.images import to_uint8
from semsim.types import (
    BitPayload,
    Csi,
    ImageShape,
    Output,
    Rate,
    Received,
    ReceivedBits,
    Source,
)

#: Qualities tried above the one that bisection finds, because sizes do not rise quite steadily.
_BEYOND = 4


class Classical(torch.nn.Module):
    """A classical image codec with a fixed payload, the rival at equal bits.

    ::

        image ─► 8 bit ─► highest quality that fits ─► zero padding ─► bits [B, ⌊ρ·8CHW⌋]

    Each image is compressed on its own: the highest quality that fits is found by bisection and a
    look at the next few above it. JPEG is tried with 4:4:4 and with 4:2:0 chroma, and the one of
    lower squared error is sent. Where even the lowest quality does not fit, the payload is all
    zeros: an outage. The channel state is not used.

    FLOPs are given as 0.0: FTSC leaves the computing term out for JPEG.

    Args:
        config: format, what is done about headers, and the compression rates.
        device: where payloads and outputs are put.
    """

    Config = ClassicalConfig
    grey: torch.Tensor

    def __init__(self, config: ClassicalConfig, device: str | torch.device = "cpu") -> None:
        super().__init__()
        self.config = config
        agreed = config.headers == "agreed"
        self._format = Jpeg(agreed) if config.format == "jpeg" else WebP(agreed)
        self.register_buffer("grey", torch.tensor(0.5, device=device), persistent=False)

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """Return one rate for each ρ, with a payload of ⌊ρ·8·C·H·W⌋ bits (FTSC eq. 10).

        Raises:
            ValueError: if the format cannot hold ``shape``, or if no budget has room for even a
                grey image of that shape.
        """
        name, (channels, height, width), limit = self.config.format, shape, self._format.max_side
        if channels != 3 or not 1 <= min(height, width) <= max(height, width) <= limit:
            raise ValueError(
                f"{name} takes RGB images of 1 to {limit} pixels a side, got (C, H, W) = {shape}"
            )
        raw_bits = 8 * channels * height * width
        payloads = [math.floor(rho * raw_bits) for rho in self.config.rhos]
        grey = np.full((height, width, 3), 128, np.uint8)
        if not self._compress(grey, payloads[-1] // 8):
            raise ValueError(
                f"{name} with headers {self.config.headers!r} cannot describe {height}x{width} "
                f"pixels in {payloads[-1]} bits; take larger images or a higher rho"
            )
        return tuple(
            Rate(f"{name} {rho}", shape, "bits", payload, payload / raw_bits)
            for rho, payload in zip(self.config.rhos, payloads, strict=True)
        )

    def encode(self, source: Source, csi: Csi, rate: Rate) -> BitPayload:  # noqa: ARG002
        """Compress ``source [B, 3, H, W]`` to ``[B, rate.payload]`` bits.

        Raises:
            ValueError: if ``rate`` is not one of this image shape.
        """
        if rate.shape != source.shape or rate.unit != "bits":
            raise ValueError(f"rate {rate} is not one of images of shape {source.shape}")
        bits = np.zeros((len(source), rate.payload), np.uint8)
        for row, pixels in zip(bits, to_uint8(source.image), strict=True):
            stream = self._compress(pixels, rate.payload // 8)
            row[: 8 * len(stream)] = np.unpackbits(np.frombuffer(stream, np.uint8))
        return BitPayload(torch.from_numpy(bits).to(self.grey.device))

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """Rebuild ``[B, 3, H, W]``; what does not decode is mid-grey, with its outage true.

        Raises:
            TypeError: if symbols are given, not bits.
            ValueError: if there are not ``rate.payload`` bits an image.
        """
        if not isinstance(received, ReceivedBits):
            raise TypeError("a classical codec decodes bits; put a modem before it")
        if received.bits.shape[1] != rate.payload:
            raise ValueError(f"expected {rate.payload} bits, got {received.bits.shape[1]}")
        bits = received.bits.to("cpu", torch.uint8).numpy()
        streams = np.packbits(bits[:, : rate.payload // 8 * 8], axis=1)
        image = self.grey.repeat(len(bits), *rate.shape)  # [B, 3, H, W]
        outage = torch.ones(len(bits), dtype=torch.bool)
        for i, stream in enumerate(streams):
            pixels = self._decompress(stream.tobytes(), *rate.shape[1:])
            if pixels is not None:
                image[i] = torch.from_numpy(pixels).permute(2, 0, 1) / 255.0
                outage[i] = False
        return Output(image=image, outage=outage.to(self.grey.device))

    def _compress(self, pixels: NDArray[np.uint8], room: int) -> bytes:
        """Return the best stream of at most ``room`` bytes, empty if there is none."""
        image = Image.fromarray(pixels)
        streams = []
        for subsampling in self._format.subsamplings:
            pack = partial(self._format.pack, image, subsampling)
            if stream := _highest_that_fits(pack, self._format.qualities, room):
                streams.append(stream)
        if len(streams) < 2:
            return streams[0] if streams else b""
        return min(streams, key=lambda stream: self._squared_error(stream, pixels))

    def _squared_error(self, stream: bytes, pixels: NDArray[np.uint8]) -> float:
        height, width, _ = pixels.shape
        decoded = self._decompress(stream, height, width)
        if decoded is None:
            return math.inf
        return float(np.square(decoded.astype(np.int32) - pixels).sum())

    def _decompress(self, stream: bytes, height: int, width: int) -> NDArray[np.uint8] | None:
        """Return pixels ``[H, W, 3]``, or none where nothing of that size can be decoded."""
        if not any(stream):
            return None
        try:
            file = self._format.unpack(stream, width, height)
            with warnings.catch_warnings(action="ignore"):
                return _pixels(file, self._format.pillow, (width, height))
        except Exception:  # damaged bits make Pillow raise nearly anything
            return None


def _pixels(file: bytes, format_name: str, size: tuple[int, int]) -> NDArray[np.uint8] | None:
    with Image.open(BytesIO(file), formats=(format_name,)) as image:
        # A damaged header may ask for gigabytes: look before the pixels are read.
        return np.array(image.convert("RGB")) if image.size == size else None


def _highest_that_fits(
    pack: Callable[[int], bytes], qualities: Sequence[int], room: int
) -> bytes | None:
    best, low, high = None, 0, len(qualities)
    while low < high:
        middle = (low + high) // 2
        stream = pack(qualities[middle])
        if len(stream) <= room:
            best, low = stream, middle + 1
        else:
            high = middle
    for quality in qualities[low + 1 : low + 1 + _BEYOND]:
        stream = pack(quality)
        if len(stream) <= room:
            best = stream
    return best
