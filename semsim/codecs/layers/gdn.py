"""Generalised divisive normalisation (Ballé, Laparra, Simoncelli 2016)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Smallest β, so that nothing is divided by zero.
BETA_MIN = 1e-6


class Gdn(nn.Module):
    """``y_i = x_i / √(β_i + Σ_j γ_ij x_j²)`` at every pixel; the inverse multiplies instead.

    β and γ must not be negative. What is learned is their roots, squared when used, so that every
    value of the parameters is a valid one. β starts at 1 and γ at 0.1 on the diagonal, as in the
    paper; γ's root starts a little above 0 elsewhere, since a square has no slope at 0.

    With ``inverse`` this is the approximate inverse (IGDN) that decoders have: the same formula
    with the factor on top, computed from the layer's own input.

    Args:
        channels: of the input and the output.
        inverse: multiply by the root instead of dividing by it.
    """

    #: β and γ act entry by entry: optimisers that treat matrices as such must leave γ alone.
    elementwise = True

    def __init__(self, channels: int, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.root_beta = nn.Parameter(torch.ones(channels))
        self.root_gamma = nn.Parameter(
            (0.1 * torch.eye(channels)).sqrt() + 1e-3 * (1 - torch.eye(channels))
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[B, channels, h, w]`` to the same shape."""
        gamma = self.root_gamma.square()[:, :, None, None]
        norm = F.conv2d(x.square(), gamma, self.root_beta.square() + BETA_MIN).sqrt()
        return x * norm if self.inverse else x / norm

    def extra_repr(self) -> str:
        """Sizes, for ``print(module)``."""
        return f"{len(self.root_beta)}, inverse={self.inverse}"
