"""Actions and observations of one link."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from semsim.types import Allocation, Array, DownlinkState
from semsim.units import db_to_linear, linear_to_db
from semsim_envs.backend import Backend
from semsim_envs.entries import ActionKind, Entries, check_levels, check_range
from semsim_envs.link.cell import LinkCell
from semsim_envs.link.outcome import Links
from semsim_envs.observations import usual_gains_db

_NAMES = ("rate", "power", "MCS")
#: PSNR in dB that an observation of 1 stands for.
_FULL_DB = 50.0


class LinkActions(Entries):
    """Rate, power and MCS of one link, and of E of them at once.

    Args:
        link: what there is to choose from.
        kind: entries in [-1, 1], or levels.
        power_range_db: of p_max over the least power.
        levels: of the power, for discrete actions.

    Raises:
        ValueError: for an unknown kind, a range that is not positive, or fewer than two levels.
    """

    def __init__(
        self,
        link: LinkCell,
        kind: ActionKind = "continuous",
        power_range_db: float = 20.0,
        levels: int = 5,
    ) -> None:
        check_range("power_range_db", power_range_db)
        check_levels(levels)
        nvec = np.array([len(link.rates), levels, len(link.schemes)])
        super().__init__(kind, nvec, "rate, power and MCS", Backend())
        whole = link.cell.problem.budget.cell
        self._rho, self._b_hz, self._p_w = link.rho, whole.bandwidth_hz, whole.power_w
        self._half_power = math.log(db_to_linear(power_range_db)) / 2

    def name(self, column: int) -> str:
        """Return what an entry decides, in words."""
        return _NAMES[column]

    def decode(
        self,
        action: Any,
        active: Any = None,  # noqa: ARG002
        lead: tuple[int, ...] = (),
    ) -> Allocation:
        """Return the allocation ``[E, 1]`` that actions ``[E, 3]`` stand for.

        Args:
            action: of E links, or of one, ``[3]``.
            active: a link always is.
            lead: ``(E,)`` that the action must have, ``()`` for that of one link.

        Raises:
            ValueError: for a wrong shape, values that are not finite, beyond [-1, 1], or no levels.
        """
        entries = self._checked(action, lead)
        if self.kind == "discrete":
            number = entries.astype(np.int64)
            power = 2 * entries[:, 1:2] / (self.nvec[1] - 1) - 1
        else:
            number = np.minimum((entries + 1) / 2 * self.nvec, self._most).astype(np.int64)
            power = entries[:, 1:2]
        return Allocation(
            rho=self._rho[number[:, :1]],
            b_hz=np.full(power.shape, self._b_hz),
            p_w=self._p_w * np.exp((power - 1) * self._half_power),
            mcs=number[:, 2:],
        )

    def encode(self, rate: int, power_w: float, mcs: int) -> NDArray[Any]:
        """Return the action ``[3]`` for a rate's number, a power, the nearest there is, and an MCS.

        Raises:
            ValueError: if there is no such rate or MCS, or the power is not positive.
        """
        for number, column in ((rate, 0), (mcs, 2)):
            if not 0 <= number < self.nvec[column]:
                raise ValueError(
                    f"there is no {_NAMES[column]} {number}: 0 to {self._most[column]:g}"
                )
        if not power_w > 0:
            raise ValueError(f"power_w: must be above 0, got {power_w:g}")
        power = min(max(1 + math.log(power_w / self._p_w) / self._half_power, -1.0), 1.0)
        if self.kind == "discrete":
            return np.array([rate, round((power + 1) / 2 * self._most[1]), mcs], dtype=np.int64)
        numbers = (2 * np.array([rate, 0, mcs]) + 1) / self.nvec - 1
        return np.array([numbers[0], power, numbers[2]])


class LinkView:
    """What an agent sees of a link.

    Args:
        link: which is seen.
        snr_range_db: SNRs that -1 and 1 stand for; by default those of some drops at full power,
            which do not depend on the environment's seed, and a margin.

    Raises:
        ValueError: if the range is empty.
    """

    fields = ("snr", "quality", "acknowledged", "attempts")

    def __init__(self, link: LinkCell, snr_range_db: tuple[float, float] | None = None) -> None:
        whole, budget = link.cell.problem.budget.cell, link.cell.problem.budget
        self._per_gain_db = float(
            linear_to_db(whole.power_w / (whole.bandwidth_hz * budget.noise_psd_w_per_hz))
        )
        if snr_range_db is None:
            low_db, high_db = usual_gains_db(link.cell)
            snr_range_db = low_db + self._per_gain_db, high_db + self._per_gain_db
        low_db, high_db = snr_range_db
        if not low_db < high_db:
            raise ValueError(f"snr_range_db: must be [low, high], got [{low_db:g}, {high_db:g}]")
        self.snr_range_db = low_db, high_db
        self._attempts = link.attempts

    def space(self) -> gymnasium.spaces.Box:
        """Return the space of one link's observations."""
        low = np.array([-1.0, 0.0, -1.0, 0.0], dtype=np.float32)
        return gymnasium.spaces.Box(low, np.float32(1.0), dtype=np.float32)

    def told_db(self, state: DownlinkState) -> Array:
        """Return the SNR that was told, at full power, ``[..., 1]``."""
        told_db: Array = linear_to_db(state.gain) + self._per_gain_db
        return told_db

    def encode(self, links: Links) -> NDArray[np.float32]:
        """Return ``[E, 4]``, single precision."""
        low_db, high_db = self.snr_range_db
        place = (self.told_db(links.observe()) - low_db) / (high_db - low_db)
        rows = [
            (2 * place - 1).clip(-1.0, 1.0),
            (links.last_quality / _FULL_DB).clip(0.0, 1.0),
            links.acknowledged,
            links.attempts / self._attempts,
        ]
        return np.concatenate(rows, axis=-1, dtype=np.float32)
