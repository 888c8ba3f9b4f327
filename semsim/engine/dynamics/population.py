"""Users who come and go. The places for them are fixed, so that arrays keep their shape."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from semsim.engine.dynamics.config import PopulationConfig
from semsim.types import Array

Mask = NDArray[np.bool_]


def first_users(
    config: PopulationConfig | None, shape: tuple[int, ...], rng: np.random.Generator
) -> Mask:
    """Return which of the places ``shape`` = ``(..., N)`` are taken in the first slot."""
    if config is None or config.start_users is None:
        return np.ones(shape, dtype=np.bool_)
    return _ranks(rng.uniform(size=shape)) < config.start_users


def come_and_go(
    present: Mask, config: PopulationConfig, slot_s: float, rng: np.random.Generator
) -> tuple[Mask, Mask, NDArray[np.int64]]:
    """Return who is there a slot later, whose user has left, and how many were turned away.

    Users leave with the probability that an exponential time ends within a slot. Those who come
    then take a place each, any of the free ones with the same probability.

    Args:
        present: ``[..., N]`` places that are taken.
        config: how many come, and how long they stay.
        slot_s: length of a slot.
        rng: of the slot.

    Returns:
        ``[..., N]``, ``[..., N]`` and ``[...]``.
    """
    left = present & (rng.uniform(size=present.shape) < -math.expm1(-slot_s / config.mean_stay_s))
    taken = present & ~left
    coming = rng.poisson(config.arrivals_per_s * slot_s, present.shape[:-1])
    # Free places in random order, before all others.
    rank = _ranks(rng.uniform(size=present.shape) + taken)
    free = (~taken).sum(axis=-1)
    now = taken | (rank < np.minimum(coming, free)[..., None])
    return now, left, np.maximum(coming - free, 0)


def _ranks(values: Array) -> NDArray[np.int64]:
    return np.argsort(np.argsort(values, axis=-1), axis=-1)
