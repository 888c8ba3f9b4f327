"""Training of the Oracle Network (PADC, Section IV)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.jscc.adjscc_v import AdjsccV
from semsim.codecs.jscc.config import OracleConfig
from semsim.errors import ScenarioError
from semsim.types import Csi, Product, Rate, Source, Transmit, Update
from semsim.units import db_to_linear, linear_to_db


class OracleObjective:
    """MSE between the predicted and the measured PSNR in dB of images that came through a channel.

    SNRs are drawn by the recipe's law and each batch's code length among all on offer. Everything
    but the Oracle Network is frozen, so that the codec leaves as it came.

    Raises:
        ScenarioError: if the codec is no ADJSCC-V.
    """

    Config = OracleConfig

    def __init__(self, config: OracleConfig, transmit: Transmit, device: str = "cpu") -> None:
        codec = config.codec.build(device=device)
        if not isinstance(codec, AdjsccV):
            raise ScenarioError(
                f"objective.codec: {config.codec.kind!r} has no Oracle Network; name one of kind "
                "'adjscc_v'"
            )
        codec.requires_grad_(False)
        codec.oracle_network.requires_grad_(True)
        self._config = config
        self._transmit = transmit
        self.models: dict[str, nn.Module] = {"codec": codec}

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """One update a batch."""
        rates = self._codec.rates(source.shape)
        drawn = torch.randint(len(rates), (), generator=generator, device=generator.device)
        predicted_db, measured_db = self._compare(source, rates[int(drawn)])
        loss = F.mse_loss(predicted_db, measured_db)
        yield Update("codec", loss, of_loss={"error_db": torch.sqrt})

    @torch.no_grad()
    def evaluate(self, source: Source) -> dict[str, float]:
        """Mean absolute error in dB over all code lengths, negative since more is better."""
        errors = [
            (predicted_db - measured_db).abs().mean()
            for predicted_db, measured_db in (
                self._compare(source, rate) for rate in self._codec.rates(source.shape)
            )
        ]
        return {"negative_error_db": -float(torch.stack(errors).mean())}

    def products(self) -> tuple[Product, ...]:
        """The codec's weights with those of its Oracle Network."""
        codec = {"kind": self._config.codec.kind, "weights": "WEIGHTS"}
        return (Product("codec", self._codec.sizes(), codec),)

    @property
    def _codec(self) -> AdjsccV:
        codec = self.models["codec"]
        if not isinstance(codec, AdjsccV):
            raise TypeError("the model is no ADJSCC-V")
        return codec

    def _compare(self, source: Source, rate: Rate) -> tuple[Tensor, Tensor]:
        """Return predicted and measured PSNR in dB, ``[B]`` each."""
        snr_db = self._transmit.draw(len(source))
        with torch.no_grad():
            image = self._transmit(self._codec, source, rate, snr_db=snr_db).image
        if image is None:
            raise TypeError("the codec returns no image")
        predicted_db = self._codec.oracle(source.image, Csi(db_to_linear(snr_db)), rate)
        return predicted_db, _psnr_db(source.image, image)


def _psnr_db(original: Tensor, received: Tensor) -> Tensor:
    """PSNR per image in dB, ``[B]``, of images rounded to 8 bit (docs/physics.md)."""
    difference = _bytes(original) - _bytes(received)
    mse = difference.square().mean(dim=(1, 2, 3)).clamp_min(1e-4)
    return linear_to_db(255.0**2 / mse)


def _bytes(image: Tensor) -> Tensor:
    return (image.clamp(0, 1) * 255.0).round()
