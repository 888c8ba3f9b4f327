"""What an agent sees: numbers in [-1, 1], one row of N a field, then those of the cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from semsim.arrays import Values, namespace
from semsim.types import Delivers, DownlinkState
from semsim.units import db_to_linear, linear_to_db
from semsim_envs.backend import Backend
from semsim_envs.cell import Cell
from semsim_envs.static import Drops

#: Quality that an observation of 1 stands for: PSNR in dB, or accuracy.
_FULL: dict[Delivers, float] = {"image": 50.0, "label": 1.0}
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


@dataclass(frozen=True)
class Scales:
    """What the numbers of an observation stand for: plain data, to be kept beside a trained agent.

    Attributes:
        users: N.
        gain_range_db: gains that -1 and 1 stand for.
        rho_max: ρ that 1 stands for.
        dynamic: whether there is a queue to look at.
        population: whether users come and go.
        queue: requests that find place.
        deadline_s: age that 1 stands for; ``None`` without deadlines.
        old_s: age that 1/2 stands for where there are none.
        capacity_j: of the battery; ``None`` without one.
        full_quality: qualities that 1 stands for, one a user: 50 dB of PSNR, or an accuracy of 1
            for labels; ``None`` is 50 dB for all.
    """

    users: int
    gain_range_db: tuple[float, float]
    rho_max: float
    dynamic: bool = False
    population: bool = False
    queue: int = 1
    deadline_s: float | None = None
    old_s: float = 1.0
    capacity_j: float | None = None
    full_quality: tuple[float, ...] | None = None

    def fields(self) -> tuple[Field, ...]:
        """Return the fields of an observation, in order."""
        names = ["active", "queue", "age", "sent", "rho"] if self.dynamic else []
        names += ["present"] if self.population else []
        fields = [Field("gain", -1.0), Field("quality", 0.0), *(Field(name, 0.0) for name in names)]
        if self.capacity_j is not None:
            fields.append(Field("energy", 0.0, each=False))
        return tuple(fields)


def scales_of(cell: Cell, gain_range_db: tuple[float, float] | None = None) -> Scales:
    """Return the scales of a cell's observations.

    Args:
        cell: who is observed.
        gain_range_db: by default that of some drops of the cell, which do not depend on the
            environment's seed, and a margin.

    Raises:
        ValueError: if the range is empty.
    """
    low_db, high_db = gain_range_db or usual_gains_db(cell)
    if not low_db < high_db:
        raise ValueError(f"gain_range_db: must be [low, high], got [{low_db:g}, {high_db:g}]")
    dynamics, slot_s = cell.scenario.dynamics, cell.scenario.slot_s
    rho_max = float(cell.problem.budget.rho_max)
    full = tuple(_FULL[kind] for kind in cell.gets) if "label" in cell.gets else None
    if dynamics is None or slot_s is None:
        return Scales(cell.users, (low_db, high_db), rho_max, full_quality=full)
    return Scales(
        cell.users,
        (low_db, high_db),
        rho_max,
        dynamic=True,
        population=dynamics.population is not None,
        queue=dynamics.traffic.queue,
        deadline_s=dynamics.traffic.deadline_s,
        old_s=_OLD_SLOTS * slot_s,
        capacity_j=None if dynamics.energy is None else dynamics.energy.capacity_j,
        full_quality=full,
    )


class Observations:
    """The observations of one cell, and of E of them at once.

    Args:
        scales: what the numbers stand for.
        backend: of the arrays.
    """

    def __init__(self, scales: Scales, backend: Backend | None = None) -> None:
        self.scales, self._backend = scales, backend or Backend()
        # Of ln g: the same on numpy and torch.
        low, high = np.log(db_to_linear(np.array(scales.gain_range_db))).tolist()
        self._middle, self._half = (low + high) / 2, (high - low) / 2
        self.fields = scales.fields()
        self._full_quality = self._backend.array(np.array(scales.full_quality or _FULL["image"]))

    def space(self) -> gymnasium.Space[Any]:
        """Return the space of one cell's observations."""
        low = np.repeat(
            [field.low for field in self.fields],
            [self.scales.users if field.each else 1 for field in self.fields],
        )
        return gymnasium.spaces.Box(low.astype(np.float32), np.float32(1.0), dtype=np.float32)

    def encode(self, state: DownlinkState, last_quality: Values) -> Values:
        """Return ``[E, size]``, single precision.

        Args:
            state: ``[E, N]``.
            last_quality: ``[E, N]`` of the last delivery to each user; 0 before the first.
        """
        xp = namespace(state.gain)
        rows = [
            ((xp.log(state.gain) - self._middle) / self._half).clip(-1.0, 1.0),
            (last_quality / self._full_quality).clip(0.0, 1.0),
        ]
        waiting = state.waiting
        if waiting is not None and state.active is not None:
            kind, scales = state.gain.dtype, self.scales
            rows += [
                xp.astype(state.active, kind),
                waiting.queue / scales.queue,
                self._age(waiting.age_s),
                waiting.sent,
                waiting.rho / scales.rho_max,
            ]
            if scales.population:
                rows.append(xp.astype(waiting.present, kind))
            if scales.capacity_j is not None:
                rows.append(waiting.energy_j[:, None] / scales.capacity_j)
            rows[2:] = [row.clip(0.0, 1.0) for row in rows[2:]]
        return self._backend.single(xp.concat(rows, axis=-1))

    def _age(self, age_s: Values) -> Values:
        if self.scales.deadline_s is not None:
            return age_s / self.scales.deadline_s
        return age_s / (age_s + self.scales.old_s)


def usual_gains_db(cell: Cell) -> tuple[float, float]:
    """Return the range of gains in dB that the cell's drops have, with a margin."""
    gain = Drops(cell, _LOOKED_AT, 0).gain
    dynamics = cell.scenario.dynamics
    moving = dynamics is not None and dynamics.mobility is not None
    margin_db = _MOVING_DB if moving else _MARGIN_DB
    low_db, high_db = linear_to_db(np.array([gain.min(), gain.max()])).tolist()
    return low_db - margin_db, high_db + margin_db
