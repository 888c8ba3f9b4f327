"""How the best linear analog code shares its power (Lee and Petersen 1976).

A Gaussian vector of N independent components of standard deviations σ_1 ≥ … ≥ σ_N goes over n
complex uses of an AWGN channel, which are 2n real ones of noise variance 1/(2·snr). A linear
encoder gives component i the energy p_i, Σ p_i = n, and leaves the error
σ_i² / (1 + 2·snr·p_i). The sum of errors is least where every component that is sent has the same
slope, ``1 + 2·snr·p_i = σ_i / μ``, and those with σ_i ≤ μ are not sent at all. With K sent,
``μ = (σ_1 + … + σ_K) / (2·snr·n + K)``; K is the largest number, up to 2n, with σ_K > μ.

K.-H. Lee and D. P. Petersen, Optimal linear coding for vector channels, IEEE Trans. Commun.
COM-24(12), 1976.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semsim.types import Array


def water_level(
    deviations: Array, channel_uses: float, snr: ArrayLike
) -> tuple[Array, NDArray[np.int64]]:
    """Return μ and the number K of components that are sent, both shaped as ``snr``.

    Args:
        deviations: ``[N]`` positive standard deviations, falling.
        channel_uses: n, complex.
        snr: linear Es/N0, any shape.
    """
    most = deviations[: int(2 * channel_uses)]
    sums = np.cumsum(most)
    energy = 2.0 * channel_uses * np.asarray(snr, dtype=np.float64)
    # Component K + 1 joins where this energy (over the noise) is exceeded; it rises with K.
    joins = sums[:-1] / most[1:] - np.arange(1, most.size)
    count = 1 + np.searchsorted(joins, energy, side="left")
    return sums[count - 1] / (energy + count), count


def component_powers(deviations: Array, channel_uses: float, snr: ArrayLike) -> Array:
    """Return the energies p ``[..., N]`` for ``snr [...]``; they sum to ``channel_uses``.

    Args:
        deviations: ``[N]`` positive standard deviations, falling.
        channel_uses: n, complex.
        snr: linear Es/N0, any shape.

    >>> component_powers(np.array([3.0, 1.0, 1.0]), 1, np.array([1.0, 10.0])).round(3)
    array([[1.   , 0.   , 0.   ],
           [0.775, 0.225, 0.   ]])
    """
    level, count = water_level(deviations, channel_uses, snr)
    level, count = level[..., None], count[..., None]
    sent = np.arange(deviations.size) < count
    noise = 0.5 / np.asarray(snr, dtype=np.float64)[..., None]
    return np.where(sent, noise * (deviations / level - 1.0), 0.0)
