"""Training a codec to rebuild images after a channel."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from semsim.errors import ScenarioError
from semsim.training.config import ReconstructionConfig
from semsim.training.end_to_end import EndToEnd
from semsim.types import Output, Source, Transmit

#: Added to an error before its logarithm: 80 dB, above what pixels of eight bits resolve (59 dB).
_LEAST_MSE = 1e-8


class Reconstruction(EndToEnd):
    """MSE between what was sent and what arrived, of the batch or in decibels an image."""

    Config = ReconstructionConfig

    def __init__(
        self, config: ReconstructionConfig, transmit: Transmit, device: str = "cpu"
    ) -> None:
        super().__init__(config, transmit, device)
        self._in_decibels = config.loss == "psnr"

    def _loss(self, output: Output, source: Source) -> Tensor:
        if output.image is None:
            raise ScenarioError(
                f"objective.codec: {self._config.codec.kind!r} delivers no images to compare "
                "with those sent; name another"
            )
        if not self._in_decibels:
            return F.mse_loss(output.image, source.image)
        error = (output.image - source.image).square().flatten(1).mean(dim=1)
        return -_psnr_db(error + _LEAST_MSE).mean()

    def _shown(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {"psnr_db": torch.neg if self._in_decibels else _psnr_db}


def _psnr_db(mse: Tensor) -> Tensor:
    return -10.0 * mse.log10()
