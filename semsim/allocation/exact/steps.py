"""From the smooth rate to the levels that a modem has: which level for whom, and how fast then.

At level i a user with p = b c F_i, F = SNR/Γ, sends X_i nats/s/Hz and pays (A c F_i + μ)/X_i a nat:
prices choose among the levels just as they choose X where it is free. What a user spends on the
air, ρ D ln 2 c F_i/X_i joules, does not depend on its bandwidth, so that b serves the delay alone:
at given levels T is the least for which neither Σb nor Σp is more than there is.

The prices are those of the smooth problem, and a few times more or less of μ/A, since levels that
leave bandwidth or power over are not the best at them. From the best of all, single users then move
by one level as long as that helps. What the levels cost is at most the gap to the bound of the
smooth problem.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from semsim.allocation.exact.solution import Solution
from semsim.allocation.terms import Terms
from semsim.engine.levels import Levels
from semsim.errors import AllocationError
from semsim.types import Array

#: Which level each user is at.
_Choice: TypeAlias = NDArray[np.int64]

#: By what μ/A is multiplied.
_TRIED = np.exp(np.linspace(-3.0, 3.0, 49))
#: Users up to whom single moves are tried; among more, one makes no difference.
_SINGLY = 50
#: Utility that a move must bring.
_BETTER = 1e-10
#: Relative excess over a deadline that passes as rounding.
_LATE = 1e-9
#: Newton steps to T; they come from below and double the digits.
_ITERATIONS = 60


def at_levels(terms: Terms, levels: Levels, smooth: Solution) -> Solution:
    """Return the best allocation found in which every user is at a level of the modem.

    Args:
        terms: the problem.
        levels: the modem's.
        smooth: the optimum of ``terms.relaxed()``; its ρ stay.

    Raises:
        AllocationError: if no levels keep the deadlines of some drop.
    """
    flat = terms.flat()
    rho, b_hz, p_w = (value.reshape(flat.shape) for value in (smooth.rho, smooth.b_hz, smooth.p_w))
    x = np.log1p(p_w / (b_hz * flat.noise_over_gain_w_per_hz))
    x = np.minimum(x, flat.nats_per_hz_max)
    price = 1 + np.exp(x) * (x - 1)  # μ/(A c)
    ladder = _Ladder.of(levels)
    best = np.full(len(rho), -np.inf)
    choice = np.zeros(rho.shape, dtype=np.int64)
    for factor in _TRIED:
        chosen = np.searchsorted(ladder.turns, factor * price)
        utility = ladder.worth(flat, rho, chosen)
        better = utility > best
        best[better], choice[better] = utility[better], chosen[better]
    if flat.shape[-1] <= _SINGLY:
        _move_singly(flat, rho, ladder, choice, best)
    lost = np.flatnonzero(~np.isfinite(best))
    if lost.size:
        drop = tuple(int(i) for i in np.unravel_index(lost[0], terms.shape[:-1] or (1,)))
        raise AllocationError(
            f"drop {drop}: deadlines that could be kept at Shannon's rate, less the modem's gap, "
            "cannot be kept at its levels; allow more time, or raise cell.power_w or "
            "cell.bandwidth_hz"
        )
    b_hz, p_w = ladder.shares(flat, rho, choice)
    return replace(
        smooth,
        b_hz=b_hz.reshape(terms.shape),
        p_w=p_w.reshape(terms.shape),
    )


@dataclass(frozen=True)
class _Ladder:
    """The levels that any prices choose.

    Attributes:
        x: X_i, nats/s/Hz.
        f: F_i, SNR over Γ.
        turns: μ/(A c) at which the next becomes the best, one fewer.
    """

    x: Array
    f: Array
    turns: Array

    @classmethod
    def of(cls, levels: Levels) -> _Ladder:
        """Leave out what time-sharing of two others beats at any price."""
        f = np.array(levels.snr) / levels.gap
        x = np.array(levels.bits_per_hz) * math.log(2) / levels.share
        which, turns = [int((f / x).argmin())], []
        while which[-1] < len(x) - 1:
            i = which[-1]
            at = (f[i + 1 :] * x[i] - f[i] * x[i + 1 :]) / (x[i + 1 :] - x[i])
            turns.append(float(at.min()))
            which.append(i + 1 + int(len(at) - 1 - at[::-1].argmin()))
        return cls(x[which], f[which], np.array(turns))

    def shares(self, terms: Terms, rho: Array, choice: _Choice) -> tuple[Array, Array]:
        """Return b and p ``[M, N]`` at the levels ``choice [M, N]``."""
        w_per_hz = terms.noise_over_gain_w_per_hz * self.f[choice]
        return _first_done(terms, rho, self.x[choice], w_per_hz)

    def worth(self, terms: Terms, rho: Array, choice: _Choice) -> Array:
        """Return U ``[M]``; minus infinity where deadlines cannot be kept."""
        b_hz, p_w = self.shares(terms, rho, choice)
        utility = terms.utility(rho, b_hz, p_w)
        late = (terms.delay_s(rho, b_hz, p_w) > terms.deadline_s * (1 + _LATE)).any(-1)
        worth: Array = np.where(late | np.isnan(utility), -np.inf, utility)
        return worth


def _move_singly(terms: Terms, rho: Array, ladder: _Ladder, choice: _Choice, best: Array) -> None:
    """Move one user by one level, in place, as long as that helps some drop."""
    last = len(ladder.x) - 1
    left = np.arange(len(rho))
    while left.size:
        part, some = terms.rows(left), rho[left]
        before = best[left]
        for user in range(rho.shape[-1]):
            for step in (-1, 1):
                tried = choice[left]
                tried[:, user] = np.clip(tried[:, user] + step, 0, last)
                utility = ladder.worth(part, some, tried)
                better = utility > best[left] + _BETTER
                best[left[better]], choice[left[better]] = utility[better], tried[better]
        left = left[best[left] > before]


def _first_done(terms: Terms, rho: Array, x: Array, w_per_hz: Array) -> tuple[Array, Array]:
    """Return the b and p ``[M, N]`` that are done first, where a hertz takes ``w_per_hz``."""
    work = rho * terms.bits * math.log(2) / x  # hertz seconds
    zero_s = terms.t0_s - terms.kappa_s * rho  # when sending begins
    due_s = np.broadcast_to(terms.deadline_s, rho.shape)
    on_time = np.zeros(rho.shape, dtype=bool)
    while True:
        slowest_s = np.full(len(rho), 0.0)
        fixed = np.where(on_time, work / (np.where(on_time, due_s, np.inf) - zero_s), 0.0)
        for weight, most in ((1.0, terms.bandwidth_hz), (w_per_hz, terms.power_w)):
            left = most - (weight * fixed).sum(-1)
            needs = np.where(on_time, 0.0, weight * work)
            slowest_s = np.maximum(slowest_s, _done_s(needs, zero_s, left))
        late = ~on_time & (due_s < slowest_s[:, None])
        if not late.any():
            break
        on_time |= late
    done_s = np.minimum(slowest_s[:, None], due_s)
    b_hz = work / (done_s - zero_s)
    p_w = b_hz * w_per_hz
    over = np.maximum(b_hz.sum(-1) / terms.bandwidth_hz, p_w.sum(-1) / terms.power_w)
    scale = 1 / np.maximum(over, 1.0)[:, None]
    return b_hz * scale, p_w * scale


def _done_s(needs: Array, zero_s: Array, most: Array) -> Array:
    """Solve Σ needs/(T - zero) = ``most`` for T ``[M]``: infinite where nothing is left for it."""
    open_ = (needs > 0).any(-1)
    possible = open_ & (most > 0)
    some = np.where(possible, most, 1.0)
    t = np.where(needs > 0, zero_s + needs / some[:, None], -np.inf).max(-1)
    t = np.where(open_, t, 0.0)
    for _ in range(_ITERATIONS):
        away = np.where(needs > 0, t[:, None] - zero_s, 1.0)
        share = needs / away
        # One over the sum is concave in T: a step never passes the root, and hardly stops short.
        total = share.sum(-1)
        slope = (share / away).sum(-1)
        step = np.where(possible, total * (total - some) / (some * np.maximum(slope, 1e-300)), 0.0)
        t = t + np.maximum(step, 0.0)
        if not (step > 1e-15 * np.abs(t)).any():
            break
    return np.where((most < 0) | (open_ & ~possible), np.inf, t)
