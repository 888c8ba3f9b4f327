"""The sender's battery: harvested, spent, empty. Pure functions on arrays of numpy or torch."""

from __future__ import annotations

import numpy as np

from semsim.arrays import Values, namespace
from semsim.engine.dynamics.config import EnergyConfig
from semsim.types import Array

#: Below it, a battery lasts for ever, and a quotient by it might overflow.
_LEAST_W = 1e-150


def draw_harvest_j(
    config: EnergyConfig, slot_s: float, shape: tuple[int, ...], rng: np.random.Generator
) -> Array:
    """Return the energy that a slot brings to batteries of ``shape``, in joules."""
    mean_j = config.harvest_w * slot_s
    if config.packet_j is None:
        return np.full(shape, mean_j)
    packets = rng.poisson(mean_j / config.packet_j, shape)
    return config.packet_j * packets.astype(np.float64)


def charge(energy_j: Values, harvest_j: Values, capacity_j: float) -> tuple[Values, Values]:
    """Return what the battery holds after a harvest, and what it could not take; ``[...]`` each."""
    xp = namespace(energy_j)
    full_j = energy_j + harvest_j
    kept_j = xp.minimum(full_j, xp.zeros_like(full_j) + capacity_j)
    return kept_j, full_j - kept_j


def until_empty(wanted_s: Values, power_w: Values, energy_j: Values) -> tuple[Values, Values]:
    """Return how long each user is on the air until the battery is empty.

    All begin together, and each draws its power until it is done. The energy E(t) spent by time t,
    Σ P_n min(t, t_n), is concave and piecewise linear, so it is the least of its lines; the time
    at which E(t) is what there is is therefore the largest of those at which the lines are.

    Args:
        wanted_s: ``[..., N]`` t_n, what each would take.
        power_w: ``[..., N]`` P_n, drawn meanwhile.
        energy_j: ``[...]`` what there is; may be infinite.

    Returns:
        Times ``[..., N]``, and ``[...]`` whether the battery ran empty before all were done.
    """
    xp = namespace(wanted_s)
    empty = xp.sum(power_w * wanted_s, axis=-1) > energy_j
    if not xp.any(empty):
        return wanted_s, empty
    order = xp.argsort(wanted_s, axis=-1)
    times_s = xp.take_along_axis(wanted_s, order, axis=-1)
    powers_w = xp.take_along_axis(power_w, order, axis=-1)
    spent_j = xp.cumulative_sum(powers_w * times_s, axis=-1)
    before_j = spent_j - powers_w * times_s  # by those who are done, as each one's line begins
    drawn_w = xp.flip(xp.cumulative_sum(xp.flip(powers_w, axis=-1), axis=-1), axis=-1)
    drawing = drawn_w > _LEAST_W
    line_s = (energy_j[..., None] - before_j) / xp.where(drawing, drawn_w, xp.ones_like(drawn_w))
    end_s = xp.max(xp.where(drawing, line_s, xp.zeros_like(line_s)), axis=-1)
    cut_s = xp.minimum(wanted_s, end_s[..., None])
    return xp.where(empty[..., None], cut_s, wanted_s), empty
