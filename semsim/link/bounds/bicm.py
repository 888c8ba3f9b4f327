"""Mutual information of bit-interleaved Gray-coded QAM on complex AWGN."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from semsim.types import Array
from semsim.units import db_to_linear, linear_to_db

#: Ends and spacing of the SNRs where the integral is computed, in dB.
_LOW_DB, _HIGH_DB, _STEP_DB = -30.0, 50.0, 0.25
#: Knots of the final table in one such step.
_FINER = 25
#: Capacities closer than this to the bits of the symbol count as full.
_FULL = 1e-9
_NODES = 128


@dataclass(frozen=True)
class _Table:
    snr_db: Array
    capacity: Array


def bicm_capacity(snr: ArrayLike, bits_per_symbol: int) -> Array:
    """Bits per complex use of Gray-coded QAM whose bits are decoded as independent channels.

    ``Σ_k I(b_k; y)`` over the bits of the label, for equally likely symbols (Caire, Taricco and
    Biglieri 1998), with the labels of TS 38.211. *Bound* for codes over this modulation
    whose decoder sees one log-likelihood ratio a bit, such as 5G LDPC. Exact to 1e-6 bits; taken
    as proportional to the SNR under −30 dB, and as constant once 1e-9 bits are missing.

    Args:
        snr: linear Es/N0, any shape.
        bits_per_symbol: 2, 4, 6 or 8.

    Raises:
        ValueError: if an SNR is negative or the modulation is unknown.

    >>> bicm_capacity([0.1, 10.0, 1e3], 4).round(3)
    array([0.113, 3.164, 4.   ])
    """
    gamma = np.asarray(snr, dtype=np.float64)
    if not (gamma >= 0).all():
        raise ValueError("an SNR here is linear Es/N0, not dB, and never negative")
    table = _table(bits_per_symbol)
    least = db_to_linear(_LOW_DB)
    found = np.interp(linear_to_db(np.maximum(gamma, least)), table.snr_db, table.capacity)
    capacity: Array = found * np.minimum(gamma / least, 1.0)
    return capacity


def bicm_snr(capacity: ArrayLike, bits_per_symbol: int) -> Array:
    """Linear Es/N0 at which :func:`bicm_capacity` is reached: its inverse.

    Capacities within 1e-9 of the bits of the symbol (or above) give the SNR where that is
    reached, not infinity.

    Raises:
        ValueError: if a capacity is negative or above the bits of the symbol, or the modulation
            is unknown.

    >>> bicm_snr(bicm_capacity([0.1, 10.0], 4), 4).round(9)
    array([ 0.1, 10. ])
    """
    bits = np.asarray(capacity, dtype=np.float64)
    table = _table(bits_per_symbol)
    if not ((bits >= 0) & (bits <= bits_per_symbol)).all():
        raise ValueError(f"capacities lie in 0..{bits_per_symbol} bits per symbol")
    least = table.capacity[0]
    found = np.interp(np.maximum(bits, least), table.capacity, table.snr_db)
    snr: Array = db_to_linear(found) * np.minimum(bits / least, 1.0)
    return snr


@cache
def _table(bits_per_symbol: int) -> _Table:
    """Capacities on so fine a grid that linear interpolation, and its inverse, will do."""
    if bits_per_symbol not in (2, 4, 6, 8):
        raise ValueError(f"QAM of 2, 4, 6 or 8 bits per symbol, got {bits_per_symbol}")
    coarse_db = np.arange(_LOW_DB, _HIGH_DB + _STEP_DB, _STEP_DB)
    rule = np.polynomial.hermite_e.hermegauss(_NODES)
    coarse = np.array([_capacity(snr, bits_per_symbol, *rule) for snr in db_to_linear(coarse_db)])
    open_ = coarse < bits_per_symbol - _FULL
    kept = int(open_.sum()) + 1  # one beyond, so that the table reaches what counts as full
    fine_db = np.linspace(coarse_db[0], coarse_db[kept - 1], (kept - 1) * _FINER + 1)
    fine = CubicSpline(coarse_db, coarse)(fine_db)
    rising = fine < bits_per_symbol - _FULL
    return _Table(fine_db[rising], fine[rising])


def _capacity(snr: float, bits_per_symbol: int, nodes: Array, weights: Array) -> float:
    """Sum over the bits of both real dimensions, by Gauss–Hermite quadrature."""
    levels, labels = _gray_levels(bits_per_symbol // 2)
    deviation = math.sqrt(0.5 / snr)
    # p(y | level) up to a factor, for y = sent + noise: [sent, node, level]. The level that was
    # sent keeps every sum well above the least number.
    y = levels[:, None] + deviation * nodes
    density = np.exp(-0.5 * np.square((y[..., None] - levels) / deviation))
    every = density.sum(axis=-1)
    information = 0.0
    for label in labels:
        same = (label[:, None] == label).astype(np.float64)  # [sent, level]
        alike = np.einsum("snl,sl->sn", density, same)
        loss = (np.log2(every / alike) @ weights).mean() / math.sqrt(2.0 * math.pi)
        information += 1.0 - loss
    return 2.0 * information


def _gray_levels(bits: int) -> tuple[Array, Array]:
    """Levels ``[M]`` of one real dimension of a unit-power QAM, and their bits ``[bits, M]``."""
    index = np.arange(2**bits)
    levels = 2.0 * index - (2**bits - 1)
    gray = index ^ index >> 1
    return levels / math.sqrt(2.0 * np.square(levels).mean()), np.array(
        [gray >> k & 1 for k in range(bits)]
    )
