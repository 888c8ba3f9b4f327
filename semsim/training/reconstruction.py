"""Training a codec to rebuild images: mean squared error after a channel."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from semsim.errors import ScenarioError
from semsim.training.config import ReconstructionConfig
from semsim.training.end_to_end import EndToEnd
from semsim.types import Output, Source


class Reconstruction(EndToEnd):
    """MSE between what was sent and what arrived."""

    Config = ReconstructionConfig

    def _loss(self, output: Output, source: Source) -> Tensor:
        if output.image is None:
            raise ScenarioError(
                f"objective.codec: {self._config.codec.kind!r} delivers no images to compare "
                "with those sent; name another"
            )
        return F.mse_loss(output.image, source.image)

    def _shown(self) -> dict[str, Callable[[Tensor], Tensor]]:
        return {"psnr_db": lambda mse: -10.0 * mse.log10()}
