"""Small-scale fading from slot to slot: independent, Gauss–Markov, or Jakes.

Each model tells the scatter of any slot by the slot's number, in any order; it depends on the seed
and that number alone. Scatter comes as standard normal parts ``[2, N]``, real and imaginary, whose
complex sum over √2 is g̃ ~ CN(0, 1) of FTSC eq. (23).
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
import torch

from semsim.engine.config import CellConfig, GaussMarkovFading, IndependentFading
from semsim.rng import Streams
from semsim.types import Array

SPEED_OF_LIGHT_M_PER_S = 299_792_458.0

#: Sinusoids of the Jakes model. E|g̃|⁴ falls short of the Gaussian 2 by one over this.
SINUSOIDS = 256


class Scatter(Protocol):
    """The scattered part of every user's fading."""

    def at(self, slot: int) -> Array:
        """Return the real and imaginary parts in ``slot``, ``[2, N]``, variance 1 each."""
        ...


class IndependentScatter:
    """A new draw every slot."""

    def __init__(self, users: int, streams: Streams) -> None:
        self._users = users
        self._streams = streams

    def at(self, slot: int) -> Array:
        """Return the parts in ``slot``, ``[2, N]``."""
        rng = self._streams.child("slot", slot).numpy("fading")
        return rng.standard_normal((2, self._users))


class GaussMarkovScatter:
    """g(k) = a g(k-1) + √(1-a²) w(k), with w independent: correlation a^k over k slots.

    Args:
        users: N.
        streams: where w comes from.
        coefficient: a, between -1 and 1.
    """

    def __init__(self, users: int, streams: Streams, coefficient: float) -> None:
        self._fresh = IndependentScatter(users, streams)
        self._memory, self._news = coefficient, math.sqrt(1 - coefficient**2)
        self._slot, self._parts = 0, self._fresh.at(0)

    def at(self, slot: int) -> Array:
        """Return the parts in ``slot``, ``[2, N]``; going back starts again from slot 0."""
        if slot < self._slot:
            self._slot, self._parts = 0, self._fresh.at(0)
        while self._slot < slot:
            self._slot += 1
            self._parts = self._memory * self._parts + self._news * self._fresh.at(self._slot)
        return self._parts


class JakesScatter:
    """Waves of random phase from all around (Clarke, 1968): correlation J0(ψ k) over k slots.

    A sum of :data:`SINUSOIDS` waves of equal power. Their directions are evenly spaced and turned
    by one random angle a user, so that J0 is exact over seeds for every lag, and for a single seed
    too (averaged over phases) up to lags of about ``SINUSOIDS / ψ`` slots, where the sum begins to
    repeat itself. With so many waves the law of a gain is Gaussian but for a kurtosis 1/256 short.

    Y. R. Zheng and C. Xiao, "Simulation models with correct statistical properties for Rayleigh
    fading channels", IEEE Trans. Commun. 51(6), 2003, turn and space the directions in this way.

    Args:
        users: N.
        streams: where directions and phases come from.
        turn_rad: ψ = 2π f_d T, the largest Doppler shift times the slot.
    """

    def __init__(self, users: int, streams: Streams, turn_rad: float) -> None:
        rng = streams.numpy("fading")
        around = rng.uniform(0.0, 2 * math.pi, users) + 2 * math.pi * np.arange(SINUSOIDS)[:, None]
        self._turn = turn_rad * np.cos(around / SINUSOIDS)  # [SINUSOIDS, N]
        self._phase = rng.uniform(0.0, 2 * math.pi, (SINUSOIDS, users))

    def at(self, slot: int | Array) -> Array:
        """Return the parts in ``slot``, ``[2, N]``; users may be in slots of their own, ``[N]``."""
        angle = self._phase + slot * self._turn
        waves = np.stack([np.cos(angle).sum(axis=0), np.sin(angle).sum(axis=0)])
        return waves * math.sqrt(2 / SINUSOIDS)


def scatter(cell: CellConfig, users: int, streams: Streams) -> Scatter:
    """Return the scatter of the cell's fading model for N = ``users``."""
    fading = cell.fading
    if isinstance(fading, IndependentFading):
        return IndependentScatter(users, streams)
    doppler_hz = fading.speed_m_per_s * cell.carrier_hz / SPEED_OF_LIGHT_M_PER_S
    turn_rad = 2 * math.pi * doppler_hz * fading.slot_s
    if isinstance(fading, GaussMarkovFading):
        j0 = torch.special.bessel_j0(torch.tensor(turn_rad, dtype=torch.float64))
        return GaussMarkovScatter(users, streams, float(j0))
    return JakesScatter(users, streams, turn_rad)


def rician_gain(parts: Array, k: Array | float) -> Array:
    """Return |√(K/(K+1)) ĝ + √(1/(K+1)) g̃|² with |ĝ| = 1 and g̃ ~ CN(0, 1), so its mean is 1.

    The phase of ĝ is 0 in every slot: users who move around the sender see no Doppler shift of
    the line of sight.

    Args:
        parts: ``[2, ...]`` standard normal real and imaginary parts of the scatter.
        k: Rician factor K, linear, of the shape ``[...]`` or one for all.
    """
    return mixed(parts, *rician_weights(k))


def rician_weights(k: Array | float) -> tuple[Array, Array]:
    """Return √(K/(K+1)) and √(0.5/(K+1)), the weights of line of sight and of each part."""
    return np.sqrt(k / (k + 1.0)), np.sqrt(0.5 / (k + 1.0))


def mixed(parts: Array, line_of_sight: Array, scattered: Array) -> Array:
    """Return the power gain ``[...]`` of ``parts [2, ...]`` by their :func:`rician_weights`."""
    real, imaginary = parts * scattered
    gain: Array = (line_of_sight + real) ** 2 + imaginary**2
    return gain
