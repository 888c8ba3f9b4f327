"""The optimum of P1 for a batch of drops: is power scarce, and which deadlines come first?"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from semsim.allocation.exact.drops import Drops
from semsim.allocation.exact.newton import Point, climb, with_all_power, with_power_to_spare
from semsim.allocation.exact.response import reduce, shares
from semsim.arrays import Values, namespace

#: Relative excess of Σp over p_max above which power binds.
_OVER = 1e-12
#: How far below ln ρ_max a search with all power may begin.
_DEEPEST = 14.0
#: Growth of the price of bandwidth beyond which there is no feasible point.
_RUN_AWAY = 1e20


@dataclass(frozen=True)
class Optimum:
    """What :func:`solve` found.

    Attributes:
        drops: the drops; ``deadline`` is infinite where T comes first.
        point: compression and prices.
        limited: ``[M]`` bool, where Σp = p_max.
    """

    drops: Drops
    point: Point
    limited: Values


def solve(drops: Drops) -> Optimum:
    """Return the optimum of every drop; where the search has not settled, the point says so."""
    xp = namespace(drops.c)
    free = replace(drops, deadline=xp.zeros_like(drops.deadline) + xp.inf)
    best = _climb(free, with_power_to_spare(free))
    earliest = xp.min(drops.deadline + 0 * drops.c, axis=0)
    late = best.point.prices.slowest_s > earliest
    if drops.lambda_delay == 0:
        late = late | True
    index = xp.nonzero(late)[0]
    if index.shape[0] == 0:
        return best
    if index.shape[0] == late.shape[0]:
        return _with_deadlines(drops, best.point)
    sooner = _with_deadlines(drops.take(index), best.point.take(index))
    best.point.put(index, sooner.point)
    limited, deadline = best.limited, free.deadline + 0 * drops.c
    limited[index], deadline[:, index] = sooner.limited, sooner.drops.deadline
    return Optimum(replace(drops, deadline=deadline), best.point, limited)


def _climb(drops: Drops, start: Point, held: Values | None = None) -> Optimum:
    """Climb as if power were free, and again with all of it where that asks for too much."""
    xp = namespace(drops.c)
    point = climb(drops, start, xp.zeros_like(start.settled), held)
    used_w = (shares(drops, xp.exp(point.log_rho), point.prices).p_w).sum(0)
    limited = ~(used_w <= drops.power_w * (1 + _OVER))
    index = xp.nonzero(limited)[0]
    if index.shape[0] == 0:
        return Optimum(drops, point, limited)
    part = drops.take(index)
    log_rho = xp.maximum(point.log_rho[:, index], part.log_rho_max - _DEEPEST)
    again = with_all_power(part, xp.exp(log_rho))
    if held is not None:
        kept = xp.where(held[index], start.prices.slowest_s[index], again.prices.slowest_s)
        again = replace(again, prices=replace(again.prices, slowest_s=kept))
        again = replace(again, log_rho=_in_time(part, again.log_rho, kept))
    some = None if held is None else held[index]
    solved = climb(part, again, ~xp.zeros_like(again.settled), some)
    point.put(index, solved)
    return Optimum(drops, point, limited)


def _in_time(drops: Drops, log_rho: Values, slowest_s: Values) -> Values:
    """Move ρ where computing alone would take longer than there is time."""
    xp = namespace(log_rho)
    most = xp.exp(drops.log_rho_max)
    spare_s = xp.minimum(slowest_s, drops.deadline) - drops.t0
    needed = xp.where(drops.kappa > 0, -spare_s, -xp.inf) / xp.abs(drops.kappa)
    least = xp.log((needed + 0.5 * (most - needed)).clip(1e-300, None))
    raised = xp.where(needed > xp.exp(log_rho) / 2, xp.maximum(log_rho, least), log_rho)
    # Where more ρ takes more computing, it has to leave half of the time for sending.
    half = xp.log((0.5 * spare_s / xp.abs(drops.kappa)).clip(1e-300, None))
    raised = xp.where(drops.kappa < 0, xp.minimum(raised, half), raised)
    return xp.minimum(raised, drops.log_rho_max)


def _with_deadlines(drops: Drops, start: Point) -> Optimum:
    """Search again where deadlines come before the T that would be chosen without them.

    U is concave in T, with kinks at the deadlines: a bisection finds the first that T does not
    pass. T then lies between it and the one before, or stands at it.
    """
    xp = namespace(start.log_rho)
    users, count = start.log_rho.shape
    kinks = xp.sort(drops.deadline + 0 * drops.c, axis=0)
    every = ~xp.zeros_like(start.settled)
    column = xp.arange(count, device=kinks.device)
    low, high = xp.zeros_like(column), xp.zeros_like(column) + users
    for _ in range(math.ceil(math.log2(users + 1))):
        middle = (low + high) // 2
        kink = kinks[middle.clip(0, users - 1), column]
        finite = xp.isfinite(kink)
        held_s = xp.where(finite, kink, start.prices.slowest_s)
        passes = finite & (_slope_after(drops, start, held_s) > 0) & (low < high)
        high = xp.where(passes, high, xp.minimum(middle, high))
        low = xp.where(passes, middle + 1, low)
    beyond = xp.zeros_like(kinks[0]) + xp.inf
    last = xp.where(low > 0, kinks[(low - 1).clip(0, users - 1), column], -beyond)
    following = xp.where(low < users, kinks[low.clip(0, users - 1), column], beyond)
    part = drops.before(last)
    # Where no T is left to choose, because all have deadlines, it stands at the last of them.
    held = ~xp.any(xp.isinf(part.deadline), axis=0)
    begin = _held_at(part, start, xp.where(held, last, start.prices.slowest_s))
    found = _climb(part, begin, held)
    stands = ~held & (found.point.prices.slowest_s > following)
    index = xp.nonzero(stands)[0]
    if index.shape[0] == 0:
        return found
    some = part.take(index)
    at = _climb(some, _held_at(some, start.take(index), following[index]), every[index])
    found.point.put(index, at.point)
    limited = found.limited
    limited[index] = at.limited
    return replace(found, limited=limited)


def _held_at(drops: Drops, start: Point, slowest_s: Values) -> Point:
    xp = namespace(slowest_s)
    return Point(
        _in_time(drops, start.log_rho, slowest_s),
        replace(start.prices, slowest_s=slowest_s, per_w=xp.zeros_like(slowest_s)),
        xp.zeros_like(start.settled),
        start.iterations,
    )


def _slope_after(drops: Drops, start: Point, slowest_s: Values) -> Values:
    """Return dU/dT just after ``slowest_s [M]``; infinity where nobody can be served so soon."""
    xp = namespace(slowest_s)
    part = drops.before(slowest_s)
    every = ~xp.zeros_like(start.settled)
    there = _climb(part, _held_at(part, start, slowest_s), every).point
    slope = reduce(part, there.log_rho, there.prices).gradient[0]
    # The dual has no least value where the problem has no feasible point: its prices run away.
    bounded = there.prices.per_hz < _RUN_AWAY * start.prices.per_hz
    return xp.where(there.settled | bounded, slope, xp.inf)
