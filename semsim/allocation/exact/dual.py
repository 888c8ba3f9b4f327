"""The dual function of P1, and what is known of it at the optimum that was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from semsim.allocation.exact.drops import Drops
from semsim.allocation.exact.response import Prices
from semsim.arrays import Values, namespace


@dataclass(frozen=True)
class Anchor:
    """The users at the T that was found, ``[N, M]`` each.

    Attributes:
        log_rho: ln ρ.
        phi: an upper bound on φ over ρ nearby.
        sooner: its slope in T before the T found.
        later: the same after it; less where T is a deadline.
        known: bool, whether ρ is so nearly stationary that the slopes are those of the maximum.
    """

    log_rho: Values
    phi: Values
    sooner: Values
    later: Values
    known: Values

    def take(self, index: Any) -> Anchor:
        """Return some of the drops."""
        return Anchor(
            self.log_rho[:, index],
            self.phi[:, index],
            self.sooner[:, index],
            self.later[:, index],
            self.known[:, index],
        )


@dataclass(frozen=True)
class Dual:
    """D of every drop at given prices."""

    drops: Drops
    prices: Prices
    constant: float

    def at(self, slowest_s: Values, phi: Values) -> Values:
        """Return D where Σ max φ is ``phi``."""
        d, prices = self.drops, self.prices
        shared = prices.per_hz * d.bandwidth_hz + prices.per_w * d.power_w
        return self.constant + shared - d.lambda_delay * slowest_s + phi

    def price(self, a: Values) -> tuple[Values, Values]:
        """Return h(A, μ) at ``a`` > 0, and dh/dA."""
        xp = namespace(a)
        c, per_hz = self.drops.c, self.prices.per_hz
        x = self.drops.nats_per_hz(per_hz / (a * c))
        by_a = c * xp.expm1(x) / x
        return a * by_a + per_hz / x, by_a

    def phi(self, log_low: Values, log_high: Values, slowest_s: Values) -> Values:
        """Return a bound on φ over a range of ρ: φ itself where its ends are equal.

        What ρ brings is taken where it is most; what it costs at the lower end, with the time of
        the end that has more of it.
        """
        xp = namespace(log_high)
        d = self.drops
        better = xp.exp(xp.where(d.kappa < 0, log_low, log_high))
        tau = d.time_on_air_s(better, slowest_s)
        a = d.lambda_energy * tau + self.prices.per_w
        possible = (tau > 0) & (a > 0)
        price, _ = self.price(xp.where(possible, a, 1.0))
        cost = xp.exp(log_low) * d.nats / xp.where(possible, tau, 1.0) * price
        brought = d.worth * log_high.clip(-1e300, None) + d.saving * better
        return xp.where(possible, brought - cost, -xp.inf)

    def slope(self, log_rho: Values, slowest_s: Values) -> Values:
        """Return dφ/dT before any deadline; zero where nothing can be sent."""
        xp = namespace(log_rho)
        d = self.drops
        rho = xp.exp(log_rho)
        tau = d.time_on_air_s(rho, slowest_s)
        a = d.lambda_energy * tau + self.prices.per_w
        possible = (tau > 0) & (a > 0)
        price, by_a = self.price(xp.where(possible, a, 1.0))
        rate = rho * d.nats / xp.where(possible, tau, 1.0)
        return xp.where(possible, rate * (price / tau - d.lambda_energy * by_a), 0.0)

    def turns(
        self, log_low: Values, log_high: Values, from_s: Values, to_s: Values
    ) -> tuple[Values, Values]:
        """Return whether φ surely rises, and whether it surely falls, in ρ all over a cell.

        dφ/d ln ρ = l + ερ - D' [h tρ/τ² + λ_3 κ (dh/dA) ρ²/τ], t = T - t_0, and tρ/τ² is
        u/(κ(1 + u)²) at u = t/(κρ).
        """
        xp = namespace(log_high)
        d = self.drops
        low, high = xp.exp(log_low), xp.exp(log_high)
        t_low, t_high = (xp.minimum(s, d.deadline) - d.t0 for s in (from_s, to_s))
        tau_low = t_low + d.kappa * low
        possible = (tau_low > 0) & (low > 0) & (d.kappa >= 0)
        tau_low = xp.where(possible, tau_low, 1.0)
        a_high = d.lambda_energy * (t_high + d.kappa * high) + self.prices.per_w
        a_low = d.lambda_energy * tau_low + self.prices.per_w
        possible = possible & (a_low > 0)
        h_most, _ = self.price(xp.where(a_high > 0, a_high, 1.0))
        h_least, by_a = self.price(xp.where(possible, a_low, 1.0))
        one, other = (
            t * rho / xp.where(t + d.kappa * rho > 0, t + d.kappa * rho, 1.0) ** 2
            for t, rho in ((t_low, high), (t_high, low))
        )
        inside = (t_low < d.kappa * high) & (d.kappa * low < t_high)
        most = xp.where(inside, 0.25 / xp.where(d.kappa > 0, d.kappa, 1.0), xp.maximum(one, other))
        # ρ/τ grows with ρ where t > 0, and falls where t < 0.
        ratio = xp.where(t_low > 0, high / (t_low + d.kappa * high), low / tau_low)
        saved = d.lambda_energy * d.kappa * by_a * high * ratio
        # A dh/dA <= h, since h is concave in A and not negative.
        saved = xp.minimum(saved, d.kappa * ratio * ratio * h_most)
        least_slope = d.worth + d.saving * low - d.nats * (h_most * most.clip(0.0, None) + saved)
        most_slope = (
            d.worth + d.saving * high - d.nats * h_least * xp.minimum(one, other).clip(0.0, None)
        )
        return possible & (least_slope > 0), possible & (most_slope < 0)

    def take(self, index: Any) -> Dual:
        """Return some of the drops."""
        p = self.prices
        prices = Prices(p.slowest_s[index], p.per_hz[index], p.per_w[index])
        return Dual(self.drops.take(index), prices, self.constant)
