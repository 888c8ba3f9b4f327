"""What distance and surroundings do to power, once a drop."""

from __future__ import annotations

import numpy as np

from semsim.channels.large_scale import LargeScale, Surroundings
from semsim.engine.config import CellConfig, LogDistance
from semsim.engine.topology import Places
from semsim.errors import ScenarioError
from semsim.rng import Streams
from semsim.types import Array
from semsim.units import db_to_linear, linear_to_db


def draw_large_scale(cell: CellConfig, places: Places, streams: Streams) -> LargeScale:
    """Return path loss and shadowing of every user by the cell's model, ``[N]`` each.

    Raises:
        ScenarioError: if a user stands where the model does not hold; the message names it.
    """
    model = cell.propagation
    check_reach(cell, places.distance_m)
    if isinstance(model, LogDistance):
        gain = path_gain(places.distance_m, model)
        none = np.zeros(gain.shape)
        return LargeScale(gain, -linear_to_db(gain), none, none == 0, none != 0)
    surroundings = Surroundings(carrier_hz=cell.carrier_hz, **model.model_dump())
    return surroundings.draw(places.distance_m, places.bearing_rad, streams.torch("propagation"))


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
