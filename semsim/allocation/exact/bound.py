"""An upper bound on the utility of P1 by weak duality: what proves an allocation to be optimal.

For any prices μ, ν >= 0 no allocation is worth more than the largest value over T of

    D(T) = μ b_max + ν p_max - λ_2 T + Σ max over ρ of φ(ρ, T),

and each φ grows with T. Where 2κρ/τ + ερ/l <= 1 at every stationary point of φ in ρ, there is only
one, and D is concave in T (docs/allocation.md has the proofs), so that the tangent at the T that
was found bounds D. That is so for all T from

    T_c = max over users of t_0 + κρ_max (1 + ε̄)/(1 - ε̄),    ε̄ = ερ_max/l

on, and one look at T_c bounds what lies before. Where that does not do, intervals of T and ρ take
over (`spans.py`); they may prove less, and the bound shows it.
"""

from __future__ import annotations

from semsim.allocation.exact.drops import Drops
from semsim.allocation.exact.dual import Anchor, Dual
from semsim.allocation.exact.response import reduce
from semsim.allocation.exact.solve import Optimum
from semsim.allocation.exact.spans import by_spans, highest
from semsim.arrays import Values, namespace

#: Cells of ρ for a first look at what lies before T_c.
_FEW = 10


def upper_bound(drops: Drops, optimum: Optimum, constant: float, utility: Values) -> Values:
    """Return a bound ``[M]`` that no allocation exceeds.

    Args:
        drops: the drops, with all their deadlines.
        optimum: what was found. Any prices are good for a bound; good ones, for a close one.
        constant: the part of the utility that :class:`Drops` does not know.
        utility: ``[M]``, what was reached.
    """
    xp = namespace(drops.c)
    prices, log_rho = optimum.point.prices, optimum.point.log_rho
    found_s = prices.slowest_s
    dual = Dual(drops, prices, constant)
    anchor, fall, rise = anchored(dual, log_rho)
    here = dual.at(found_s, xp.sum(anchor.phi, axis=0))
    most_s = xp.maximum(_latest_s(drops, constant, utility), found_s)
    concave_s = _concave_from_s(drops)
    bound = here + rise * (most_s - found_s)
    bound = bound + fall * (found_s - concave_s).clip(0.0, None)
    bound = xp.where(xp.isnan(bound), xp.inf, bound)
    soonest_s = drops.soonest_s
    plain = found_s >= concave_s
    first = highest(dual, anchor, soonest_s, concave_s, _FEW)
    plain = plain & (first <= bound)
    index = xp.nonzero(~plain)[0]
    if index.shape[0]:
        bound[index] = by_spans(
            dual.take(index), anchor.take(index), soonest_s[index], most_s[index]
        )
    # What the trifle took from the utility of the drops is at most that of all power until the end.
    return bound + drops.trifle * drops.power_w * most_s


def anchored(dual: Dual, log_rho: Values) -> tuple[Anchor, Values, Values]:
    """Return what is known at the T found, and how far D may rise a second before and after it."""
    drops, prices = dual.drops, dual.prices
    found_s = prices.slowest_s
    sooner = reduce(drops.before(found_s * (1 - 1e-14)), log_rho, prices)
    later = reduce(drops.before(found_s), log_rho, prices)
    anchor = Anchor(
        log_rho,
        dual.phi(log_rho, log_rho, found_s) + later.below,
        sooner.slope,
        later.slope,
        later.below <= 1e-8 * drops.worth,
    )
    return anchor, (-sooner.gradient[0]).clip(0.0, None), later.gradient[0].clip(0.0, None)


def _latest_s(drops: Drops, constant: float, utility: Values) -> Values:
    """Return a T beyond which nothing is worth ``utility``."""
    xp = namespace(utility)
    if drops.lambda_delay == 0:
        return xp.max(drops.deadline + 0 * drops.c, axis=0)
    best = drops.worth * drops.log_rho_max
    best = best + (drops.saving * xp.exp(drops.log_rho_max)).clip(0.0, None)
    return (constant + xp.sum(best + 0 * drops.c, axis=0) - utility) / drops.lambda_delay


def _concave_from_s(drops: Drops) -> Values:
    """Return T_c, infinite where some user never has as much time."""
    xp = namespace(drops.c)
    share = drops.concave_share()
    from_s = xp.where(
        share > 0,
        drops.kappa * xp.exp(drops.log_rho_max) / xp.where(share > 0, share, 1.0),
        xp.inf,
    )
    from_s = xp.where(drops.kappa > 0, drops.t0 + from_s, drops.t0)
    from_s = xp.where(drops.deadline < from_s, xp.inf, from_s)
    return xp.max(from_s + 0 * drops.c, axis=0)
