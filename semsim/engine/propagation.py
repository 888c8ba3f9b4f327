"""What distance and surroundings do to power, once a drop."""

from __future__ import annotations

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
    """Return path loss and shadowing of every user by the cell's model, ``[..., N]`` each.

    Raises:
        ScenarioError: if a user stands where the model does not hold; the message names it.
    """
    model = cell.propagation
    check_reach(cell, places.distance_m)
    if isinstance(model, LogDistance):
        return _by_distance(model, places.distance_m)
    surroundings = Surroundings(carrier_hz=cell.carrier_hz, **model.model_dump())
    return surroundings.draw(places.distance_m, places.bearing_rad, streams.torch("propagation"))


class Terrain:
    """Path loss and shadowing as functions of where users are, for users who move in E cells.

    Closer to the sender than the model holds for, or than :data:`NEAREST_M`, users have the path
    loss of that distance.

    Args:
        cell: the model.
        drops: E; each has shadows of its own.
        streams: where those come from.
    """

    def __init__(self, cell: CellConfig, drops: int, streams: Streams) -> None:
        model = cell.propagation
        self._nearest_m = max(NEAREST_M, model.reach_m[0])
        self._landscape = None
        if isinstance(model, LogDistance):
            self._by_distance = partial(_by_distance, model)
        else:
            surroundings = Surroundings(carrier_hz=cell.carrier_hz, **model.model_dump())
            self._landscape = Landscape(surroundings, streams.torch("propagation"), (drops,))

    def at(self, places: Places) -> LargeScale:
        """Return what users at ``places`` have, ``[E, N]``."""
        distance_m = np.maximum(places.distance_m, self._nearest_m)
        if self._landscape is not None:
            return self._landscape.at(distance_m, places.bearing_rad)
        return self._by_distance(distance_m)

    def put(self, rows: list[int], fresh: Terrain) -> None:
        """Let cells ``rows`` lie in the surroundings of ``fresh``."""
        if self._landscape is not None and fresh._landscape is not None:
            self._landscape.put(rows, fresh._landscape)


def _by_distance(model: LogDistance, distance_m: Array) -> LargeScale:
    gain = path_gain(distance_m, model)
    none = np.zeros(gain.shape)
    return LargeScale(gain, -linear_to_db(gain), none, none == 0, none != 0)


def path_gain(distance_m: Array, model: LogDistance) -> Array:
    """Return β₀ d^(−α), the power gain of FTSC eq. (23) without fading; as ``distance_m``."""
    reference = db_to_linear(model.reference_gain_db)
    gain: Array = reference * np.power(distance_m, -model.path_loss_exponent)
    return gain


def check_reach(cell: CellConfig, distance_m: Array) -> None:
    """Refuse users who stand where the cell's propagation model does not hold.

    Raises:
        ScenarioError: naming the first such user of ``[..., N]``, its distance and the remedy.
    """
    low, high = cell.propagation.reach_m
    beyond = (distance_m < low) | (distance_m > high)
    if beyond.any():
        user = int(np.argwhere(beyond)[0, -1])
        raise ScenarioError(
            f"user {user} stands {distance_m[beyond][0]:.1f} m from the sender, but "
            f"{cell.propagation.model} holds from {low:g} to {high:g} m: change the users' "
            "distances, or take another model in cell.propagation"
        )
