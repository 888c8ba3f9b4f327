"""Intervals of confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm as normal
from scipy.stats import t as student


def mean_interval(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Return the mean and the half-width of its 95 % interval (Student's t); NaN of one value.

    >>> mean, half = mean_interval([1.0, 2.0, 3.0])
    >>> round(mean, 3), round(half, 3)  # 4.303 · 1 / √3
    (2.0, 2.484)
    """
    drawn = np.asarray(values, dtype=float)
    if len(drawn) < 2:
        return float(drawn.mean()), math.nan
    half = student.ppf(0.975, len(drawn) - 1) * drawn.std(ddof=1) / math.sqrt(len(drawn))
    return float(drawn.mean()), float(half)


#: Quantile of the normal distribution that leaves 2.5 % on either side.
_Z = float(normal.ppf(0.975))


def share_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval (Wilson) of a share of ``count`` independent events.

    It stays within 0..1 and has a width even where all events were alike.

    >>> [round(bound, 3) for bound in share_interval(1.0, 10)]
    [0.722, 1.0]
    """
    z2 = _Z**2 / count
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count)) / (1 + z2)
    # At a share of 0 or 1 rounding could push the bound past it.
    return min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share)
