"""E cells in time, with qualities from the curve: nothing is coded or sent."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from semsim.arrays import with_rows
from semsim.engine.dynamics.energy import charge
from semsim.engine.dynamics.queue import Queues, drop, empty, overdue, push
from semsim.engine.dynamics.service import Offer, serve
from semsim.engine.dynamics.world import World
from semsim.engine.feedback import Reports
from semsim.engine.topology import Places
from semsim.rng import Streams
from semsim.simulation import draw_users
from semsim.types import Allocation, DownlinkState, Waiting
from semsim_envs.backend import Backend
from semsim_envs.cell import Cell
from semsim_envs.worth import Outcome, Worth, judge

#: A deadline that is met to rounding is met, as the engine has it.
_MET = 1 + 1e-12


class DynamicCells:
    """:class:`semsim.engine.dynamics.downlink.DynamicDownlink` without images, E times over.

    Worlds, queues, service, battery and utility are arrays ``[E, N]``, drawn on the host.

    Args:
        cell: the scenario.
        count: E.
        backend: of the arrays; numpy.

    Raises:
        ValueError: for another backend than numpy.
    """

    def __init__(self, cell: Cell, count: int, backend: Backend) -> None:
        scenario = cell.scenario
        if scenario.dynamics is None or scenario.slot_s is None:
            raise TypeError(f"{scenario.name} has no dynamics")
        if backend.device is not None:
            raise ValueError(
                "device: scenarios with 'dynamics' are on numpy only; leave 'device' out"
            )
        self._cell, self._count = cell, count
        self._dynamics, self.slot_s = scenario.dynamics, scenario.slot_s
        self._deadline_s = scenario.dynamics.traffic.deadline_s or math.inf
        self._worth = Worth(cell, backend)
        self._by_levels = cell.problem.budget.levels is not None

    def reset(self, seed: int) -> None:
        """Start all cells over; one meets the very slots that the engine draws of its seed."""
        self._slot = 0
        self._energy_j = np.zeros(self._count)
        self.last_quality = np.zeros((self._count, self._cell.users))
        self._queues = empty(self.last_quality, self._dynamics.traffic.queue)
        self.restart(list(range(self._count)), seed)

    def restart(self, rows: list[int], seed: int) -> None:
        """Start some cells over, with new worlds of a seed."""
        world, reports = self._draw(len(rows), seed)
        if len(rows) == self._count:
            self._world, self._reports = world, reports
        else:
            self._world.put(rows, world)
            self._reports.put(rows, reports)
        nobody = empty(np.zeros((len(rows), self._cell.users)), self._dynamics.traffic.queue)
        self._queues = Queues(
            **{
                name: with_rows(values, rows, getattr(nobody, name))
                for name, values in vars(self._queues).items()
            }
        )
        energy = self._dynamics.energy
        full_j = np.asarray(math.inf if energy is None else energy.initial_j)
        self._energy_j = with_rows(self._energy_j, rows, full_j)
        self.last_quality = with_rows(self.last_quality, rows, np.zeros(()))
        self._open(np.isin(np.arange(self._count), rows))
        self._look()

    def _draw(self, count: int, seed: int) -> tuple[World, Reports]:
        scenario, streams = self._cell.scenario, Streams(seed)
        places = draw_users(scenario, streams.numpy("topology"), count)
        world = World(self._dynamics, self.slot_s, scenario.cell, places, streams)
        reports = Reports(scenario.feedback, streams)
        reports.add(world.gain)
        return world, reports

    def _open(self, cells: NDArray[np.bool_] | None = None) -> None:
        """Begin a slot: requests are dropped, others join, batteries are charged.

        Args:
            cells: ``[E]`` where it begins; in all of them by default.
        """
        world, waited = self._world, self._queues
        new, harvest_j = world.requests, world.harvest_j
        late = overdue(waited, self._slot, self._deadline_s / self.slot_s)
        late = np.where(world.left, waited.length, late)
        if cells is not None:
            late, new = late * cells[:, None], new * cells[:, None]
            harvest_j = harvest_j * cells
        self._queues, _ = push(drop(waited, late), self._slot, new)
        if self._dynamics.energy is not None:
            capacity_j = self._dynamics.energy.capacity_j
            self._energy_j, _ = charge(self._energy_j, harvest_j, capacity_j)

    def _look(self) -> None:
        world, queues, rho = self._world, self._queues, self._queues.rho
        self._waiting = Waiting(
            present=world.present,
            queue=queues.length.astype(np.float64),
            age_s=queues.age(self._slot) * self.slot_s,
            sent=queues.sent,
            rho=rho,
            rest_bits=(1 - queues.sent) * rho * self._worth.image_bits,
            quality=self.last_quality,
            energy_j=self._energy_j,
        )
        self._state = DownlinkState(
            gain=self._reports.told,
            distance_m=world.distance_m,
            active=(queues.length > 0) & (self._energy_j > 0)[:, None],
            waiting=self._waiting,
        )

    def places(self, row: int) -> Places:
        """Return where the users of one cell stand."""
        return Places(self._world.distance_m[row], self._world.bearing_rad[row])

    def observe(self) -> DownlinkState:
        """Return what the sender knows, ``[E, N]``."""
        return self._state

    def step(self, allocation: Allocation) -> Outcome:
        """Serve the oldest request of every active user ``[E, N]``, and go to the next slot."""
        worth, before, told = self._worth, self._queues, self._state.gain
        b_hz, p_w = allocation.b_hz, allocation.p_w
        rho = np.where(before.rho > 0, before.rho, allocation.rho)
        # A modem chooses its level by what it was told, Shannon's rate is that of the true gain.
        met, sent = told if self._by_levels else self._world.gain, (b_hz > 0) & (p_w > 0)
        air_s = worth.air_s(rho, met, np.where(sent, b_hz, 1.0), np.where(sent, p_w, 1.0))
        air_s = np.where(sent, air_s, math.inf)
        compute_s = worth.compute_s(rho)
        nothing = np.zeros_like(rho)  # the mean channel of an image matters to codecs alone
        offer = Offer(rho, air_s, p_w, worth.compute_power_w * compute_s, nothing, nothing, nothing)
        served = serve(before, offer, self._energy_j, self.slot_s)
        delay_s = self._waiting.age_s + served.air_s + compute_s
        delivered = served.done & (delay_s <= self._deadline_s * _MET)
        energy, left_j = self._dynamics.energy, np.asarray(served.left_j)
        finite = energy is not None and energy.harvest_w == 0
        quality = worth.quality(rho)
        outcome = judge(
            worth.config,
            worth.weight,
            delivered,
            quality,
            delay_s,
            served.energy_j,
            (left_j <= 0) & finite,
        )
        self._queues = drop(served.queues, served.done.astype(np.int64))
        self._energy_j = left_j
        self.last_quality = np.where(delivered, quality, self.last_quality)
        self._slot += 1
        self._world.advance()
        self._reports.add(self._world.gain)
        self._open()
        self._look()
        return outcome
