"""Small-scale fading from slot to slot: independent, Gauss–Markov, or Jakes.

Scatter is a process that goes on slot by slot. It depends on the seed and on the angle ψ = 2π f_d T
by which each user's largest Doppler shift f_d turns it within a slot T: the same for everybody in a
cell whose fading has a speed, 2π/λ for each metre gone where users move. Scatter comes as standard
normal parts ``[2, ..., N]``, real and imaginary, whose complex sum over √2 is g̃ ~ CN(0, 1) of FTSC
eq. (23).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from scipy.special import j0

from semsim.arrays import with_rows
from semsim.engine.config import CellConfig, IndependentFading, JakesFading
from semsim.rng import Streams
from semsim.types import Array

SPEED_OF_LIGHT_M_PER_S = 299_792_458.0

#: Sinusoids of the Jakes model. E|g̃|⁴ falls short of the Gaussian 2 by one over this.
SINUSOIDS = 256


class Scatter:
    """The scattered part of every user's fading, as a new draw every slot.

    Attributes:
        parts: real and imaginary in the current slot, ``[2, ..., N]``, variance 1 each.

    Args:
        shape: ``(..., N)``.
        streams: where the draws come from.
    """

    def __init__(self, shape: tuple[int, ...], streams: Streams) -> None:
        # One stream from the first slot on: a generator a slot would take longer than its draws.
        self._rng = streams.child("slot", 0).numpy("fading")
        self.parts: Array = self._rng.standard_normal((2, *shape))

    def advance(self, turn_rad: Array | float) -> None:  # noqa: ARG002
        """Go on to the next slot, with every user turned by ψ = ``turn_rad``, ``[..., N]``."""
        self.parts = self._rng.standard_normal(self.parts.shape)

    def put(self, rows: list[int], fresh: Any) -> None:
        """Let cells ``rows`` of ``[E, N]`` go on from those of ``fresh``, of the same kind."""
        self.parts = with_rows(self.parts, rows, fresh.parts, axis=1)


class GaussMarkovScatter(Scatter):
    """g(k) = a g(k-1) + √(1-a²) w(k), with w independent and a = J0(ψ)."""

    def advance(self, turn_rad: Array | float) -> None:
        """Go on to the next slot, with every user turned by ψ = ``turn_rad``, ``[..., N]``."""
        memory = j0(turn_rad)
        fresh = self._rng.standard_normal(self.parts.shape)
        self.parts = memory * self.parts + np.sqrt(1 - memory**2) * fresh


class JakesScatter(Scatter):
    """Waves of random phase from all around (Clarke, 1968): correlation J0 of the angle turned.

    A sum of :data:`SINUSOIDS` waves of equal power. Their directions are evenly spaced and turned
    by one random angle a user, so that J0 is exact over seeds for every lag, and for a single seed
    too (averaged over phases) up to angles of about ``SINUSOIDS``, where the sum begins to repeat
    itself. With so many waves the law of a gain is Gaussian but for a kurtosis 1/256 short.

    Y. R. Zheng and C. Xiao, "Simulation models with correct statistical properties for Rayleigh
    fading channels", IEEE Trans. Commun. 51(6), 2003, turn and space the directions in this way.

    Args:
        shape: ``(..., N)``.
        streams: where directions and phases come from.
    """

    def __init__(self, shape: tuple[int, ...], streams: Streams) -> None:
        rng = streams.numpy("fading")
        waves = np.arange(SINUSOIDS).reshape(-1, *[1] * len(shape))
        around = rng.uniform(0.0, 2 * math.pi, shape) + 2 * math.pi * waves
        self._towards = np.cos(around / SINUSOIDS)  # [SINUSOIDS, ..., N]
        self._phase = rng.uniform(0.0, 2 * math.pi, (SINUSOIDS, *shape))
        self._turned_rad = np.zeros(shape)
        self.advance(0.0)

    def advance(self, turn_rad: Array | float) -> None:
        """Go on to the next slot, with every user turned by ψ = ``turn_rad``, ``[..., N]``."""
        self._turned_rad = self._turned_rad + turn_rad
        # Torch's cosine is many times faster than numpy's where it is compiled for wide registers.
        angle = torch.from_numpy(self._phase + self._turned_rad * self._towards)
        waves = torch.stack([angle.cos().sum(dim=0), angle.sin().sum(dim=0)])
        self.parts = waves.numpy() * math.sqrt(2 / SINUSOIDS)

    def put(self, rows: list[int], fresh: Any) -> None:
        """Let cells ``rows`` of ``[E, N]`` go on from those of ``fresh``, of the same kind."""
        super().put(rows, fresh)
        self._towards[:, rows], self._phase[:, rows] = fresh._towards, fresh._phase
        self._turned_rad = with_rows(self._turned_rad, rows, fresh._turned_rad)


def scatter(cell: CellConfig, shape: tuple[int, ...], streams: Streams) -> Scatter:
    """Return the scatter of the cell's fading model for users ``(..., N)`` in the first slot."""
    if isinstance(cell.fading, IndependentFading):
        return Scatter(shape, streams)
    kind = JakesScatter if isinstance(cell.fading, JakesFading) else GaussMarkovScatter
    return kind(shape, streams)


def turn_rad_per_slot(cell: CellConfig) -> float:
    """Return ψ = 2π f_d T of the speed and the slot of the cell's fading; 0 if it has none."""
    fading = cell.fading
    if isinstance(fading, IndependentFading):
        return 0.0
    return turn_rad_per_m(cell) * fading.speed_m_per_s * fading.slot_s


def turn_rad_per_m(cell: CellConfig) -> float:
    """Return 2π/λ, by which a wave turns a metre."""
    return 2 * math.pi * cell.carrier_hz / SPEED_OF_LIGHT_M_PER_S


def against_line_of_sight(parts: Array, turn_rad: Array) -> Array:
    """Return ``parts [2, ..., N]`` as seen from a line of sight turned by ``turn_rad [..., N]``."""
    real, imaginary = parts
    cosine, sine = np.cos(turn_rad), np.sin(turn_rad)
    return np.stack([real * cosine - imaginary * sine, real * sine + imaginary * cosine])


def rician_gain(parts: Array, k: Array | float) -> Array:
    """Return |√(K/(K+1)) ĝ + √(1/(K+1)) g̃|² with |ĝ| = 1 and g̃ ~ CN(0, 1), so its mean is 1.

    The phase of ĝ is 0: users who move around the sender see no Doppler shift of the line of
    sight, and of others the scatter is taken :func:`against_line_of_sight`.

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
