"""An upper bound on the utility of P1 by weak duality: what proves an allocation to be optimal.

For any prices μ, ν >= 0 no allocation is worth more than the largest value over T of

    D(T) = μ b_max + ν p_max - λ_2 T + Σ max over ρ of φ(ρ, T),

and each φ grows with T. Where 2κρ/τ + ερ/l <= 1 at every stationary point of φ in ρ, there is only
one, and D is concave in T (docs/allocation.md has the proofs), so that the tangent at the T that
was found bounds D. That is so for all T from

    T_c = max over users of t_0 + κρ_max (1 + ε̄)/(1 - ε̄),    ε̄ = ερ_max/l

on, and one look at T_c bounds what lies before. Where the T found is below T_c, intervals of T and
ρ take over; they prove less, and the bound shows it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from semsim.allocation.exact.drops import Drops
from semsim.allocation.exact.response import Prices, reduce
from semsim.allocation.exact.solve import Optimum
from semsim.allocation.exact.spectral import Values, nats_per_hz

#: Cells of ln ρ, and their width, for a first look at what lies before T_c.
_FEW, _WIDE = 12, 0.7
#: The same, and parts of the range of T on each side, where there is no concavity to rely on: finer
#: and finer until they prove as much as the tangent does.
_LADDER = ((36, 0.25, 16), (120, 0.08, 48), (400, 0.02, 200))
#: Ratios of t = T - t_0 within which concavity about the optimum is tried, widest first.
_RATIOS = (8.0, 4.0, 2.0, 1.5, 1.2, 1.1, 1.05, 1.02)


@dataclass(frozen=True)
class _Dual:
    """D of every drop for given prices."""

    drops: Drops
    prices: Prices
    constant: float

    def at(self, slowest_s: Values, phi: Values) -> Values:
        """Return D where Σ max φ is ``phi [M]``."""
        d, prices = self.drops, self.prices
        shared = prices.per_hz * d.bandwidth_hz + prices.per_w * d.power_w
        return self.constant + shared - d.lambda_delay * slowest_s + phi

    def phi(self, log_low: Values, log_high: Values, slowest_s: Values) -> Values:
        """Return a bound ``[N, M]`` on φ over a range of ρ: φ itself where its ends are equal.

        What ρ brings is taken at the upper end; what it costs at the lower one, with the time of
        the upper one.
        """
        xp = array_namespace(log_high)
        d, prices = self.drops, self.prices
        tau = d.time_on_air_s(xp.exp(log_high), slowest_s)
        a = d.lambda_energy * tau + prices.per_w
        possible = (tau > 0) & (a > 0)
        a = xp.where(possible, a, 1.0)
        x = nats_per_hz(prices.per_hz / (a * d.c))
        price = (a * d.c * xp.expm1(x) + prices.per_hz) / x
        cost = xp.exp(log_low) * d.nats / xp.where(possible, tau, 1.0) * price
        brought = d.worth * log_high.clip(-1e300, None) + d.saving * xp.exp(log_high)
        return xp.where(possible, brought - cost, -xp.inf)

    def highest(self, slowest_s: Values, cells: int, width: float, least: Values) -> Values:
        """Return a bound ``[N, M]`` on φ over all ln ρ from ``least`` on, cell by cell."""
        xp = array_namespace(least)
        top = self.drops.log_rho_max + 0.0 * least
        best = xp.full_like(least + 0.0 * slowest_s, -xp.inf)
        high = top
        for cell in range(cells):
            low = least if cell == cells - 1 else xp.maximum(top - (cell + 1) * width, least)
            best = xp.maximum(best, self.phi(low, high, slowest_s))
            high = low if cell < cells - 2 else xp.maximum(low, least)
        return best

    def take(self, index: Values) -> _Dual:
        """Return some of the drops."""
        p = self.prices
        prices = Prices(p.slowest_s[index], p.per_hz[index], p.per_w[index])
        return _Dual(self.drops.take(index), prices, self.constant)


def upper_bound(drops: Drops, optimum: Optimum, constant: float, utility: Values) -> Values:
    """Return a bound ``[M]`` that no allocation exceeds.

    Args:
        drops: the drops, with all their deadlines.
        optimum: what was found. Any prices are good for a bound; good ones, for a close one.
        constant: the part of the utility that :class:`Drops` does not know.
        utility: ``[M]``, what was reached.
    """
    xp = array_namespace(drops.c)
    prices, log_rho = optimum.point.prices, optimum.point.log_rho
    found_s = prices.slowest_s
    dual = _Dual(drops, prices, constant)
    sooner = reduce(drops.before(found_s * (1 - 1e-14)), log_rho, prices)
    later = reduce(drops.before(found_s), log_rho, prices)
    phi = dual.phi(log_rho, log_rho, found_s) + later.below
    here = dual.at(found_s, xp.sum(phi, axis=0))
    rise, fall = later.gradient[0].clip(0.0, None), (-sooner.gradient[0]).clip(0.0, None)
    most_s = _latest_s(drops, constant, utility)
    concave_s = _concave_from_s(drops)
    bound = here + rise * (most_s - found_s).clip(0.0, None)
    bound = bound + fall * (found_s - concave_s).clip(0.0, None)
    soonest_s = xp.max(drops.t0 - drops.kappa * xp.exp(drops.log_rho_max) + 0 * drops.c, axis=0)
    least = drops.log_rho_min + 0 * drops.c
    before = dual.at(soonest_s, xp.sum(dual.highest(concave_s, _FEW, _WIDE, least), axis=0))
    bound = xp.where(xp.isnan(bound), xp.inf, bound)
    plain = (found_s >= concave_s) & (before <= bound)
    for i in xp.nonzero(~plain)[0]:
        one = i[None]
        bound[i] = _by_spans(
            dual.take(one),
            log_rho[:, one],
            float(soonest_s[i]),
            max(float(most_s[i]), float(found_s[i])),
            (float(here[i]), float(rise[i]), float(fall[i])),
        )
    # What the trifle took from the utility of the drops is at most that of all power until the end.
    return bound + drops.trifle * drops.power_w * most_s


def _latest_s(drops: Drops, constant: float, utility: Values) -> Values:
    """Return a T beyond which nothing is worth ``utility``."""
    xp = array_namespace(utility)
    if drops.lambda_delay == 0:
        return xp.max(drops.deadline + 0 * drops.c, axis=0)
    best = drops.worth * drops.log_rho_max + drops.saving * xp.exp(drops.log_rho_max)
    return (constant + xp.sum(best + 0 * drops.c, axis=0) - utility) / drops.lambda_delay


def _share(drops: Drops) -> Values:
    """Return (1 - ε̄)/(1 + ε̄), negative where computing energy outweighs quality."""
    xp = array_namespace(drops.c)
    spent = drops.saving * xp.exp(drops.log_rho_max)
    total = drops.worth + spent
    return (drops.worth - spent) / xp.where(total > 0, total, 1.0)


def _concave_from_s(drops: Drops) -> Values:
    """Return T_c, infinite where some user never has as much time."""
    xp = array_namespace(drops.c)
    share = _share(drops)
    from_s = xp.where(
        share > 0,
        drops.kappa * xp.exp(drops.log_rho_max) / xp.where(share > 0, share, 1.0),
        xp.inf,
    )
    from_s = xp.where(drops.kappa > 0, drops.t0 + from_s, drops.t0)
    from_s = xp.where(drops.deadline < from_s, xp.inf, from_s)
    return xp.max(from_s + 0 * drops.c, axis=0)


def _by_spans(
    dual: _Dual,
    log_rho: Values,
    soonest_s: float,
    most_s: float,
    tangent: tuple[float, float, float],
) -> float:
    """Return the bound of one drop from intervals of T and ρ, and the tangent where it holds."""
    xp = array_namespace(log_rho)
    here, rise, fall = tangent
    found_s = float(dual.prices.slowest_s[0])
    from_s, to_s = _concave_about(dual, log_rho, found_s)
    bound = max(here, here + rise * (to_s - found_s), here + fall * (found_s - from_s))
    highest = math.inf
    for cells, width, spans in _LADDER:
        edges = np.concatenate(
            [
                np.linspace(soonest_s, from_s, spans + 1),
                np.geomspace(to_s, max(most_s, to_s * (1 + 1e-9)), spans + 1),
            ]
        )
        starts = xp.asarray(np.delete(edges[:-1], spans), device=log_rho.device)
        ends = xp.asarray(np.delete(edges[1:], spans), device=log_rho.device)
        least = dual.drops.log_rho_min + 0 * starts
        phi = dual.highest(ends, cells, width, least)
        highest = float(xp.max(dual.at(starts, xp.sum(phi, axis=0))))
        if highest <= bound:
            break
    return max(bound, highest)


def _concave_about(dual: _Dual, log_rho: Values, found_s: float) -> tuple[float, float]:
    """Return the widest interval of T about the one found in which D is surely concave.

    It is where every user's best ρ is small enough: where larger ones are worth less even at the
    interval's end than what was found is at its beginning.
    """
    xp = array_namespace(log_rho)
    drops = dual.drops
    base_s = float(xp.max(drops.t0))
    for ratio in _RATIOS:
        from_s, to_s = base_s + (found_s - base_s) / ratio, base_s + (found_s - base_s) * ratio
        begin, end = found_s * 0 + xp.asarray([from_s]), xp.asarray([to_s])
        spare = xp.minimum(begin, drops.deadline) - drops.t0
        most = spare / drops.kappa * _share(drops)
        if found_s <= base_s or bool(xp.any(most <= 0)):
            break
        least = xp.minimum(xp.log(most), drops.log_rho_max)
        beyond = dual.highest(end, *_LADDER[1][:2], least)
        reached = dual.phi(log_rho, log_rho, begin)
        if bool(xp.all((beyond <= reached) | (least >= drops.log_rho_max))):
            return from_s, to_s
    return found_s, found_s
