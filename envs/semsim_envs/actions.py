"""Actions as numbers, and the allocations that they stand for: each a feasible one.

An action has 3N + 1 entries: N for bandwidth, N for power, N for rates, one for the total power.

Shares are a softmax of the users' entries. It is feasible by construction (positive, of sum one),
does not depend on N, is smooth, and gives everybody something: an image without any bandwidth
would never arrive, and its delay, and the reward, be infinite. The largest share may be
``share_range_db`` above the smallest. The total power runs from p_max down by ``power_range_db``,
evenly in decibels, since what is best may lie orders below what there is. Rates are those that the
codec offers, evenly spread over the entry's range, so that each can be asked for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsim.arrays import Values, namespace
from semsim.engine.config import CellConfig
from semsim.engine.downlink import RATE_TOLERANCE
from semsim.errors import AllocationError
from semsim.types import Allocation, Array
from semsim.units import db_to_linear, linear_to_db
from semsim_envs.backend import Backend
from semsim_envs.entries import ROUNDING, ActionKind, Entries, check_levels, check_range


class Actions(Entries):
    """The actions of one cell, and of E of them at once.

    Args:
        whole: the bandwidth and power that are shared.
        offers: by user, the ρ that its codec offers, rising.
        kind: entries in [-1, 1], or levels.
        share_range_db: of the largest share over the smallest.
        power_range_db: of p_max over the least total power.
        levels: of shares and power, for discrete actions.
        backend: of the arrays.

    Raises:
        ValueError: for an unknown kind, a range that is not positive, or fewer than two levels.
    """

    def __init__(
        self,
        whole: CellConfig,
        offers: tuple[Array, ...],
        kind: ActionKind = "continuous",
        share_range_db: float = 20.0,
        power_range_db: float = 40.0,
        levels: int = 5,
        backend: Backend | None = None,
    ) -> None:
        check_range("share_range_db", share_range_db)
        check_range("power_range_db", power_range_db)
        check_levels(levels)
        backend = backend or Backend()
        self.users = users = len(offers)
        self._counts = np.array([offered.size for offered in offers])
        super().__init__(
            kind,
            np.concatenate([np.full(2 * users, levels), self._counts, [levels]]),
            f"bandwidth, power and rate of each of the {users} users, then the total power",
            backend,
        )
        self._all_offers, self._levels = offers, levels
        self._share_range_db, self._power_range_db = share_range_db, power_range_db
        table = np.zeros((users, self._counts.max()))
        for user, offered in enumerate(offers):
            table[user, : offered.size] = offered
        self._offers, self._users = backend.array(table), backend.array(np.arange(users))
        self._last = backend.array(self._counts - 1.0)
        self._half_counts = backend.array(self._counts / 2)
        self._half_share = math.log(db_to_linear(share_range_db)) / 2
        self._half_power = math.log(db_to_linear(power_range_db)) / 2
        self._b_hz, self._p_w = whole.bandwidth_hz, whole.power_w

    def decode(self, action: Any, active: Values | None = None, lead: tuple[int, ...] = ()) -> Any:
        """Return the allocation ``[E, N]`` that actions ``[E, 3N + 1]`` stand for.

        Args:
            action: of E cells, or of one, ``[3N + 1]``.
            active: ``[E, N]`` among whom to share; the others get nothing.
            lead: ``(E,)`` that the action must have, ``()`` for that of one cell.

        Raises:
            ValueError: for a wrong shape, values that are not finite, beyond [-1, 1], or no levels.
        """
        entries = self._checked(action, lead)
        users, last = self.users, self._last
        xp = namespace(entries)
        shares = entries[:, : 2 * users].reshape(-1, 2, users)  # of bandwidth, of power
        place, total = entries[:, 2 * users : 3 * users], entries[:, 3 * users :]
        if self.kind == "discrete":
            step = 2 / (self._levels - 1)
            shares, total = shares * step - 1, total * step - 1
        else:
            place = xp.minimum((place + 1) * self._half_counts, last)
        weights = xp.exp(shares * self._half_share)
        if active is not None:
            weights = weights * active[:, None]
        whole = weights.sum(-1)
        if active is not None:
            whole = whole + (whole == 0)
        power_w = self._p_w * xp.exp((total - 1) * self._half_power)
        return Allocation(
            rho=self._offers[self._users, xp.astype(place, xp.int64)],
            b_hz=self._b_hz / whole[:, :1] * weights[:, 0],
            p_w=power_w / whole[:, 1:] * weights[:, 1],
        )

    def name(self, column: int) -> str:
        """Return what an entry decides, in words."""
        users = self.users
        if column == 3 * users:
            return "total power"
        return f"{('bandwidth', 'power', 'rate')[column // users]} of user {column % users}"

    def encode(
        self, allocation: Allocation, active: NDArray[np.bool_] | None = None, nearest: bool = False
    ) -> Array:
        """Return the action ``[3N + 1]`` that :meth:`decode` takes for ``allocation [N]``.

        The rate is the nearest one below ρ that the user's codec offers, as the link has it.

        Args:
            allocation: of one cell, numpy arrays.
            active: ``[N]`` who takes part.
            nearest: take the nearest action where there is none for the very allocation.

        Raises:
            AllocationError: if no action stands for it: a share or the total power is out of range,
                bandwidth is left over, or levels are too coarse.
        """
        users = self.users
        active = np.ones(users, dtype=np.bool_) if active is None else active
        nth = np.array(
            [
                max(int(np.searchsorted(offered, rho * (1 + RATE_TOLERANCE), side="right")) - 1, 0)
                for offered, rho in zip(self._all_offers, allocation.rho, strict=True)
            ]
        )
        exact = np.empty(self.size)
        exact[:users] = self._logits(allocation.b_hz, active)
        exact[users : 2 * users] = self._logits(allocation.p_w, active)
        exact[2 * users : 3 * users] = (2 * nth + 1) / self._counts - 1
        total_w = allocation.p_w[active].sum() if active.any() else self._p_w
        with np.errstate(divide="ignore"):
            exact[-1] = 1 + math.log(max(total_w, 1e-300) / self._p_w) / self._half_power
        entries = np.clip(exact, -1.0, 1.0)
        if self.kind == "discrete":
            entries = np.rint((entries + 1) / 2 * (self.nvec - 1))
            entries[2 * users : 3 * users] = nth
        if not nearest:
            self._refuse_inexact(allocation, active, exact, entries)
        return entries.astype(np.int64) if self.kind == "discrete" else entries

    def _logits(self, values: Array, active: NDArray[np.bool_]) -> Array:
        """Return the entries whose softmax has the proportions of ``values [N]``."""
        entries = np.zeros(len(values))
        if active.any():
            logs = np.log(np.maximum(values[active], 1e-300))
            entries[active] = (logs - (logs.max() + logs.min()) / 2) / self._half_share
        return entries

    def _refuse_inexact(
        self, allocation: Allocation, active: NDArray[np.bool_], exact: Array, entries: Array
    ) -> None:
        if not active.any():
            return
        beyond = np.flatnonzero(np.abs(exact) > 1 + ROUNDING)
        remedy = "or take the nearest action (nearest=True)"
        if beyond.size:
            column = int(beyond[0])
            option = "power_range_db" if column == self.size - 1 else "share_range_db"
            raise AllocationError(
                f"no action has the allocation's {self.name(column)}: raise {option}, {remedy}"
            )
        left = abs(allocation.b_hz[active].sum() / self._b_hz - 1)
        if left > ROUNDING:
            raise AllocationError(
                f"the allocation shares {allocation.b_hz[active].sum():g} Hz of {self._b_hz:g}, but"
                f" actions share all of it: give out the rest, {remedy}"
            )
        if self.kind == "discrete":
            again = self.decode(entries, active[None])
            for name in ("b_hz", "p_w"):
                found, asked = getattr(again, name)[0][active], getattr(allocation, name)[active]
                if not np.allclose(found, asked, rtol=ROUNDING):
                    off_db = np.abs(linear_to_db(found / asked)).max()
                    raise AllocationError(
                        f"the nearest levels miss the allocation's {name} by up to {off_db:.1f} "
                        f"dB: raise 'levels', {remedy}"
                    )
