"""Bounds the dual function of P1 span by span of T, and in each cell by cell of ρ.

Within a span from T' to T'', a user's largest φ is at most the largest of

- the tangent of its maximum over small ρ, which is concave in T where 2κρ/τ + ερ/l <= 1;
- the tangent of φ at ρ_max, where φ rises in ρ up to there: at fixed ρ it is concave in T;
- φ over any other cell of ρ at T'', unless φ surely rises or falls all over that cell: then what is
  largest lies in a neighbour.

All are convex in T, and so is their sum: its largest value is at an end of the span.
"""

from __future__ import annotations

import numpy as np

from semsim.allocation.exact.dual import Anchor, Dual
from semsim.arrays import Values, namespace

#: Cells of ρ, round by round. What proves too little is cut in so many for the next.
_CELLS = (16, 48, 128, 192, 256)
_CUTS = 4
#: Spans that a drop may have cut at once, and columns of users looked at together.
_MOST, _BATCH = 96, 1 << 15
#: How far below the ln ρ found the last cell begins.
_BELOW = 3.0
#: What a bound may lie above the tangent without being tried to mend, relative to 1 + |D|.
_ENOUGH = 1e-10
#: Where first spans end: before the T found and after it, in shares of what there is.
_SOONER = (0.0, 0.25, 0.5, 0.75, 1.0)
_LATER = (0.0, 1e-3, 1e-2, 0.1, 1.0)


def by_spans(dual: Dual, anchor: Anchor, soonest_s: Values, most_s: Values) -> Values:
    """Return a bound ``[M]`` on D.

    Args:
        dual: D of M drops.
        anchor: what was found.
        soonest_s: ``[M]``, when anybody can be done at all.
        most_s: ``[M]``, when nothing is worth what was found any more.
    """
    xp = namespace(most_s)
    found_s = dual.prices.slowest_s
    here = dual.at(found_s, xp.sum(anchor.phi, axis=0))
    enough = here + _ENOUGH * (1 + xp.abs(here))
    bound = enough
    drop, from_s, to_s = _first(found_s, soonest_s, most_s)
    for cells in _CELLS:
        if drop.shape[0] == 0:
            break
        value = _in_batches(dual, anchor, (drop, from_s, to_s), cells)
        poor = ~(value <= enough[drop])
        drop, from_s, to_s, value = drop[poor], from_s[poor], to_s[poor], value[poor]
        given_up = (_counts(drop, enough) > (_MOST if cells < _CELLS[-1] else 0))[drop]
        bound = xp.maximum(bound, _highest_of(drop[given_up], value[given_up], enough))
        drop, from_s, to_s = drop[~given_up], from_s[~given_up], to_s[~given_up]
        length_s = (to_s - from_s) / _CUTS
        starts = [from_s + i * length_s for i in range(_CUTS)]
        drop = xp.concat([drop] * _CUTS)
        from_s, to_s = xp.concat(starts), xp.concat([*starts[1:], to_s])
    return bound


def _first(found_s: Values, soonest_s: Values, most_s: Values) -> tuple[Values, Values, Values]:
    """Return the first spans of all drops: drop, beginning and end, ``[C]`` each."""
    xp = namespace(found_s)
    sooner = [soonest_s + share * (found_s - soonest_s) for share in _SOONER[:-1]]
    later = [found_s + share * (most_s - found_s) for share in _LATER]
    edges = [*sooner, *later]
    drops = xp.arange(found_s.shape[0], device=found_s.device)
    columns = xp.concat([drops] * (len(edges) - 1))
    return columns, xp.concat(edges[:-1]), xp.concat(edges[1:])


def _counts(drop: Values, like: Values) -> Values:
    """Return how often every drop is named in ``drop [C]``, ``[M]``."""
    counts = np.bincount(np.asarray(drop.tolist(), dtype=np.int64), minlength=like.shape[0])
    return namespace(like).asarray(counts, device=like.device)


def _highest_of(drop: Values, value: Values, least: Values) -> Values:
    """Return the largest ``value [C]`` of every drop, and ``least [M]`` where there is none."""
    xp = namespace(least)
    best = np.asarray(least.tolist())
    np.maximum.at(best, np.asarray(drop.tolist(), dtype=np.int64), np.asarray(value.tolist()))
    return xp.asarray(best, device=least.device)


def _in_batches(
    dual: Dual, anchor: Anchor, spans: tuple[Values, Values, Values], cells: int
) -> Values:
    drop, from_s, to_s = spans
    xp = namespace(from_s)
    size = max(1, _BATCH // anchor.phi.shape[0])
    parts = []
    for first in range(0, drop.shape[0], size):
        some = slice(first, first + size)
        part, found = dual.take(drop[some]), anchor.take(drop[some])
        parts.append(highest(part, found, from_s[some], to_s[some], cells))
    return xp.concat(parts)


def highest(dual: Dual, anchor: Anchor, from_s: Values, to_s: Values, cells: int) -> Values:
    """Return a bound ``[M]`` on D over one span of T for each of M drops.

    Args:
        dual: D of the drops.
        anchor: what was found.
        from_s: ``[M]``, where the span begins; the T found is not inside.
        to_s: ``[M]``, where it ends.
        cells: how many to divide the range of ρ into.
    """
    xp = namespace(from_s)
    drops, found_s = dual.drops, dual.prices.slowest_s
    small, least = _small(dual, anchor, from_s)
    top = drops.log_rho_max + xp.zeros_like(least)
    bottom = xp.minimum(anchor.log_rho, top) - _BELOW
    width = (top - bottom) / (cells - 1)
    cap_phi, cap_slope = dual.phi(top, top, found_s), dual.slope(top, found_s)
    const, capped = xp.full_like(top, -xp.inf), small
    for cell in range(cells):
        high = top - cell * width
        low = high - width if cell < cells - 1 else xp.full_like(high, -xp.inf)
        low = xp.maximum(low, least)
        rises, falls = dual.turns(low, high, from_s, to_s)
        needed = high > least
        if cell == 0:
            needed = needed | ~small
            rises = capped = (rises | (low >= high)) & needed & xp.isfinite(cap_phi)
        sure = rises | (falls & (low > drops.log_rho_min))
        phi = dual.phi(low, high, to_s)
        const = xp.maximum(const, xp.where(needed & ~sure, phi, -xp.inf))
    after = from_s >= found_s
    slope = xp.where(after, anchor.later, anchor.sooner)
    # Once a user's deadline has passed, a later T brings it nothing, nor does a sooner one cost.
    passed = drops.deadline < xp.where(after, found_s * (1 + 1e-14), found_s * (1 - 1e-14))
    cap_slope = xp.where(passed, 0.0, cap_slope)
    ends = []
    for end_s in (from_s, to_s):
        after_s = end_s - found_s
        phi = xp.maximum(const, xp.where(small, anchor.phi + slope * after_s, -xp.inf))
        phi = xp.maximum(phi, xp.where(capped, cap_phi + cap_slope * after_s, -xp.inf))
        ends.append(dual.at(end_s, xp.sum(phi, axis=0)))
    best = xp.maximum(*ends)
    best = xp.where(xp.isnan(best), xp.inf, best)
    return xp.where(from_s < to_s, best, -xp.inf)


def _small(dual: Dual, anchor: Anchor, from_s: Values) -> tuple[Values, Values]:
    """Return where the tangent holds for small ρ, and up to which ln ρ; ``[N, M]`` each.

    It does from ``from_s``, or the T found if that is sooner, on.
    """
    xp = namespace(from_s)
    drops = dual.drops
    spare_s = xp.minimum(xp.minimum(from_s, dual.prices.slowest_s), drops.deadline) - drops.t0
    most = spare_s * drops.concave_share() / xp.where(drops.kappa > 0, drops.kappa, 1.0)
    most = xp.where(drops.kappa > 0, most, xp.where(spare_s > 0, xp.inf, 0.0))
    some = anchor.known & (most > 0)
    log_most = xp.log(xp.where(some, most, 1.0))
    small = some & (anchor.log_rho <= log_most)
    least = xp.where(small, log_most, -xp.inf)
    return small, xp.maximum(least, drops.log_rho_min)
