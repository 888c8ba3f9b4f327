"""What the channel lets through, in bits: capacities and the normal approximation.

All SNRs are linear Es/N0 per complex channel use, and all functions work elementwise.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import exp1, hyperu, ndtr, ndtri

from semsim.types import Array


def awgn_capacity(snr: ArrayLike) -> Array:
    """``log2(1 + snr)``: bits per complex use of an AWGN channel (Shannon 1948).

    *Bound* for every code, given the mean power.

    Raises:
        ValueError: if an SNR is negative.

    >>> awgn_capacity([1.0, 3.0])
    array([1., 2.])
    """
    return np.log2(1.0 + _snr(snr))


def rayleigh_capacity(snr: ArrayLike) -> Array:
    """``E log2(1 + snr·g) = log2(e) e^{1/snr} E1(1/snr)``, ergodic, for Rayleigh fading.

    *Bound* for codes that span very many fades, where the receiver knows the gains g and the
    sender only their law (Alouini and Goldsmith 1999). A single fade may carry more.

    Raises:
        ValueError: if an SNR is negative.

    >>> round(float(rayleigh_capacity(10.0)), 4)
    2.9065
    """
    with np.errstate(divide="ignore"):
        x = 1.0 / _snr(snr)
    # exp overflows above 700, hyperu(1, 1, x) = e^x E1(x) is less exact below 100.
    near = np.minimum(x, 100.0)
    scaled = np.where(x < 100.0, np.exp(near) * exp1(near), 0.0)
    far = np.isfinite(x) & (x >= 100.0)
    return math.log2(math.e) * np.where(far, hyperu(1.0, 1.0, np.where(far, x, 1.0)), scaled)


def rayleigh_outage_capacity(snr: ArrayLike, outage: float) -> Array:
    """``log2(1 − snr ln(1 − outage))``: what all but a share of Rayleigh fades carry.

    *Bound* on the rate of long codes that each see one fade, unknown to the sender, and fail in at
    most this share of the fades. It is not multiplied by the share that succeeds.

    Raises:
        ValueError: if an SNR is negative or the share is not in 0..1.

    >>> round(float(rayleigh_outage_capacity(10.0, 0.01)), 4)
    0.1382
    """
    return np.log2(1.0 - _snr(snr) * math.log1p(-_share(outage)))


def information(snr: ArrayLike, gains: ArrayLike) -> Array:
    """Bits per use that each draw of the fading lets through: mean of ``log2(1 + snr·g)``.

    Args:
        snr: ``[...]``.
        gains: ``[D]`` power gains, or ``[D, m]`` of the m symbols (or pieces) that one code word
            or image sees, such as :attr:`semsim.types.Csi.fading`.

    Returns:
        ``[..., D]``.

    Raises:
        ValueError: if an SNR is negative, or gains are not of these shapes.
    """
    drawn = np.asarray(gains, dtype=np.float64)
    if drawn.ndim not in (1, 2) or drawn.size == 0 or (drawn < 0).any():
        raise ValueError(f"gains are [D] or [D, m] and not negative, got shape {drawn.shape}")
    pieces = drawn[:, None] if drawn.ndim == 1 else drawn
    bits: Array = np.log2(1.0 + _snr(snr)[..., None, None] * pieces).mean(axis=-1)
    return bits


def ergodic_capacity(snr: ArrayLike, gains: ArrayLike) -> Array:
    """Mean of :func:`information` over draws of the gains; ``[...]`` as ``snr``.

    *Bound* as :func:`rayleigh_capacity`, within the sampling error of the draws.

    >>> ergodic_capacity([1.0, 3.0], [1.0, 1.0])
    array([1., 2.])
    """
    mean: Array = information(snr, gains).mean(axis=-1)
    return mean


def outage_capacity(snr: ArrayLike, gains: ArrayLike, outage: float) -> Array:
    """Return the largest rate that fails in at most this share of the draws; as ``snr``.

    *Bound* as :func:`rayleigh_outage_capacity`, within the sampling error of the draws: a code
    word fails where its own :func:`information` is below the rate.

    >>> float(outage_capacity(1.0, [0.0, 1.0, 3.0, 7.0], 0.25))
    1.0
    """
    bits = information(snr, gains)
    last = bits.shape[-1] - 1
    rank = min(math.floor(_share(outage) * bits.shape[-1] + 1e-9), last)
    return np.partition(bits, rank, axis=-1)[..., rank]


def awgn_dispersion(snr: ArrayLike) -> Array:
    """``snr (snr + 2) / (snr + 1)² · log2(e)²``: squared bits per complex use.

    A complex use is two real ones of the same SNR, each of half this dispersion (Polyanskiy, Poor
    and Verdú 2010, Theorem 54).
    """
    gamma = _snr(snr)
    return gamma * (gamma + 2.0) / np.square(gamma + 1.0) * math.log2(math.e) ** 2


def normal_bits(channel_uses: ArrayLike, snr: ArrayLike, error: ArrayLike) -> Array:
    """Bits that n complex uses of an AWGN channel carry at block error probability ``error``.

    ``nC − √(nV) Q⁻¹(error) + ½ log2(2n)`` with C and V per complex use; the logarithm has the
    2n real uses of Polyanskiy, Poor and Verdú (2010), eq. 296. Negative results are
    returned as zero.

    *Reference*: an approximation, good to a few bits from some hundred uses on, neither achieved
    nor a limit for certain.

    Raises:
        ValueError: if an SNR is negative or an error probability is not in 0..1.

    >>> round(float(normal_bits(250, 1.0, 1e-3)), 2)  # 500 real uses at 0 dB
    193.44
    """
    n = np.asarray(channel_uses, dtype=np.float64)
    spread = np.sqrt(n * awgn_dispersion(snr))
    bits = n * awgn_capacity(snr) + spread * ndtri(_share(error)) + 0.5 * np.log2(2.0 * n)
    positive: Array = np.maximum(bits, 0.0)
    return positive


def normal_error(channel_uses: ArrayLike, snr: ArrayLike, bits: ArrayLike) -> Array:
    """Block error probability of ``bits`` in n complex uses: the inverse of :func:`normal_bits`.

    *Reference*, as there.

    Raises:
        ValueError: if an SNR is not positive.

    >>> round(float(normal_error(250, 1.0, 193.44)), 5)
    0.001
    """
    n = np.asarray(channel_uses, dtype=np.float64)
    gamma = _snr(snr)
    if (gamma == 0).any():
        raise ValueError("at an SNR of zero there is no normal approximation")
    margin = n * awgn_capacity(gamma) - np.asarray(bits) + 0.5 * np.log2(2.0 * n)
    error: Array = ndtr(-margin / np.sqrt(n * awgn_dispersion(gamma)))
    return error


def _snr(snr: ArrayLike) -> Array:
    gamma = np.asarray(snr, dtype=np.float64)
    if not (gamma >= 0).all():
        raise ValueError("an SNR here is linear Es/N0, not dB, and never negative")
    return gamma


def _share(value: ArrayLike) -> Array:
    share = np.asarray(value, dtype=np.float64)
    if not ((share > 0) & (share < 1)).all():
        raise ValueError(f"a probability of failure lies between 0 and 1, got {share}")
    return share
