"""The optimum where quality is that of the worst user: λ_1 min over users of a + b ln ρ.

With z the quality that everybody is promised, ρ >= e^((z - a)/b), and

    U(z) = λ_1 z + what is best where quality has no weight and every ρ such a floor.

U is concave in z wherever P1 is (docs/allocation.md), so that a search over z finds its top.

The proof is that of sums: for any shares θ >= 0 with Σθ = 1 the worst quality is at most Σ θ (a +
b ln ρ), so no allocation has more than the optimum of that sum, which is bounded already. The
shares that close the gap are what the users' floors cost at the prices found.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from semsim.allocation.exact.solution import Solution
from semsim.allocation.terms import Terms, Worst
from semsim.types import Array

#: How far below the best quality possible, in factors e of ρ, the search begins.
_DEEPEST = 30.0
#: Golden sections: from some 90 dB down to 1e-8 dB.
_SECTIONS = 48
_GOLDEN = (math.sqrt(5) - 1) / 2
#: Relative excess over a deadline that passes as rounding.
_LATE = 1e-9
#: Least share of a user in the sum that proves the optimum.
_SHARE = 1e-12


Solve = Callable[..., Solution]


def best_worst(terms: Terms, worst: Worst, solve: Solve, bound: bool) -> Solution:
    """Return the optimum of all drops.

    Args:
        terms: the problem.
        worst: its quality.
        solve: solves problems whose quality is a sum; takes terms and ``bound``.
        bound: whether to prove it.
    """
    flat = terms.flat()
    drops, _ = flat.shape
    bare = replace(flat, worst=None)
    best = (worst.offset + worst.slope * np.log(flat.rho_max)).min(-1)
    high = np.broadcast_to(best, drops).copy()
    low = high - _DEEPEST * worst.slope.max()
    promised = np.log(
        flat.rho_min, out=np.full(flat.rho_min.shape, -np.inf), where=flat.rho_min > 0
    )
    least = (worst.offset + worst.slope * promised).min(-1)
    low = np.maximum(low, np.minimum(least, high))

    def at(quality: Array, bound: bool = False) -> Solution:
        floor = np.exp((quality[:, None] - worst.offset) / worst.slope)
        rho_min = np.minimum(np.maximum(floor, flat.rho_min), flat.rho_max)
        return solve(replace(bare, rho_min=rho_min), bound=bound)

    def utility(quality: Array) -> Array:
        found = at(quality)
        value = flat.utility(found.rho, found.b_hz, found.p_w)
        delay_s = flat.delay_s(found.rho, found.b_hz, found.p_w)
        late = (delay_s > flat.deadline_s * (1 + _LATE)).any(-1)
        return np.where(late | np.isnan(value), -np.inf, value)

    quality = _highest(utility, low, high)
    found = at(quality, bound)
    if bound:
        highest = _bound(flat, worst, found, solve)
        found = replace(found, upper_bound=highest)
    return _shaped(found, terms.shape[:-1])


def _highest(value: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return where ``value`` is highest in ``low`` to ``high``, elementwise, by golden sections."""
    top = high
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = value(left), value(right)
    for _ in range(_SECTIONS):
        down = at_left >= at_right  # also where both promise what nobody can keep
        low, high = np.where(down, low, left), np.where(down, right, high)
        probe = np.where(down, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        at_probe = value(probe)
        left, right = np.where(down, probe, right), np.where(down, left, probe)
        at_left, at_right = np.where(down, at_probe, at_right), np.where(down, at_left, at_probe)
    middle = np.where(at_left >= at_right, left, right)
    return np.where(value(top) >= value(middle), top, middle)


def _bound(flat: Terms, worst: Worst, found: Solution, solve: Solve) -> Array:
    """Return a bound ``[D]`` from the best weighted sum, with what ρ costs each user as weights."""
    share = np.maximum(-found.marginal, 0.0) / worst.slope / worst.weight
    # What no floor asks for belongs to those who can have no more.
    capped = found.rho >= flat.rho_max * (1 - 1e-12)
    left = np.maximum(1 - share.sum(-1, keepdims=True), 0.0)
    share = share + left * capped / np.maximum(capped.sum(-1, keepdims=True), 1)
    share = np.maximum(share, _SHARE)
    share = share / share.sum(-1, keepdims=True)
    constant = worst.weight * (share * worst.offset).sum(-1)
    summed = replace(flat, worst=None, worth=worst.weight * share * worst.slope, constant=0.0)
    highest: Array = constant + solve(summed, bound=True).upper_bound
    return highest


def _shaped(found: Solution, drops: tuple[int, ...]) -> Solution:
    values: dict[str, Array] = {
        name: value.reshape((*drops, *value.shape[1:])) for name, value in vars(found).items()
    }
    return replace(found, **values)
