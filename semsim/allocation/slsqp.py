"""Sequential quadratic programming from many starts: slow, local, and independent.

P1 is written in w = (ln ρ, ln b, ln p, ln T), in which powers of ten are steps of the same length,
and handed to scipy's SLSQP (Kraft, 1988) with its gradients. With X = ln(1 + p/(b c)) and
φ = (1 - e^-X)/X, the share of the rate that follows power,

    d ln τ/d ln ρ = 1,   d ln τ/d ln b = φ - 1,   d ln τ/d ln p = -φ,   τ = ρ D ln 2/(b X).

Nothing here is shared with the other solvers but the numbers of the problem, and nothing is
assumed of its shape: where many starts agree, the optimum is very likely the global one.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from semsim.allocation.config import SlsqpConfig
from semsim.allocation.exact.feasible import check_deadlines
from semsim.allocation.limits import refuse_worthless
from semsim.allocation.problem import Problem, check_gain
from semsim.allocation.terms import Terms
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState
from semsim.units import db_to_linear

#: Relative lateness that passes as rounding.
_LATE = 1e-9
#: The least that is looked at, relative to the most: far below what any optimum uses.
_LEAST_RHO, _LEAST_BANDWIDTH, _LEAST_POWER = 1e-8, 1e-9, 1e-9


@dataclass(frozen=True)
class _Program:
    """P1 of one drop ``[N]`` as SLSQP wants it: a cost to lower, and what must not be negative."""

    terms: Terms

    @property
    def users(self) -> int:
        return self.terms.shape[-1]

    @property
    def unit(self) -> float:
        """Of the cost: what a factor e in all ρ brings."""
        return float(self.terms.worth.sum()) or 1.0

    @property
    def bounds(self) -> list[tuple[Array, Array]]:
        """Of ln ρ, ln b and ln p; T has none."""
        terms = self.terms
        full_band_noise_w = terms.bandwidth_hz * terms.noise_over_gain_w_per_hz
        limits = (
            (np.maximum(terms.rho_min, _LEAST_RHO * terms.rho_max), terms.rho_max),
            (_LEAST_BANDWIDTH * terms.bandwidth_hz, terms.bandwidth_hz),
            (_LEAST_POWER * np.minimum(full_band_noise_w, terms.power_w), terms.power_w),
        )
        return [
            (np.broadcast_to(np.log(low), self.users), np.broadcast_to(np.log(high), self.users))
            for low, high in limits
        ]

    def parts(self, w: Array) -> tuple[Array, ...]:
        """Return ρ, b, p, τ, φ and the delays, ``[N]`` each."""
        terms = self.terms
        rho, b_hz, p_w = np.exp(w[:-1]).reshape(3, self.users)
        snr = p_w / (b_hz * terms.noise_over_gain_w_per_hz)
        x = np.log1p(snr)
        tau = rho * terms.bits * math.log(2) / (b_hz * x)
        return rho, b_hz, p_w, tau, snr / (1 + snr) / x, tau + terms.t0_s - terms.kappa_s * rho

    def cost(self, w: Array) -> tuple[float, Array]:
        """Return -U up to a constant, and its gradient."""
        terms, n = self.terms, self.users
        rho, _, p_w, tau, phi, _ = self.parts(w)
        slowest = terms.lambda_delay * math.exp(w[-1])
        on_air = terms.lambda_energy * p_w * tau
        saved = terms.lambda_energy * terms.compute_power_w * terms.kappa_s * rho
        value = slowest + (on_air - saved - terms.worth * w[:n]).sum()
        by_rho, by_p = on_air - saved - terms.worth, on_air * (1 - phi)
        gradient = np.concatenate([by_rho, -by_p, by_p, [slowest]])
        return value / self.unit, gradient / self.unit

    def slack(self, w: Array) -> Array:
        """Return what is left of b_max, of p_max, until T, the deadlines and the highest rate."""
        terms = self.terms
        _, b_hz, p_w, _, _, delay_s = self.parts(w)
        log_delay = np.log(delay_s)
        due = np.isfinite(terms.deadline_s)
        shares = [1 - b_hz.sum() / terms.bandwidth_hz, 1 - p_w.sum() / terms.power_w]
        until_deadline = np.log(terms.deadline_s[due]) - log_delay[due]
        left = [np.array(shares), w[-1] - log_delay, until_deadline]
        if math.isfinite(terms.nats_per_hz_max):
            most_w = b_hz * terms.noise_over_gain_w_per_hz * np.expm1(terms.nats_per_hz_max)
            left.append(np.log(most_w / p_w))
        return np.concatenate(left)

    def slack_jacobian(self, w: Array) -> Array:
        """Return the derivatives of :meth:`slack`, one row each."""
        terms, n = self.terms, self.users
        rho, b_hz, p_w, tau, phi, delay_s = self.parts(w)
        shares = np.zeros((2, 3 * n + 1))
        shares[0, n : 2 * n] = -b_hz / terms.bandwidth_hz
        shares[1, 2 * n : 3 * n] = -p_w / terms.power_w
        by_user = [terms.kappa_s * rho - tau, tau * (1 - phi), tau * phi]
        until_slowest = np.hstack([*(np.diag(d / delay_s) for d in by_user), np.ones((n, 1))])
        until_deadline = until_slowest[np.isfinite(terms.deadline_s)].copy()
        until_deadline[:, -1] = 0
        rows = [shares, until_slowest, until_deadline]
        if math.isfinite(terms.nats_per_hz_max):
            nothing = np.zeros((n, n))
            rows.append(np.hstack([nothing, np.eye(n), -np.eye(n), np.zeros((n, 1))]))
        return np.concatenate(rows)

    def allocation(self, w: Array) -> Allocation:
        """Return ``w`` as an allocation, brought back inside what SLSQP passed by its tolerance."""
        terms = self.terms
        rho, b_hz, p_w = np.exp(w[:-1]).reshape(3, self.users)
        return Allocation(
            rho=np.clip(rho, terms.rho_min, terms.rho_max),
            b_hz=b_hz * min(1.0, terms.bandwidth_hz / b_hz.sum()),
            p_w=p_w * min(1.0, terms.power_w / p_w.sum()),
        )

    def variables(self, allocation: Allocation) -> Array:
        """Return ``allocation`` as w, with T the largest delay."""
        shares = allocation.rho, allocation.b_hz, allocation.p_w
        low, high = (np.concatenate(side) for side in zip(*self.bounds, strict=True))
        w: Array = np.log(np.concatenate([*shares, [1.0]]))
        w[:-1] = np.clip(w[:-1], low, high)
        w[-1] = math.log(self.parts(w)[-1].max())
        return w


def search(
    terms: Terms, start: Allocation, tolerance: float = 1e-12, max_iterations: int = 500
) -> Allocation:
    """Climb from ``start`` to a local optimum of one drop.

    Args:
        terms: the drop, ``[N]``.
        start: where to begin, ``[N]``; it need not be feasible.
        tolerance: SLSQP stops where U, in units of Σl, changes by less and no constraint is
            broken by more.
        max_iterations: it stops there at the latest.

    Returns:
        An allocation inside both budgets; ``info`` holds ``converged`` (SLSQP ended by
        ``tolerance``) and ``feasible`` (deadlines are kept), both bool.
    """
    program = _Program(terms)
    low, high = (np.concatenate(side) for side in zip(*program.bounds, strict=True))
    with warnings.catch_warnings():
        # Its steps may overshoot a bound by rounding; scipy mends that, and says so.
        warnings.filterwarnings("ignore", message="Values in x were outside bounds")
        found = minimize(
            program.cost,
            program.variables(start),
            jac=True,
            method="SLSQP",
            bounds=[*zip(low, high, strict=True), (None, None)],
            constraints={"type": "ineq", "fun": program.slack, "jac": program.slack_jacobian},
            options={"maxiter": max_iterations, "ftol": tolerance},
        )
    best = program.allocation(found.x)
    delay_s = terms.delay_s(best.rho, best.b_hz, best.p_w)
    feasible = bool((delay_s <= terms.deadline_s * (1 + _LATE)).all())
    return replace(best, info={"converged": bool(found.success), "feasible": feasible})


class Slsqp:
    """The best of many local searches in every drop: the oracle that other solvers answer to.

    ``Allocation.info`` holds ``succeeded`` (integers ``[...]``: searches that converged to a
    feasible point) and ``spread`` (``[...]``: their largest utility less their smallest; NaN where
    none did, and the allocation is the best feasible point of those that did not).

    Args:
        config: how many starts, and when a search ends.
        problem: utility and budget.
        rng: where the starts draw from.
    """

    Config = SlsqpConfig

    def __init__(self, config: SlsqpConfig, problem: Problem, rng: np.random.Generator) -> None:
        self.config, self.problem = config, problem
        self._rng = rng

    def allocate(self, state: DownlinkState) -> Allocation:
        """Search drop by drop.

        Raises:
            AllocationError: if ``state`` has no users or a gain is not positive, if sending
                nothing is best, if deadlines cannot be met, or if no search found a feasible
                point; the message names the drop and the remedy.
        """
        check_gain(state)
        rho, b_hz, p_w = (np.empty(state.gain.shape) for _ in range(3))
        drops = state.gain.shape[:-1]
        succeeded, spread = np.zeros(drops, dtype=np.int64), np.zeros(drops)
        for drop in np.ndindex(drops):
            try:
                best, utility = self._best(self.problem.terms(state.gain[drop]).relaxed())
            except AllocationError as error:
                raise AllocationError(f"drop {drop}: {error}") from error
            rho[drop], b_hz[drop], p_w[drop] = best.rho, best.b_hz, best.p_w
            succeeded[drop] = len(utility)
            spread[drop] = np.ptp(utility) if utility else math.nan
        return Allocation(rho, b_hz, p_w, {"succeeded": succeeded, "spread": spread})

    def _best(self, terms: Terms) -> tuple[Allocation, list[float]]:
        """Return the best of one drop ``[N]``, and the utilities of the searches that succeeded."""
        refuse_worthless(terms)
        check_deadlines(terms)
        arguments = self.config.tolerance, self.config.max_iterations
        found = [search(terms, self._start(terms), *arguments) for _ in range(self.config.starts)]
        feasible = [
            (float(terms.utility(one.rho, one.b_hz, one.p_w)), one)
            for one in found
            if one.info["feasible"]
        ]
        if not feasible:
            raise AllocationError(
                f"none of {len(found)} searches found a feasible point: the deadlines or the "
                "least ρ ask for too much; `allocator: {kind: exact}` names the users"
            )
        best = max(feasible, key=lambda pair: pair[0])[1]
        return best, [utility for utility, one in feasible if one.info["converged"]]

    def _start(self, terms: Terms) -> Allocation:
        """Draw shares that are seldom extreme, ρ and power over decades."""
        users, rng = terms.shape[-1], self._rng
        least = np.maximum(terms.rho_min, 0.01 * terms.rho_max)
        power_w = terms.power_w * db_to_linear(-rng.uniform(0, 40))
        return Allocation(
            rho=least * (terms.rho_max / least) ** rng.uniform(size=users),
            b_hz=terms.bandwidth_hz * rng.dirichlet(np.full(users, 2.0)),
            p_w=power_w * rng.dirichlet(np.full(users, 2.0)),
        )
