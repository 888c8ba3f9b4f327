"""Intervals of confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
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
