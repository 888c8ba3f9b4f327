"""Users who come and go. The places for them are fixed, so that arrays keep their shape."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from semsim.engine.dynamics.config import PopulationConfig

Mask = NDArray[np.bool_]


def first_users(config: PopulationConfig | None, places: int, rng: np.random.Generator) -> Mask:
    """Return which of the places ``[N]`` are taken in the first slot.

    Raises:
        ValueError: if there are fewer places than users.
    """
    if config is None or config.start_users is None:
        return np.ones(places, dtype=np.bool_)
    if config.start_users > places:
        raise ValueError(f"{config.start_users} users start, but there are {places} places")
    return rng.permutation(places) < config.start_users


def come_and_go(
    present: Mask, config: PopulationConfig, slot_s: float, rng: np.random.Generator
) -> tuple[Mask, Mask, int]:
    """Return who is there a slot later, whose user has left, and how many were turned away.

    Users leave with the probability that an exponential time ends within a slot. Those who come
    then take a place each, any of the free ones with the same probability.

    Args:
        present: ``[N]`` places that are taken.
        config: how many come, and how long they stay.
        slot_s: length of a slot.
        rng: of the slot.
    """
    chance = rng.uniform(size=present.shape)
    left = present & (chance < -math.expm1(-slot_s / config.mean_stay_s))
    staying = present & ~left
    coming = int(rng.poisson(config.arrivals_per_s * slot_s))
    order = rng.permutation(present.size)
    free = order[~staying[order]]
    now = staying.copy()
    now[free[:coming]] = True
    return now, left, max(coming - free.size, 0)
