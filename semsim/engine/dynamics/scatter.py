"""Small-scale fading of users who move: it turns with the way that each has gone."""

from __future__ import annotations

import math

import numpy as np
import torch

from semsim.engine.config import CellConfig, IndependentFading, JakesFading
from semsim.engine.fading import SPEED_OF_LIGHT_M_PER_S, IndependentScatter, JakesScatter
from semsim.rng import Streams
from semsim.types import Array


class MovingScatter:
    """The scatter of a cell's fading model, with every user's own Doppler spread.

    Along a way of x metres, scatter from all around has the correlation J0(2π x/λ), and a user is
    shifted against the line of sight by 2π/λ a metre that it comes nearer or goes away. So Jakes
    fading is a function of the way; the Gauss–Markov model remembers each slot by J0 of the way
    gone since; independent fading has forgotten it. At a constant speed these are the models of
    :mod:`semsim.engine.fading`.

    Args:
        cell: fading model and carrier.
        users: N.
        streams: where the scatter comes from.
    """

    def __init__(self, cell: CellConfig, users: int, streams: Streams) -> None:
        self._turn_per_m = 2 * math.pi * cell.carrier_hz / SPEED_OF_LIGHT_M_PER_S
        self._fresh = IndependentScatter(users, streams)
        self._jakes = None
        if isinstance(cell.fading, JakesFading):
            self._jakes = JakesScatter(users, streams, self._turn_per_m)
        self._forgets = isinstance(cell.fading, IndependentFading)
        self._parts = self._fresh.at(0)
        self._way_m = np.zeros(users)

    def move(self, slot: int, step_m: Array, distance_m: Array) -> Array:
        """Return the parts in ``slot``, ``[2, N]``, against the line of sight.

        Slots are to be asked for one after the other, from 0.

        Args:
            slot: its number.
            step_m: ``[N]`` way since the slot before.
            distance_m: ``[N]`` to the sender.
        """
        self._way_m = self._way_m + step_m
        if self._jakes is not None:
            self._parts = self._jakes.at(self._way_m)
        elif self._forgets:
            self._parts = self._fresh.at(slot)
        elif slot > 0:
            turned = torch.from_numpy(self._turn_per_m * step_m)
            memory = torch.special.bessel_j0(turned).numpy()
            news = np.sqrt(1 - memory**2)
            self._parts = memory * self._parts + news * self._fresh.at(slot)
        turn = self._turn_per_m * distance_m
        real, imaginary = self._parts
        return np.stack(
            [
                real * np.cos(turn) - imaginary * np.sin(turn),
                real * np.sin(turn) + imaginary * np.cos(turn),
            ]
        )
