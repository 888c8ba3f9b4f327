"""What distance and surroundings do to power, once a drop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from semsim.channels.landscape import Landscape
from semsim.channels.large_scale import LargeScale, Surroundings
from semsim.engine.config import CellConfig, LogDistance
from semsim.engine.topology import Places
from semsim.errors import ScenarioError
from semsim.rng import Streams
from semsim.types import Array
from semsim.units import db_to_linear, linear_to_db

#: Closer than this to the sender, the path loss of users who move no longer falls.
NEAREST_M = 1.0


def draw_large_scale(cell: CellConfig, places: Places, streams: Streams) -> LargeScale:
    """Return path loss and shadowing of every user by the cell's model, ``[N]`` each.

    Raises:
        ScenarioError: if a user stands where the model does not hold; the message names it.
    """
    model = cell.propagation
    check_reach(cell, places.distance_m)
    if isinstance(model, LogDistance):
        return _by_distance(model, 0.0, places)
    surroundings = Surroundings(carrier_hz=cell.carrier_hz, **model.model_dump())
    return surroundings.draw(places.distance_m, places.bearing_rad, streams.torch("propagation"))


def large_scale_by_place(cell: CellConfig, streams: Streams) -> Callable[[Places], LargeScale]:
    """Return path loss and shadowing as a function of where users are, for users who move.

    Closer to the sender than the model holds for, or than :data:`NEAREST_M`, users have the path
    loss of that distance.
    """
    model = cell.propagation
    nearest_m = max(NEAREST_M, model.reach_m[0])
    if isinstance(model, LogDistance):
        return partial(_by_distance, model, nearest_m)
    surroundings = Surroundings(carrier_hz=cell.carrier_hz, **model.model_dump())
    landscape = Landscape(surroundings, streams.torch("propagation"))
    return partial(_by_place, landscape, nearest_m)


def _by_distance(model: LogDistance, nearest_m: float, places: Places) -> LargeScale:
    gain = path_gain(np.maximum(places.distance_m, nearest_m), model)
    none = np.zeros(gain.shape)
    return LargeScale(gain, -linear_to_db(gain), none, none == 0, none != 0)


def _by_place(landscape: Landscape, nearest_m: float, places: Places) -> LargeScale:
    return landscape.at(np.maximum(places.distance_m, nearest_m), places.bearing_rad)


def path_gain(distance_m: Array, model: LogDistance) -> Array:
    """Return β₀ d^(−α), the power gain of FTSC eq. (23) without fading; as ``distance_m``."""
    reference = db_to_linear(model.reference_gain_db)
    gain: Array = reference * np.power(distance_m, -model.path_loss_exponent)
    return gain


def check_reach(cell: CellConfig, distance_m: Array) -> None:
    """Refuse users who stand where the cell's propagation model does not hold.

    Raises:
        ScenarioError: naming the first such user, ``[N]``, its distance and the remedy.
    """
    low, high = cell.propagation.reach_m
    beyond = np.flatnonzero((distance_m < low) | (distance_m > high))
    if beyond.size:
        user = int(beyond[0])
        raise ScenarioError(
            f"user {user} stands {distance_m[user]:.1f} m from the sender, but "
            f"{cell.propagation.model} holds from {low:g} to {high:g} m: change the users' "
            "distances, or take another model in cell.propagation"
        )
