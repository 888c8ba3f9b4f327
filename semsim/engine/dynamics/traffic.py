"""When users ask for images: every slot, at random, or in bursts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from semsim.arrays import with_rows
from semsim.engine.dynamics.config import BurstyTraffic, FullBuffer, Traffic
from semsim.types import Array


class Requests:
    """Requests of ``shape`` users, slot by slot.

    Args:
        config: the law of the traffic.
        slot_s: length of a slot.
        shape: ``(..., N)``.
    """

    def __init__(self, config: Traffic, slot_s: float, shape: tuple[int, ...]) -> None:
        self._config, self._slot_s, self._shape = config, slot_s, shape
        self._on: NDArray[np.bool_] | None = None

    def draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return how many requests each user has in the next slot, ``[..., N]``.

        The users of bursty traffic start on or off as in the long run.
        """
        config = self._config
        if isinstance(config, FullBuffer):
            return np.ones(self._shape, dtype=np.int64)
        mean = np.full(self._shape, config.requests_per_s * self._slot_s)
        if isinstance(config, BurstyTraffic):
            chance = rng.uniform(size=self._shape)
            self._on = chance < on_probability(config, self._slot_s, self._on)
            mean = np.where(self._on, mean, 0.0)
        return rng.poisson(mean)

    def put(self, rows: list[int], fresh: Requests) -> None:
        """Let cells ``rows`` of ``[E, N]`` go on from those of ``fresh``."""
        if self._on is not None and fresh._on is not None:
            self._on = with_rows(self._on, rows, fresh._on)


def on_probability(
    config: BurstyTraffic, slot_s: float, on: NDArray[np.bool_] | None
) -> Array | float:
    """Return the probability that a user is on, given whether it was ``on`` a slot ago.

    Exponential times on and off make a Markov chain in continuous time, of which this is the
    transition over ``slot_s``: what it was is forgotten at the rate 1/on_s + 1/off_s.
    """
    share = config.on_s / (config.on_s + config.off_s)
    if on is None:
        return share
    memory = math.exp(-slot_s * (1 / config.on_s + 1 / config.off_s))
    return share + memory * (on.astype(np.float64) - share)
