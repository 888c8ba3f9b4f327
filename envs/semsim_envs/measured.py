"""One cell with the real engine, codec and channel in the loop."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import numpy as np

from semsim.engine.downlink import Downlink, SlotRecord
from semsim.engine.judging import qualities
from semsim.engine.topology import Places
from semsim.simulation import DownlinkRun
from semsim.types import Allocation, DownlinkState, Waiting
from semsim_envs.cell import Cell
from semsim_envs.worth import Outcome, judge


class MeasuredCell:
    """The engine of ``semsim run``; arrays have a leading dimension of 1.

    Attributes:
        record: of the last slot, ``None`` before the first.

    Args:
        cell: the scenario.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._run: DownlinkRun | None = None
        self._engine: Downlink | None = None
        self.record: SlotRecord | None = None

    def reset(self, seed: int) -> None:
        """Start over with ``seed``: the slots that ``semsim run`` sees with it."""
        if self._run is None:
            self._run = DownlinkRun(self._cell.scenario)
            self._engine = self._run.engine()
        self.engine.reset(seed)
        self.record = None
        self.last_quality = np.zeros((1, self._cell.users))
        self._look()

    @property
    def engine(self) -> Downlink:
        """The engine.

        Raises:
            RuntimeError: before the first reset.
        """
        if self._engine is None:
            raise RuntimeError("the engine is built by reset(); call it first")
        return self._engine

    def _look(self) -> None:
        state = self.engine.observe()
        wide = DownlinkState(state.gain[None], state.distance_m[None])
        if state.active is not None and state.waiting is not None:
            rows = {f.name: getattr(state.waiting, f.name)[None] for f in fields(Waiting)}
            wide = replace(wide, active=state.active[None], waiting=Waiting(**rows))
        self._state = wide

    def places(self, row: int) -> Places:  # noqa: ARG002
        """Return where users stand."""
        return self.engine.places

    def observe(self) -> DownlinkState:
        """Return what the sender knows, ``[1, N]``."""
        return self._state

    def step(self, allocation: Allocation) -> Outcome:
        """Send the images under an allocation ``[1, N]``, measure, and go to the next slot."""
        mcs = None if allocation.mcs is None else allocation.mcs[0]
        record = self.engine.step(
            Allocation(allocation.rho[0], allocation.b_hz[0], allocation.p_w[0], mcs=mcs)
        )
        columns, users = record.columns, self._cell.users
        delivered = np.array(columns.get("delivered", [1] * users)) > 0
        quality = qualities(columns, self.engine.gets)
        config = self._cell.problem.config
        dynamics = self._cell.scenario.dynamics
        energy = None if dynamics is None else dynamics.energy
        left_j = columns.get("energy_left_j", [math.inf])[0]
        outcome = judge(
            config,
            np.broadcast_to(config.weight, users),
            delivered[None],
            quality[None],
            np.array(columns["delay_s"])[None],
            np.array(columns["energy_j"])[None],
            np.array([energy is not None and energy.harvest_w == 0 and left_j <= 0]),
        )
        self.record = record
        self.last_quality = np.where(delivered, quality, self.last_quality)
        self._look()
        return outcome
