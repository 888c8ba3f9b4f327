"""The rates that a modem really has: a staircase over SNR, and the smooth curve above it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from semsim.types import Array

#: Relative shortfall of an SNR that passes as rounding.
_ROUNDING = 1e-9
#: Γ is looked for up to a factor of e^4 either way, in steps of 1 %.
_WIDEST, _TRIED = 4.0, 801


@dataclass(frozen=True)
class Levels:
    """What a modem carries, level by level: ``bits_per_hz`` bit/s/Hz from a linear ``snr`` on.

    No level lies above a log2(1 + SNR/Γ), cut at the highest, the form in which 3GPP TR 36.942
    (annex A.2) abstracts a link, with :attr:`share` and :attr:`gap` such that the curve is close.
    It is concave in bandwidth and power, as Shannon's is, so that what is best on it can be found
    and proven, and no modem with these levels does better (docs/allocation.md).

    Attributes:
        snr: the least SNR of each level, linear, rising.
        bits_per_hz: what it carries, rising.

    Raises:
        ValueError: if there is no level, or one of them does not rise.
    """

    snr: tuple[float, ...]
    bits_per_hz: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.snr or len(self.snr) != len(self.bits_per_hz):
            raise ValueError(
                f"levels need as many rates as SNRs, and one at least; got {len(self.snr)} SNRs "
                f"and {len(self.bits_per_hz)} rates"
            )
        for name, values in (("snr", self.snr), ("bits_per_hz", self.bits_per_hz)):
            if not all(low < high for low, high in zip((0.0, *values), values, strict=False)):
                raise ValueError(f"{name} must be positive and rise from level to level: {values}")

    @cached_property
    def gap(self) -> float:
        """Γ of the curve above all levels, linear: the one that leaves least between them.

        At every Γ the curve touches one level; what it is above the others is summed in logarithms.
        """
        snr, rate = np.array(self.snr), np.array(self.bits_per_hz)
        tried = np.exp(np.linspace(-_WIDEST, _WIDEST, _TRIED)) * snr[-1] / (np.exp2(rate[-1]) - 1)
        log_rate = np.log(np.log1p(snr / tried[:, None])) - np.log(rate)
        above = (log_rate - log_rate.min(axis=-1, keepdims=True)).sum(axis=-1)
        return float(tried[above.argmin()])

    @cached_property
    def share(self) -> float:
        """The factor a of the curve above all levels."""
        snr, rate = np.array(self.snr), np.array(self.bits_per_hz)
        return float((rate / np.log2(1 + snr / self.gap)).max())

    def of(self, snr: ArrayLike) -> Array:
        """Return bit/s/Hz at linear ``snr``, of its shape; 0 below the lowest level or at NaN."""
        thresholds = np.array(self.snr) * (1 - _ROUNDING)
        reached = np.searchsorted(thresholds, np.nan_to_num(snr, nan=0.0), side="right")
        rates: Array = np.array([0.0, *self.bits_per_hz])[reached]
        return rates
