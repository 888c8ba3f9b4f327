"""Where the users are and what the air between does to power: FTSC eq. (23)."""

from __future__ import annotations

import numpy as np

from semsim.engine.config import CellConfig
from semsim.types import Array
from semsim.units import db_to_linear


def draw_distances_m(count: int, low: float, high: float, rng: np.random.Generator) -> Array:
    """Return ``[count]`` distances, uniform between ``low`` and ``high`` metres."""
    return rng.uniform(low, high, count)


def path_gain(distance_m: Array, cell: CellConfig) -> Array:
    """Return β₀ d^(−α), the power gain of log-distance path loss; shape as ``distance_m``."""
    reference = db_to_linear(cell.reference_gain_db)
    gain: Array = reference * np.power(distance_m, -cell.path_loss_exponent)
    return gain


def rician_gain(shape: tuple[int, ...], k: float, rng: np.random.Generator) -> Array:
    """Return |√(K/(K+1)) ĝ + √(1/(K+1)) g̃|² with |ĝ| = 1 and g̃ ~ CN(0, 1), so its mean is 1.

    Args:
        shape: of the result.
        k: Rician factor K, linear.
        rng: source of the scattered component; the phase of ĝ does not matter and is 0.
    """
    scattered = rng.standard_normal((2, *shape)) * np.sqrt(0.5 / (k + 1.0))
    line_of_sight = np.sqrt(k / (k + 1.0))
    gain: Array = (line_of_sight + scattered[0]) ** 2 + scattered[1] ** 2
    return gain
