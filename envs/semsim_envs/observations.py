"""What an agent sees: numbers in [-1, 1], one row of N a field, then those of the cell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from semsim.arrays import Values, namespace
from semsim.types import DownlinkState
from semsim.units import db_to_linear, linear_to_db
from semsim_envs.backend import Backend
from semsim_envs.cell import Cell
from semsim_envs.static import Drops

#: PSNR in dB that an observation of 1 stands for.
_FULL_DB = 50.0
#: Drops that tell which gains are usual, and how far beyond them the range goes in dB: movement
#: takes users farther than where they start.
_LOOKED_AT, _MARGIN_DB, _MOVING_DB = 64, 10.0, 20.0
#: Age in slots that counts as 1/2 where nothing has a deadline.
_OLD_SLOTS = 10.0


@dataclass(frozen=True)
class Field:
    """One quantity of an observation.

    Attributes:
        name: what it is.
        low: least value, -1 or 0.
        each: one a user, or one for the cell.
    """

    name: str
    low: float
    each: bool = True


class Observations:
    """The observations of one cell, and of E of them at once.

    Args:
        cell: who is observed.
        backend: of the arrays.
        gain_range_db: gains that -1 and 1 stand for; by default those of some drops of the cell,
            which do not depend on the environment's seed, and a margin.

    Raises:
        ValueError: if the range is empty.
    """

    def __init__(
        self,
        cell: Cell,
        backend: Backend | None = None,
        gain_range_db: tuple[float, float] | None = None,
    ) -> None:
        scenario = cell.scenario
        self._cell, self._backend = cell, backend or Backend()
        low_db, high_db = gain_range_db or usual_gains_db(cell)
        if not low_db < high_db:
            raise ValueError(f"gain_range_db: must be [low, high], got [{low_db:g}, {high_db:g}]")
        self.gain_range_db = low_db, high_db
        # Of ln g: the same on numpy and torch.
        low, high = np.log(db_to_linear(np.array([low_db, high_db]))).tolist()
        self._middle, self._half = (low + high) / 2, (high - low) / 2
        fields = [Field("gain", -1.0), Field("quality", 0.0)]
        dynamics = scenario.dynamics
        self._capacity_j = math.inf
        if dynamics is not None and scenario.slot_s is not None:
            fields += [Field(name, 0.0) for name in ("active", "queue", "age", "sent", "rho")]
            if dynamics.population is not None:
                fields.append(Field("present", 0.0))
            if dynamics.energy is not None:
                fields.append(Field("energy", 0.0, each=False))
                self._capacity_j = dynamics.energy.capacity_j
            self._places = float(dynamics.traffic.queue)
            self._deadline_s = dynamics.traffic.deadline_s
            self._old_s = _OLD_SLOTS * scenario.slot_s
        self.fields = tuple(fields)

    def space(self) -> gymnasium.Space[Any]:
        """Return the space of one cell's observations."""
        low = np.repeat(
            [field.low for field in self.fields],
            [self._cell.users if field.each else 1 for field in self.fields],
        )
        return gymnasium.spaces.Box(low.astype(np.float32), np.float32(1.0), dtype=np.float32)

    def encode(self, state: DownlinkState, last_psnr_db: Values) -> Values:
        """Return ``[E, size]``, single precision.

        Args:
            state: ``[E, N]``.
            last_psnr_db: ``[E, N]`` of the image that each user was sent last; 0 before the first.
        """
        xp = namespace(state.gain)
        rows = [
            ((xp.log(state.gain) - self._middle) / self._half).clip(-1.0, 1.0),
            (last_psnr_db / _FULL_DB).clip(0.0, 1.0),
        ]
        waiting = state.waiting
        if waiting is not None and state.active is not None:
            kind = state.gain.dtype
            rows += [
                xp.astype(state.active, kind),
                waiting.queue / self._places,
                self._age(waiting.age_s),
                waiting.sent,
                waiting.rho / self._cell.problem.budget.rho_max,
            ]
            names = {field.name for field in self.fields}
            if "present" in names:
                rows.append(xp.astype(waiting.present, kind))
            if "energy" in names:
                rows.append(waiting.energy_j[:, None] / self._capacity_j)
            rows[2:] = [row.clip(0.0, 1.0) for row in rows[2:]]
        return self._backend.single(xp.concat(rows, axis=-1))

    def _age(self, age_s: Values) -> Values:
        if self._deadline_s is not None:
            return age_s / self._deadline_s
        return age_s / (age_s + self._old_s)


def usual_gains_db(cell: Cell) -> tuple[float, float]:
    """Return the range of gains in dB that the cell's drops have, with a margin."""
    gain = Drops(cell, _LOOKED_AT, 0).gain
    dynamics = cell.scenario.dynamics
    moving = dynamics is not None and dynamics.mobility is not None
    margin_db = _MOVING_DB if moving else _MARGIN_DB
    low_db, high_db = linear_to_db(np.array([gain.min(), gain.max()])).tolist()
    return low_db - margin_db, high_db + margin_db
