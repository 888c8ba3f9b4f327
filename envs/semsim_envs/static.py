"""E cells of independent slots, with qualities from the curve: nothing is coded or sent."""

from __future__ import annotations

import numpy as np

from semsim.engine.fading import mixed, rician_weights, scatter, turn_rad_per_slot
from semsim.engine.feedback import Reports
from semsim.engine.propagation import draw_large_scale
from semsim.engine.topology import Places
from semsim.rng import Streams
from semsim.simulation import draw_users
from semsim.types import Allocation, Array, DownlinkState
from semsim_envs.backend import Backend
from semsim_envs.cell import Cell
from semsim_envs.worth import Outcome, Worth, judge


class Drops:
    """Gains of E drops, slot by slot, drawn on the host whatever the device.

    One drop meets the very gains that :class:`semsim.engine.downlink.Downlink` draws of its seed.

    Attributes:
        places: where users stand, ``[E, N]``.
        gain: of the current slot, ``[E, N]``.

    Args:
        cell: what is drawn.
        count: E.
        seed: of everything random.

    Raises:
        ScenarioError: if a user stands where the cell's propagation model does not hold.
    """

    def __init__(self, cell: Cell, count: int, seed: int) -> None:
        scenario, streams = cell.scenario, Streams(seed)
        self.places = draw_users(scenario, streams.numpy("topology"), count)
        large_scale = draw_large_scale(scenario.cell, self.places, streams)
        self._large_scale_gain = large_scale.gain
        k = np.where(large_scale.line_of_sight, scenario.cell.fading.rician_k, 0.0)
        self._weights = rician_weights(k)
        self._scatter = scatter(scenario.cell, (count, cell.users), streams)
        self._turn_rad = turn_rad_per_slot(scenario.cell)
        self._reports = Reports(scenario.feedback, streams)
        self._fade()

    @property
    def reported(self) -> Array:
        """What the sender knows of the gains, ``[E, N]``."""
        return self._reports.told

    def advance(self) -> None:
        """Go on to the next slot."""
        self._scatter.advance(self._turn_rad)
        self._fade()

    def _fade(self) -> None:
        self.gain = self._large_scale_gain * mixed(self._scatter.parts, *self._weights)
        self._reports.add(self.gain)


class StaticCells:
    """Every slot, all users of E cells are sent an image; slots are coupled by fading alone.

    Args:
        cell: the scenario.
        count: E.
        backend: of the arrays.
    """

    def __init__(self, cell: Cell, count: int, backend: Backend) -> None:
        self._cell, self._count, self._backend = cell, count, backend
        self._worth = Worth(cell, backend)

    def reset(self, seed: int) -> None:
        """Draw new drops for all cells."""
        self._drops = Drops(self._cell, self._count, seed)
        shape = self._count, self._cell.users
        self.last_quality = self._backend.array(np.zeros(shape))
        self._look()

    def _look(self) -> None:
        drops, backend = self._drops, self._backend
        self._gain = backend.array(drops.gain)
        reported = self._gain if drops.reported is drops.gain else backend.array(drops.reported)
        self._state = DownlinkState(reported, backend.array(drops.places.distance_m))

    def places(self, row: int) -> Places:
        """Return where the users of one cell stand."""
        places = self._drops.places
        return Places(places.distance_m[row], places.bearing_rad[row])

    def observe(self) -> DownlinkState:
        """Return what the sender knows, ``[E, N]``."""
        return self._state

    def step(self, allocation: Allocation) -> Outcome:
        """Judge an allocation ``[E, N]`` of offered rates, and go to the next slot."""
        rho, p_w, worth = allocation.rho, allocation.p_w, self._worth
        array = self._backend.array  # new ones every slot: users keep what they are given
        air_s = worth.air_s(rho, self._gain, allocation.b_hz, p_w)
        compute_s = worth.compute_s(rho)
        quality = worth.quality(rho)
        outcome = judge(
            worth.config,
            worth.weight,
            array(np.ones(self._drops.gain.shape, dtype=np.bool_)),
            quality,
            air_s + compute_s,
            p_w * air_s + worth.compute_power_w * compute_s,
            array(np.zeros(self._count, dtype=np.bool_)),
            all_delivered=True,
        )
        self.last_quality = quality
        self._drops.advance()
        self._look()
        return outcome
