"""What coding an image takes to compute, as FTSC has it: linear in ρ (eq. 11-15)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semsim.engine.config import ComputeConfig
from semsim.types import ImageShape, Rate

#: Bits of one pixel value and of one latent index (512 codebook entries), FTSC eq. (10).
PIXEL_BITS, INDEX_BITS = 8, 9


@dataclass(frozen=True)
class Computing:
    """``base + slope * ρ`` operations an image; the paper counts a multiply-add as one.

    Attributes:
        base: operations as ρ → 0.
        slope: more of them a unit of ρ. FTSC's is negative: the more is compressed, the more
            layers there are.
    """

    base: float
    slope: float = 0.0


#: A codec that takes next to nothing, such as JPEG: the paper's "JPEG + LDPC".
NOTHING = Computing(0.0)


@dataclass(frozen=True)
class FtscOperations:
    """The operations of FTSC's encoder, from the size of its convolutions.

    Attributes:
        shape: ``(C, H, W)`` of the images.
        config: k and C_ch.
    """

    shape: ImageShape
    config: ComputeConfig

    @property
    def flops_0(self) -> float:
        """C_0 of eq. (12)."""
        _, height, width = self.shape
        return height * width * self.config.kernel**2 * self.config.filters**2 / 4

    @property
    def flops_delta(self) -> float:
        """C_Δ of eq. (12), with C in place of 3: the first layer reads C channels only."""
        return self.flops_0 * (self.config.filters - self.shape[0]) / self.config.filters

    @property
    def rho_max(self) -> float:
        """ρ_[2,2] of eq. (10): the least compression, 45/(128·C), whatever the height and width."""
        return (1 / 4 + 1 / 16) / self.shape[0] * INDEX_BITS / PIXEL_BITS

    @property
    def rho_0(self) -> float:
        """ρ_0 = 16 ρ_[2,2] of eq. (15)."""
        return 16 * self.rho_max

    def rho_of_scaling(self, s: float) -> float:
        """Return ρ of scaling [s, 2], eq. (14).

        Raises:
            ValueError: if ``s`` is below 2, the least scaling.
        """
        if s < 2:
            raise ValueError(f"the scaling of the bottom layer must be at least 2, got {s}")
        return self.rho_0 * math.pow(0.25, math.log2(s) + 1)

    @property
    def computing(self) -> Computing:
        """C(ρ) = 4/3 C_0 (1 - ρ/ρ_0) - C_Δ of eq. (15)."""
        most = 4 / 3 * self.flops_0
        return Computing(most - self.flops_delta, -most / self.rho_0)


def counted(rates: Sequence[Rate]) -> Computing:
    """Return the line through what a codec's own layers take at its rates, both ends together.

    A rate counts two operations a multiply-add, which is one here. A codec of a single rate takes
    the same at any ρ.
    """
    rho = np.array([rate.rho for rate in rates])
    operations = np.array([rate.flops_encode + rate.flops_decode for rate in rates]) / 2
    if np.unique(rho).size < 2:
        return Computing(float(operations.mean()))
    slope, base = np.polyfit(rho, operations, 1)
    return Computing(max(float(base), 0.0), float(slope))
