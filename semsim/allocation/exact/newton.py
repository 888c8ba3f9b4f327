"""Finds prices and compression of many drops at once by Newton's method.

Everything behaves like powers of everything else, so steps are taken in logarithms; from the
solution for κ = 0, where T, μ and X have closed forms, four to eight of them reach rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from semsim.allocation.exact.drops import Drops
from semsim.allocation.exact.response import Prices, Reduced, reduce
from semsim.allocation.exact.spectral import excess
from semsim.arrays import Values, namespace

#: A relative step below which the next one, about its square, changes nothing that matters.
_SETTLED = 3e-6
#: The longest step of a logarithm.
_LONGEST = 2.5
#: The share of a user's time on the air that a step leaves at least.
_CLOSEST = 0.1
#: The least determinant of the prices' matrix, over the product of its diagonal.
_SINGULAR = 1e-10
_ITERATIONS = 60
_TINY = 1e-300


@dataclass(frozen=True)
class Point:
    """Where a search stands.

    Attributes:
        log_rho: ``[N, M]``.
        prices: T, μ and ν.
        settled: ``[M]`` bool.
        iterations: ``[M]``.
    """

    log_rho: Values
    prices: Prices
    settled: Values
    iterations: Values

    def take(self, index: Any) -> Point:
        """Return some of the drops."""
        prices = self.prices
        return Point(
            self.log_rho[:, index],
            Prices(prices.slowest_s[index], prices.per_hz[index], prices.per_w[index]),
            self.settled[index],
            self.iterations[index],
        )

    def put(self, index: Any, other: Point) -> None:
        """Overwrite some of the drops."""
        self.log_rho[:, index] = other.log_rho
        for mine, new in (
            (self.prices.slowest_s, other.prices.slowest_s),
            (self.prices.per_hz, other.prices.per_hz),
            (self.prices.per_w, other.prices.per_w),
            (self.settled, other.settled),
            (self.iterations, other.iterations),
        ):
            mine[index] = new


def _point(drops: Drops, rho: Values, t: Values, per_hz: Values, per_w: Values) -> Point:
    xp = namespace(rho)
    slowest_s = t + xp.max(drops.t0 - drops.kappa * rho, axis=0)
    none = xp.zeros(t.shape[0], dtype=xp.int64, device=t.device)
    return Point(xp.log(rho), Prices(slowest_s, per_hz, per_w), none > 0, none)


def _best_rho(drops: Drops, cost: Values) -> Values:
    """Return ρ where a share of it costs ``cost [N, M]`` times ρ; κ = 0."""
    xp = namespace(cost)
    return (drops.worth / cost).clip(xp.exp(drops.log_rho_min), xp.exp(drops.log_rho_max))


def with_power_to_spare(drops: Drops) -> Point:
    """Return the solution for κ = 0 and ν = 0: a start where power does not bind."""
    xp = namespace(drops.c)
    delay = drops.lambda_delay or 1.0  # where only deadlines matter, any start will do
    l3, per_hz = drops.lambda_energy, delay / drops.bandwidth_hz  # over t
    x = drops.nats_per_hz(per_hz / (l3 * drops.c))
    rho = _best_rho(drops, drops.nats * (l3 * drops.c * xp.expm1(x) + per_hz) / x)
    t = (rho * drops.nats / x).sum(0) / drops.bandwidth_hz
    return _point(drops, rho, t, per_hz * t, 0.0 * t)


def with_all_power(drops: Drops, rho: Values) -> Point:
    """Return nearly the solution for κ = 0 and Σp = p_max, from a guess of ``rho [N, M]``.

    With y = μ/A the same for all users, X = W⁻¹(y/c), and y alone decides how far both budgets
    reach: t = Σ ρ D ln 2/X / b_max = Σ ρ D ln 2 c(e^X - 1)/X / p_max.
    """
    xp = namespace(rho)
    c, bandwidth_hz, power_w = drops.c, drops.bandwidth_hz, drops.power_w
    # As if all users had the mean of c, which is what Σp = p_max weighs.
    mean_c = (rho * c).sum(0) / rho.sum(0)
    x = xp.log1p(power_w / (bandwidth_hz * mean_c))
    y = mean_c * xp.exp(x) * excess(x)
    for _ in range(3):
        for _ in range(3):
            x = drops.nats_per_hz(y / c)
            on_band, on_power = rho / x, rho * c * xp.expm1(x) / x
            by_log_y = xp.where(x < drops.x_max, rho * y / (c * x**3 * xp.exp(x)), 0.0)
            band, power = on_band.sum(0), on_power.sum(0)
            slope = (y * by_log_y).sum(0) / power + by_log_y.sum(0) / band
            step = (xp.log(power / band) - math.log(power_w / bandwidth_hz)) / slope
            y = y * xp.exp(-xp.where(slope > 0, step, 0.0).clip(-3.0, 3.0))
        x = drops.nats_per_hz(y / c)
        t = (rho * drops.nats / x).sum(0) / bandwidth_hz
        delay = drops.lambda_delay or 1.0
        spare = delay - drops.lambda_energy * y * bandwidth_hz
        per_w = t * spare.clip(1e-3 * delay, None) / (power_w + y * bandwidth_hz)
        a = drops.lambda_energy * t + per_w
        rho = _best_rho(drops, a / t * drops.nats * (c * xp.expm1(x) + y) / x)
    return _point(drops, rho, t, y * a, per_w)


def _solve(reduced: Reduced, limited: Values, held: Values) -> tuple[Values, Values, Values]:
    """Return the Newton step in T, μ and ν; ν moves where power is ``limited``, T unless held."""
    xp = namespace(limited)
    g_t, g_m, g_n = reduced.gradient
    tt, tm, tn, mm, mn, nn = reduced.hessian
    # The saddle is highest in T: eliminating it leaves a matrix that is positive definite.
    per_t = xp.where(held, 0.0, -1 / xp.abs(tt))
    mm, gain_m = mm - tm * tm * per_t, g_m - tm * g_t * per_t
    mn = xp.where(limited, mn - tm * tn * per_t, 0.0)
    nn = xp.where(limited, nn - tn * tn * per_t, 1.0)
    gain_n = xp.where(limited, g_n - tn * g_t * per_t, 0.0)
    # With every ρ at a bound and energy free, only the ratio of the prices matters.
    det = xp.maximum(mm * nn - mn * mn, _SINGULAR * mm * nn)
    d_m = -(gain_m * nn - gain_n * mn) / det
    d_n = -(gain_n * mm - gain_m * mn) / det
    return -(g_t + tm * d_m + tn * d_n) * per_t, d_m, d_n


def _step(drops: Drops, point: Point, limited: Values, held: Values) -> Point:
    xp = namespace(point.log_rho)
    prices = point.prices
    reduced = reduce(drops, point.log_rho, prices)
    d_t, d_m, d_n = _solve(reduced, limited, held)
    by_t, by_m, by_n = reduced.by
    move = reduced.log_rho + by_t * d_t + by_m * d_m + by_n * d_n
    # The least T at which anybody could compute in time, at the ρ of now if that takes longer.
    least_s = drops.soonest_s
    if drops.computes_more:
        taken_s = drops.t0 - drops.kappa * xp.exp(point.log_rho)
        taken_s = xp.where(drops.kappa < 0, taken_s, -xp.inf)
        least_s = xp.maximum(least_s, xp.max(taken_s, axis=0))
    above_s = prices.slowest_s - least_s
    relative = d_t / above_s, d_m / prices.per_hz, d_n / xp.where(limited, prices.per_w, 1.0)
    longest = xp.max(xp.abs(move), axis=0)
    for size in relative:
        longest = xp.maximum(longest, xp.abs(size))
    grown = [xp.exp(size.clip(-_LONGEST, _LONGEST)) for size in relative]
    slowest_s = xp.where(held, prices.slowest_s, least_s + above_s * grown[0])
    log_rho = point.log_rho + move.clip(-_LONGEST, _LONGEST)
    log_rho = log_rho.clip(drops.log_rho_min, drops.log_rho_max)
    return Point(
        _leave_time(drops, point, log_rho, slowest_s),
        Prices(slowest_s, prices.per_hz * grown[1], prices.per_w * grown[2]),
        longest < _SETTLED,
        point.iterations + 1,
    )


def _leave_time(drops: Drops, point: Point, log_rho: Values, slowest_s: Values) -> Values:
    """Move ln ρ so that at least a tenth of every user's time on the air is left.

    Where time comes from computing less, ρ must not fall so far; where more ρ takes more
    computing, it must not rise so far.
    """
    xp = namespace(log_rho)
    left_s = drops.time_on_air_s(xp.exp(point.log_rho), point.prices.slowest_s)
    short_s = _CLOSEST * left_s - drops.time_on_air_s(xp.exp(log_rho), slowest_s)
    if not drops.computes_more and bool((short_s <= 0).all()):
        return log_rho
    kappa = xp.where(drops.kappa == 0, 1.0, drops.kappa)
    raised = xp.log(
        xp.exp(log_rho) + xp.where((short_s > 0) & (drops.kappa > 0), short_s / kappa, 0.0)
    )
    spare_s = xp.minimum(slowest_s, drops.deadline) - drops.t0
    kept_s = xp.minimum(_CLOSEST * left_s, (1 - _CLOSEST) * spare_s)
    most = ((spare_s - kept_s) / xp.abs(kappa)).clip(_TINY, None)
    raised = xp.where(drops.kappa < 0, xp.minimum(raised, xp.log(most)), raised)
    return xp.minimum(raised, drops.log_rho_max)


def climb(drops: Drops, start: Point, limited: Values, held: Values | None = None) -> Point:
    """Run Newton's method from ``start`` until every drop has settled, or 60 steps.

    Args:
        drops: the drops.
        start: where to begin.
        limited: ``[M]`` bool: Σp = p_max there, and ν > 0; elsewhere ν stays 0.
        held: ``[M]`` bool: T stays as it is there.
    """
    xp = namespace(start.log_rho)
    if held is None:
        held = xp.zeros_like(limited)
    # A copy, as results are put into it and others may begin from the same point.
    done = start.take(xp.arange(start.settled.shape[0], device=start.settled.device))
    left = xp.nonzero(~done.settled)[0]
    part, here = drops, start
    for _ in range(_ITERATIONS):
        here = _step(part, here, limited, held)
        settled = int(xp.sum(xp.astype(here.settled, xp.int64)))
        if settled == here.settled.shape[0]:
            break
        if 2 * settled > here.settled.shape[0]:
            done.put(left, here)
            rest = ~here.settled
            left, part, here = left[rest], part.take(rest), here.take(rest)
            limited, held = limited[rest], held[rest]
    done.put(left, here)
    return done
