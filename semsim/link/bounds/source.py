"""The least mean squared error of a Gaussian source: over any code, and over linear codes.

A source here is a vector of independent Gaussian components of given variances; an image of
covariance Σ is one, with the eigenvalues of Σ. Means are known at the receiver.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from semsim.codecs.linear.powers import component_powers, water_level
from semsim.types import Array

#: Knots of the spline that stands for the mean over gains.
_KNOTS = 512


def reverse_water_filling(variances: ArrayLike, bits: ArrayLike) -> Array:
    """Distortion of each component at the rate-distortion limit (Cover and Thomas 2006, 10.3.3).

    ``D_i = min(θ, σ_i²)`` with the level θ for which ``Σ ½ log2(σ_i² / D_i) = bits``.

    *Bound* on the sum of D_i for Gaussian components and any code of so many bits, also for a
    single vector; for other sources of the same covariance a *reference*: they are easier.

    Args:
        variances: ``[N]``.
        bits: ``[...]``, for all components together.

    Returns:
        ``[..., N]``.

    Raises:
        ValueError: if variances or bits are negative or not finite.

    >>> reverse_water_filling([4.0, 1.0, 0.25], 2.0)
    array([0.5 , 0.5 , 0.25])
    """
    sigma2 = _variances(variances)
    level, _ = _reverse_level(_falling(sigma2), _bits(bits))
    return np.minimum(level[..., None], sigma2)


def opta_mse(variances: ArrayLike, bits_available: ArrayLike) -> Array:
    """Optimum performance theoretically attainable: mean over components of the least distortion.

    With ``bits_available = n·C`` for n channel uses of capacity C this is a *bound* on the mean
    squared error of every code, separate or joint, of a Gaussian source (Shannon's converse holds
    for single vectors too). For fading that changes within an image C is ergodic; where every
    image sees its own gain, known to both ends, average over
    ``n·information(snr, gains)``, which no sender that does not know the gain can pass. For
    images of the same covariance it is a *reference*.

    Args:
        variances: ``[N]``, as many as a million; sorted once for all budgets.
        bits_available: ``[...]`` bits for all components together.

    Returns:
        ``[...]``.

    Raises:
        ValueError: if variances or bits are negative or not finite.

    >>> opta_mse([1.0, 1.0], [0.0, 2.0, 4.0])
    array([1.    , 0.25  , 0.0625])
    """
    sigma2 = _variances(variances)
    falling = _falling(sigma2)
    level, count = _reverse_level(falling, _bits(bits_available))
    mean: Array = (count * level + _tails(falling)[count]) / sigma2.size
    return mean


def linear_mse(
    variances: ArrayLike, channel_uses: float, snr: ArrayLike, gains: ArrayLike | None = None
) -> Array:
    """Mean squared error of the best linear code (Lee and Petersen 1976), mean over components.

    n complex uses of unit mean power and noise variance 1/snr; the encoder is linear and knows
    the SNR, the decoder is the linear MMSE estimator. The sum of errors is
    ``μ Σ σ_i`` over the components sent and ``Σ σ_i²`` over the others, μ and the choice as in
    :mod:`semsim.codecs.linear.powers`.

    *Bound* on AWGN for linear encoders with linear decoders, on any source of this covariance
    (Gaussian or not), under a mean power over images. For nonlinear codes a *reference*.

    With ``gains`` the same encoder, which only knows the mean SNR, meets fading that the receiver
    knows: the expectation over the gains, exact where a component sees one gain. That is a
    *reference*: powers made for the law of the fading could do better.

    Args:
        variances: ``[N]``.
        channel_uses: n for the whole vector. Where it is a mean over vectors (patches of an
            image), it may be a fraction: its power counts in full, and as many components as
            there are whole real uses.
        snr: ``[...]``.
        gains: draws of the power gain, of any shape, if the channel fades.

    Returns:
        ``[...]``.

    Raises:
        ValueError: if variances are negative or not finite, there is not one real channel use, or
            an SNR is negative.

    >>> linear_mse([1.0, 1.0], 1, [0.0, 1.0, 3.0])  # matched: as opta_mse
    array([1.  , 0.5 , 0.25])
    """
    sigma2 = _variances(variances)
    gamma = _checked(channel_uses, snr)
    falling = _falling(sigma2)
    if falling.size == 0:
        return np.zeros_like(gamma)
    deviations = np.sqrt(falling)
    level, count = water_level(deviations, channel_uses, gamma)
    if gains is None:
        sent = level * np.cumsum(deviations)[count - 1]
    else:
        drawn = np.ravel(np.asarray(gains, dtype=np.float64))
        pairs = zip(level.flat, count.flat, strict=True)
        sent = np.reshape([_faded(deviations[:k], mu, drawn) for mu, k in pairs], gamma.shape)
    mean: Array = (sent + _tails(falling)[count]) / sigma2.size
    return mean


def linear_powers(variances: ArrayLike, channel_uses: float, snr: ArrayLike) -> Array:
    """Energies ``[..., N]`` that the code of :func:`linear_mse` gives to each component.

    They sum to ``channel_uses``; components that are not sent have zero.

    Raises:
        ValueError: as :func:`linear_mse`, or if an SNR or all variances are zero.

    >>> linear_powers([1.0, 9.0, 1.0], 1, 10.0).round(3)
    array([0.225, 0.775, 0.   ])
    """
    sigma2 = _variances(variances)
    gamma = _checked(channel_uses, snr)
    if not (gamma > 0).all() or not sigma2.any():
        raise ValueError("without signal or variance there is no power to share")
    order = np.argsort(-sigma2, kind="stable")
    positive = order[: np.count_nonzero(sigma2)]
    powers = np.zeros((*gamma.shape, sigma2.size))
    powers[..., positive] = component_powers(np.sqrt(sigma2[positive]), channel_uses, gamma)
    return powers


def _faded(deviations: Array, level: float, gains: Array) -> float:
    """``Σ σ_i² E[1 / (1 + g (σ_i/μ − 1))]``: a smooth function of one variable, by a spline."""
    if not level < deviations[0]:  # no signal
        return float(np.square(deviations).sum())
    # Below the floor a component gains less than a billionth of its variance.
    logarithm = np.log(np.maximum(deviations / level - 1.0, 1e-9))
    knots = np.linspace(logarithm[-1], logarithm[0] + 1e-3, _KNOTS)
    errors = np.array([np.mean(1.0 / (1.0 + gains * np.exp(knot))) for knot in knots])
    return float(np.square(deviations) @ CubicSpline(knots, errors)(logarithm))


def _reverse_level(falling: Array, bits: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return the level θ and the number of components above it for each budget."""
    if falling.size == 0:
        return np.zeros_like(bits), np.zeros(bits.shape, dtype=np.int64)
    logarithms = np.log2(falling)
    sums = np.cumsum(logarithms)
    # Component k + 1 joins where θ has come down to its variance; these budgets rise with k.
    ranks = np.arange(1, falling.size)
    joins = 0.5 * (sums[:-1] - ranks * logarithms[1:])
    count = 1 + np.searchsorted(joins, bits, side="right")
    return np.exp2((sums[count - 1] - 2.0 * bits) / count), count


def _tails(falling: Array) -> Array:
    """``[N + 1]``: sum of all but the first k."""
    return np.append(np.cumsum(falling[::-1])[::-1], 0.0)


def _falling(variances: Array) -> Array:
    return np.sort(variances[variances > 0])[::-1]


def _variances(variances: ArrayLike) -> Array:
    sigma2 = np.asarray(variances, dtype=np.float64)
    if sigma2.ndim != 1 or sigma2.size == 0 or not (np.isfinite(sigma2) & (sigma2 >= 0)).all():
        raise ValueError("variances are a vector of finite numbers, none negative")
    return sigma2


def _bits(bits: ArrayLike) -> Array:
    budget = np.asarray(bits, dtype=np.float64)
    if not (np.isfinite(budget) & (budget >= 0)).all():
        raise ValueError("budgets of bits are finite and not negative")
    return budget


def _checked(channel_uses: float, snr: ArrayLike) -> Array:
    gamma = np.asarray(snr, dtype=np.float64)
    if not channel_uses >= 0.5:
        raise ValueError(f"a code needs at least one real channel use, got {channel_uses} complex")
    if not (np.isfinite(gamma) & (gamma >= 0)).all():
        raise ValueError("an SNR here is linear Es/N0, not dB, and never negative")
    return gamma
