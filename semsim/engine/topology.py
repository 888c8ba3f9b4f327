"""Where the users are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from semsim.types import Array


@dataclass(frozen=True)
class Places:
    """Where the users stand, seen from the sender at the origin; ``[N]`` each.

    Attributes:
        distance_m: distance to the sender, on the ground.
        bearing_rad: direction from the sender. Only the users' distances to each other depend on
            it, and through them the shadowing of neighbours.
    """

    distance_m: Array
    bearing_rad: Array


def draw_places(count: int, low: float, high: float, rng: np.random.Generator) -> Places:
    """Return ``count`` users at distances uniform between ``low`` and ``high`` metres."""
    return Places(rng.uniform(low, high, count), draw_bearings_rad(count, rng))


def draw_bearings_rad(count: int, rng: np.random.Generator) -> Array:
    """Return ``[count]`` directions, uniform all around."""
    return rng.uniform(0.0, 2 * math.pi, count)
