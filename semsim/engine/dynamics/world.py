"""What happens in a cell whatever is allocated: movement, requests, harvests, coming and going."""

from __future__ import annotations

import numpy as np

from semsim.engine.config import CellConfig
from semsim.engine.dynamics.config import DynamicsConfig
from semsim.engine.dynamics.energy import draw_harvest_j
from semsim.engine.dynamics.mobility import start_walk
from semsim.engine.dynamics.population import come_and_go, first_users
from semsim.engine.dynamics.scatter import MovingScatter
from semsim.engine.dynamics.traffic import Requests
from semsim.engine.fading import rician_gain, scatter
from semsim.engine.propagation import draw_large_scale, large_scale_by_place
from semsim.engine.topology import Places
from semsim.rng import Streams
from semsim.types import Array


class World:
    """The part of a dynamic cell that no allocation changes; all arrays are ``[N]``.

    It depends on the seed and the slots that have passed alone, so that different allocators face
    the same gains, requests, harvests and users. A user who comes takes over its place as it is:
    where the place stands or moves to, its fading, codec and source.

    Attributes:
        slot: number of the current slot, from 0.
        distance_m: to the sender.
        bearing_rad: direction from the sender.
        large_scale: path loss and shadowing.
        gain: large-scale gain times fading.
        present: places that are taken.
        left: places whose user has just left.
        turned_away: users who have just found no place.
        requests: that come in this slot; none where nobody is.
        harvest_j: energy that comes in this slot.

    Args:
        config: what couples the slots.
        slot_s: length of a slot.
        cell: propagation and fading.
        places: where users stand in the first slot.
        streams: of everything random.

    Raises:
        ScenarioError: if a user stands where the cell's propagation model does not hold.
        ValueError: if a user stands beyond the disc in which users move.
    """

    def __init__(
        self,
        config: DynamicsConfig,
        slot_s: float,
        cell: CellConfig,
        places: Places,
        streams: Streams,
    ) -> None:
        self._config, self._slot_s, self._cell, self._streams = config, slot_s, cell, streams
        users = len(places.distance_m)
        self.slot = 0
        self.distance_m, self.bearing_rad = places.distance_m, places.bearing_rad
        if config.mobility is None:
            self.large_scale = draw_large_scale(cell, places, streams)
            self._scatter = scatter(cell, users, streams)
            self.gain = self._gain(self._scatter.at(0))
        else:
            bearing = places.bearing_rad
            place_m = places.distance_m[:, None] * np.stack([np.cos(bearing), np.sin(bearing)], -1)
            self._large_scale_at = large_scale_by_place(cell, streams)
            self.large_scale = self._large_scale_at(places)
            self._walk = start_walk(config.mobility, place_m, streams.numpy("mobility"))
            self._moving = MovingScatter(cell, users, streams)
            self.gain = self._gain(self._moving.move(0, np.zeros(users), self.distance_m))
        self._requests = Requests(config.traffic, slot_s, (users,))
        self.present = first_users(config.population, (users,), streams.numpy("population"))
        self.left = np.zeros(users, dtype=np.bool_)
        self.turned_away = 0
        self.harvest_j = 0.0
        self._ask(streams.child("slot", 0))

    def advance(self) -> None:
        """Go on to the next slot."""
        self.slot += 1
        streams = self._streams.child("slot", self.slot)
        self._move(streams)
        config = self._config
        if config.population is not None:
            rng = streams.numpy("population")
            self.present, self.left, turned_away = come_and_go(
                self.present, config.population, self._slot_s, rng
            )
            self.turned_away = int(turned_away)
        if config.energy is not None:
            rng = streams.numpy("harvest")
            self.harvest_j = draw_harvest_j(config.energy, self._slot_s, rng)
        self._ask(streams)

    def _ask(self, streams: Streams) -> None:
        requests = self._requests.draw(streams.numpy("requests"))
        self.requests = np.where(self.present, requests, 0)

    def _move(self, streams: Streams) -> None:
        if self._config.mobility is None:
            self.gain = self._gain(self._scatter.at(self.slot))
            return
        step = self._walk.step(self._slot_s, streams.numpy("mobility"))
        self.distance_m = np.hypot(step.place_m[:, 0], step.place_m[:, 1])
        self.bearing_rad = np.arctan2(step.place_m[:, 1], step.place_m[:, 0])
        self.large_scale = self._large_scale_at(Places(self.distance_m, self.bearing_rad))
        self.gain = self._gain(self._moving.move(self.slot, step.way_m, self.distance_m))

    def _gain(self, parts: Array) -> Array:
        k = np.where(self.large_scale.line_of_sight, self._cell.fading.rician_k, 0.0)
        return self.large_scale.gain * rician_gain(parts, k)
