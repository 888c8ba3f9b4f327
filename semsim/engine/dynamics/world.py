"""What happens in cells whatever is allocated: movement, requests, harvests, coming and going."""

from __future__ import annotations

import numpy as np

from semsim.arrays import with_rows
from semsim.channels.large_scale import LargeScale
from semsim.engine.config import CellConfig
from semsim.engine.dynamics.config import DynamicsConfig
from semsim.engine.dynamics.energy import draw_harvest_j
from semsim.engine.dynamics.mobility import Walk, start_walk
from semsim.engine.dynamics.population import come_and_go, first_users
from semsim.engine.dynamics.traffic import Requests
from semsim.engine.fading import (
    against_line_of_sight,
    rician_gain,
    scatter,
    turn_rad_per_m,
    turn_rad_per_slot,
)
from semsim.engine.propagation import Terrain, draw_large_scale
from semsim.engine.topology import Places
from semsim.rng import Streams

#: What differs from cell to cell, and is not large-scale.
_OF_CELLS = (
    "distance_m",
    "bearing_rad",
    "gain",
    "present",
    "left",
    "turned_away",
    "requests",
    "harvest_j",
)


class World:
    """The part of E dynamic cells that no allocation changes; arrays are ``[E, N]`` or ``[E]``.

    It depends on the seed and the slots that have passed alone, so that different allocators face
    the same gains, requests, harvests and users. A user who comes takes over its place as it is:
    where the place stands or moves to, its fading, codec and source. Each kind of draw has a stream
    of its own, from which all cells draw slot by slot.

    Attributes:
        distance_m: to the sender.
        bearing_rad: direction from the sender.
        large_scale: path loss and shadowing.
        gain: large-scale gain times fading.
        present: places that are taken.
        left: places whose user has just left.
        turned_away: ``[E]`` users who have just found no place.
        requests: that come in this slot; none where nobody is.
        harvest_j: ``[E]`` energy that comes in this slot.

    Args:
        config: what couples the slots.
        slot_s: length of a slot.
        cell: propagation and fading.
        places: where users stand in the first slot, ``[E, N]``.
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
        self._config, self._slot_s, self._cell = config, slot_s, cell
        self.distance_m, self.bearing_rad = places.distance_m, places.bearing_rad
        shape = self.distance_m.shape
        self._draws = {
            name: streams.numpy(name) for name in ("mobility", "population", "harvest", "requests")
        }
        self._walk: Walk | None = None
        self._terrain: Terrain | None = None
        self.large_scale: LargeScale
        if config.mobility is None:
            self.large_scale = draw_large_scale(cell, places, streams)
        else:
            towards = np.stack([np.cos(places.bearing_rad), np.sin(places.bearing_rad)], -1)
            place_m = places.distance_m[..., None] * towards
            self._walk = start_walk(config.mobility, place_m, self._draws["mobility"])
            self._terrain = Terrain(cell, shape[0], streams)
            self.large_scale = self._terrain.at(places)
        self._scatter = scatter(cell, shape, streams)
        self._requests = Requests(config.traffic, slot_s, shape)
        self.present = first_users(config.population, shape, self._draws["population"])
        self.left = np.zeros(shape, dtype=np.bool_)
        self.turned_away = np.zeros(shape[0], dtype=np.int64)
        self.harvest_j = np.zeros(shape[0])
        self._fade()
        self._ask()

    def advance(self) -> None:
        """Go on to the next slot."""
        config, draws = self._config, self._draws
        self._move()
        self._fade()
        if config.population is not None:
            self.present, self.left, self.turned_away = come_and_go(
                self.present, config.population, self._slot_s, draws["population"]
            )
        if config.energy is not None:
            self.harvest_j = draw_harvest_j(
                config.energy, self._slot_s, self.harvest_j.shape, draws["harvest"]
            )
        self._ask()

    def put(self, rows: list[int], fresh: World) -> None:
        """Let cells ``rows`` begin as ``fresh`` has them; what they draw next is still theirs."""
        for name in _OF_CELLS:
            setattr(self, name, with_rows(getattr(self, name), rows, getattr(fresh, name)))
        self.large_scale = LargeScale(
            **{
                name: with_rows(values, rows, getattr(fresh.large_scale, name))
                for name, values in vars(self.large_scale).items()
            }
        )
        self._scatter.put(rows, fresh._scatter)
        self._requests.put(rows, fresh._requests)
        if self._walk is not None and self._terrain is not None and fresh._terrain is not None:
            self._walk.put(rows, fresh._walk)
            self._terrain.put(rows, fresh._terrain)

    def _ask(self) -> None:
        requests = self._requests.draw(self._draws["requests"])
        self.requests = np.where(self.present, requests, 0)

    def _move(self) -> None:
        if self._walk is None or self._terrain is None:
            self._scatter.advance(turn_rad_per_slot(self._cell))
            return
        step = self._walk.step(self._slot_s, self._draws["mobility"])
        x_m, y_m = step.place_m[..., 0], step.place_m[..., 1]
        self.distance_m, self.bearing_rad = np.hypot(x_m, y_m), np.arctan2(y_m, x_m)
        self.large_scale = self._terrain.at(Places(self.distance_m, self.bearing_rad))
        # Scatter from all around has the correlation J0(2π x/λ) along a way of x metres.
        self._scatter.advance(turn_rad_per_m(self._cell) * step.way_m)

    def _fade(self) -> None:
        parts = self._scatter.parts
        if self._walk is not None:
            # A metre nearer or farther turns the line of sight by 2π/λ.
            parts = against_line_of_sight(parts, turn_rad_per_m(self._cell) * self.distance_m)
        k = np.where(self.large_scale.line_of_sight, self._cell.fading.rician_k, 0.0)
        self.gain = self.large_scale.gain * rician_gain(parts, k)
