"""E cells in time, with qualities from the curve: nothing is coded or sent."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from semsim.engine.dynamics.energy import charge
from semsim.engine.dynamics.queue import Queues, drop, empty, overdue, push
from semsim.engine.dynamics.service import Offer, serve
from semsim.engine.dynamics.world import World
from semsim.engine.topology import Places
from semsim.rng import Streams
from semsim.simulation import draw_users
from semsim.types import Allocation, Array, DownlinkState, Waiting
from semsim.units import db_to_linear
from semsim_envs.backend import Backend
from semsim_envs.cell import Cell
from semsim_envs.worth import Outcome, Worth, judge

#: A deadline that is met to rounding is met, as the engine has it.
_MET = 1 + 1e-12


class _Drop:
    """The world of one cell and what its users report; the engine's own draws of the seed."""

    def __init__(self, cell: Cell, slot_s: float, seed: int) -> None:
        scenario, dynamics = cell.scenario, cell.scenario.dynamics
        if dynamics is None:
            raise TypeError(f"{scenario.name} has no dynamics")
        self._streams = streams = Streams(seed)
        places = draw_users(scenario, streams.numpy("topology"))
        self.world = World(dynamics, slot_s, scenario.cell, places, streams)
        self._error_db = scenario.feedback.error_db
        self._reports = deque[Array](maxlen=scenario.feedback.delay_slots + 1)
        self._report()

    @property
    def reported(self) -> Array:
        """What the sender knows of the gains, ``[N]``."""
        return self._reports[0]

    def advance(self) -> None:
        """Go on to the next slot."""
        self.world.advance()
        self._report()

    def _report(self) -> None:
        world = self.world
        reported = world.gain
        if self._error_db > 0:
            rng = self._streams.child("slot", world.slot).numpy("feedback")
            error_db = self._error_db * rng.standard_normal(len(world.gain))
            reported = reported * db_to_linear(error_db)
        self._reports.append(reported)


class DynamicCells:
    """:class:`semsim.engine.dynamics.downlink.DynamicDownlink` without images, E times over.

    Worlds are drawn one by one; queues, service, battery and utility are arrays ``[E, N]``.

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
                "device: scenarios with 'dynamics' are drawn cell by cell, on numpy only; leave "
                "'device' out"
            )
        self._cell, self._count = cell, count
        self._dynamics, self.slot_s = scenario.dynamics, scenario.slot_s
        self._deadline_s = scenario.dynamics.traffic.deadline_s or math.inf
        self._worth = Worth(cell, backend)
        self._by_levels = cell.problem.budget.levels is not None

    def reset(self, seed: int) -> None:
        """Start all cells over: the first with ``seed``, the others with seeds drawn from it."""
        rest = Streams(seed).numpy("cells").integers(2**32, size=self._count - 1)
        self._drops: dict[int, _Drop] = {}
        self._slot = 0
        shape = self._count, self._cell.users
        self.last_psnr_db = np.zeros(shape)
        self._queues = empty(np.zeros(shape), self._dynamics.traffic.queue)
        self._energy_j = np.zeros(self._count)
        self.restart(range(self._count), [seed, *rest.tolist()])

    def restart(self, rows: Sequence[int], seeds: Sequence[int]) -> None:
        """Start some cells over, each with a seed."""
        cells = list(rows)
        nobody = empty(np.zeros((len(cells), self._cell.users)), self._dynamics.traffic.queue)
        columns = {}
        for field in fields(Queues):
            columns[field.name] = getattr(self._queues, field.name).copy()
            columns[field.name][cells] = getattr(nobody, field.name)
        self._queues = Queues(**columns)
        energy = self._dynamics.energy
        self._energy_j = self._energy_j.copy()
        self._energy_j[cells] = math.inf if energy is None else energy.initial_j
        self.last_psnr_db = self.last_psnr_db.copy()
        self.last_psnr_db[cells] = 0.0
        for row, seed in zip(cells, seeds, strict=True):
            self._drops[row] = _Drop(self._cell, self.slot_s, seed)
        self._open(cells)
        self._look()

    def _open(self, rows: Sequence[int]) -> None:
        """Begin a slot in some cells: requests are dropped, others join, batteries are charged."""
        shape = self._count, self._cell.users
        left, new = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.int64)
        harvest_j = np.zeros(self._count)
        for row in rows:
            world = self._drops[row].world
            left[row], new[row], harvest_j[row] = world.left, world.requests, world.harvest_j
        waited = self._queues
        late = overdue(waited, self._slot, self._deadline_s / self.slot_s)
        waited = drop(waited, np.where(left, waited.length, late))
        self._queues, _ = push(waited, self._slot, new)
        if self._dynamics.energy is not None:
            capacity_j = self._dynamics.energy.capacity_j
            self._energy_j, _ = charge(self._energy_j, harvest_j, capacity_j)

    def _look(self) -> None:
        drops = [self._drops[row] for row in range(self._count)]
        queues, rho = self._queues, self._queues.rho
        self._gain = np.stack([each.world.gain for each in drops])
        waiting = Waiting(
            present=np.stack([each.world.present for each in drops]),
            queue=queues.length.astype(np.float64),
            age_s=queues.age(self._slot) * self.slot_s,
            sent=queues.sent,
            rho=rho,
            rest_bits=(1 - queues.sent) * rho * self._worth.image_bits,
            psnr_db=self.last_psnr_db,
            energy_j=self._energy_j,
        )
        self._state = DownlinkState(
            gain=np.stack([each.reported for each in drops]),
            distance_m=np.stack([each.world.distance_m for each in drops]),
            active=(queues.length > 0) & (self._energy_j > 0)[:, None],
            waiting=waiting,
        )

    def places(self, row: int) -> Places:
        """Return where the users of one cell stand."""
        world = self._drops[row].world
        return Places(world.distance_m, world.bearing_rad)

    def observe(self) -> DownlinkState:
        """Return what the sender knows, ``[E, N]``."""
        return self._state

    def step(self, allocation: Allocation) -> Outcome:
        """Serve the oldest request of every active user ``[E, N]``, and go to the next slot."""
        worth, before, told = self._worth, self._queues, self._state.gain
        b_hz, p_w = allocation.b_hz, allocation.p_w
        rho = np.where(before.rho > 0, before.rho, allocation.rho)
        # A modem chooses its level by what it was told, Shannon's rate is that of the true gain.
        met, sent = told if self._by_levels else self._gain, (b_hz > 0) & (p_w > 0)
        air_s = worth.air_s(rho, met, np.where(sent, b_hz, 1.0), np.where(sent, p_w, 1.0))
        air_s = np.where(sent, air_s, math.inf)
        compute_s = worth.compute_s(rho)
        nothing = np.zeros_like(rho)  # the mean channel of an image matters to codecs alone
        offer = Offer(rho, air_s, p_w, worth.compute_power_w * compute_s, nothing, nothing, nothing)
        served = serve(before, offer, self._energy_j, self.slot_s)
        delay_s = before.age(self._slot) * self.slot_s + served.air_s + compute_s
        delivered = served.done & (delay_s <= self._deadline_s * _MET)
        energy, left_j = self._dynamics.energy, np.asarray(served.left_j)
        finite = energy is not None and energy.harvest_w == 0
        psnr_db = worth.psnr_db(rho)
        outcome = judge(
            worth.config,
            worth.weight,
            delivered,
            psnr_db,
            delay_s,
            served.energy_j,
            (left_j <= 0) & finite,
        )
        self._queues = drop(served.queues, served.done.astype(np.int64))
        self._energy_j = left_j
        self.last_psnr_db = np.where(delivered, psnr_db, self.last_psnr_db)
        self._slot += 1
        for each in self._drops.values():
            each.advance()
        self._open(range(self._count))
        self._look()
        return outcome
