"""The two convex halves of FTSC's Algorithm 1, P2.2 (eq. 30) and P2.3 (eq. 31), in CVXPY.

Both are written relative to the previous iterate, which is primed here. With θ = 1/(2 p'ρ'r') of
eq. (26), and with the energy E' = p'ρ'D_0/r' of that iterate, the transmission energy of eq. (27)
loses its extreme factors:

    D_0 [(pρ)² θ + 1/(4θr²)] = E'/2 · [(p/p')² (ρ/ρ')² + (r'/r)²].

The rate r = b log2(1 + pg/(bσ²)) is jointly concave in (b, p). With x = b/b_max, y = p/p̂ for some
unit p̂, Γ = p̂g/(b_max σ²), which may be anything up to 1e16, and c = max(Γ, 1) it reads

    r ln2/b_max = x ln(1 + Γy/x) = x ln c - rel_entr(x, x/c + (Γ/c) y),

where every coefficient but ln c lies in 0..1. The units p̂ and ρ̂ are such that a solver meets
numbers near 1 whether the iterate must fall or rise by orders of magnitude.

Everything that changes between iterations or drops is a CVXPY parameter and enters by the rules
of disciplined parametrised programming, so a problem is canonicalised once for a number of users.
The parameters are the rows of few arrays because each parameter costs time to set.
"""

from __future__ import annotations

import math
import warnings

import cvxpy as cp
import numpy as np

from semsim.allocation.problem import Problem
from semsim.allocation.terms import Terms
from semsim.errors import AllocationError
from semsim.types import Allocation, Array


def _solve(problem: cp.Problem, solver: str, name: str) -> None:
    """Solve in place and from scratch: the answer does not depend on what was solved before.

    Raises:
        AllocationError: if there is no solution to hand back.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")
            problem.solve(solver=solver, warm_start=False, enforce_dpp=True)
    except cp.SolverError as error:
        raise AllocationError(f"{name}: {solver} failed ({error}); {_remedy()}") from error
    if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        raise AllocationError(f"{name}: {solver} reports {problem.status}; {_remedy()}")


def _remedy() -> str:
    return (
        f"set the allocator's solver to another of {', '.join(cp.installed_solvers())} that takes "
        "exponential cones, or begin elsewhere (start, start_power_share)"
    )


def _rows(parameter: cp.Parameter) -> list[cp.Expression]:
    return [parameter[i] for i in range(parameter.shape[0])]


class RhoStep:
    """P2.2: ρ for fixed b and p, and for fixed T unless ``joint``.

        max  Σ {l_n ln ρ_n - λ_3 [E'/2 (ρ/ρ')² - P_c κρ]} - λ_2 T
        s.t. ρ <= ρ_[2,2],   (D_0/r' - κ) ρ + t_0 <= T

    Where T is held at T' of the iterate before, as eq. (30) has it, no term and no constraint is
    common to two users, so each user's terms may be divided by an l_n = λ_1 b_n of its own (λ_1
    b_n/N where quality is averaged), b_n being the slope of its quality curve; where T is
    ``joint``, by the mean of all l. λ_1 and 1/r', which eq. (30) drops, are restored.

    Args:
        problem: utility, with some weight on quality, and budget.
        users: N.
        solver: name of a CVXPY solver.
        joint: whether T is chosen with ρ.
    """

    def __init__(self, problem: Problem, users: int, solver: str, joint: bool = False) -> None:
        self.solver, self.joint = solver, joint
        self._unit: Array = np.ones(users)
        self._z = cp.Variable(users, pos=True)  # ρ in that unit
        self._costs = cp.Parameter((3, users), nonneg=True)
        self._lines = cp.Parameter((3, users))
        worth, ceiling, energy = _rows(self._costs)
        saving, slope, offset = _rows(self._lines)
        objective = worth @ cp.log(self._z) - energy @ cp.square(self._z) + saving @ self._z
        constraints = [self._z <= ceiling]
        if problem.config.lambda_delay > 0:  # otherwise T is free, and limits nothing
            slowest = cp.Variable() if joint else 0.0
            objective -= users * slowest
            constraints.append(cp.multiply(slope, self._z) + offset <= slowest)
        self.cvx = cp.Problem(cp.Maximize(objective), constraints)

    def set(self, terms: Terms, last: Allocation) -> None:
        """Enter the previous iterate ``last`` of one drop, all ``[N]``."""
        worth = terms.worth / terms.worth.mean() if self.joint else np.ones_like(terms.worth)
        weight = terms.lambda_energy * worth / terms.worth
        on_air_s = last.rho * terms.bits / terms.rate_bps(last.b_hz, last.p_w)
        saved_s = terms.kappa_s * last.rho
        energy = weight / 2 * last.p_w * on_air_s
        saving = weight * terms.compute_power_w * saved_s
        slope_s = on_air_s - saved_s
        with np.errstate(divide="ignore"):  # energy may cost nothing
            # Where quality and energy balance, unless the codec ends before.
            z = np.minimum(np.sqrt(worth / 2 / energy), terms.rho_max / last.rho)
        if self.joint and terms.lambda_delay > 0:
            # T in units of what it may cost at most: Σl. No delay needs to be above that.
            zero_s, unit_s = terms.t0_s.max(), terms.worth.sum() / terms.lambda_delay
            z = unit_s / np.maximum(slope_s, unit_s / z)
        else:
            zero_s = unit_s = (slope_s + terms.t0_s).max()
        self._unit = z * last.rho
        ceiling = terms.rho_max / self._unit
        self._costs.value = np.stack([worth, ceiling, energy * z**2])
        delays = slope_s * z / unit_s, (terms.t0_s - zero_s) / unit_s
        self._lines.value = np.stack([saving * z, *delays])

    def solve(self, terms: Terms, last: Allocation) -> Array:
        """Return ρ ``[N]`` for one drop.

        Raises:
            AllocationError: if the solver finds nothing.
        """
        self.set(terms, last)
        _solve(self.cvx, self.solver, "P2.2 (compression)")
        rho: Array = np.minimum(self._unit * self._z.value, terms.rho_max)
        return rho


class ShareStep:
    """P2.3: b, p and T for fixed ρ.

        min  λ_2 T + λ_3 Σ E'/2 [(p/p')² (ρ/ρ')² + τ²]
        s.t. r'/r(b, p) <= τ,   τ ρD_0/r' + t_0 - κρ <= T,   Σb <= b_max,   Σp <= p_max

    and r <= b X_max/ln2 where a modem has a highest rate.

    τ stands for r'/r in energy and delay alike, so that one cone a user serves both.

    Args:
        problem: utility and budget.
        users: N.
        solver: name of a CVXPY solver.
    """

    def __init__(self, problem: Problem, users: int, solver: str) -> None:
        self.solver = solver
        self._unit_w: Array = np.ones(users)
        # b in units of b_max, p in units of _unit_w, r in units of r'.
        self._x, self._y, s = (cp.Variable(users, pos=True) for _ in range(3))
        tau = cp.Variable(users)
        self._rate = cp.Parameter((4, users), nonneg=True)
        self._costs = cp.Parameter((5, users), nonneg=True)
        self._most = cp.Parameter(users, nonneg=True)
        width, log_c, noise, signal = _rows(self._rate)
        power_share, power_cost, time_cost, on_air_cost, saved_cost = _rows(self._costs)
        received = cp.multiply(noise, self._x) + cp.multiply(signal, self._y)
        rate = cp.multiply(log_c, self._x) - cp.rel_entr(cp.multiply(width, self._x), received)
        cost = power_cost @ cp.square(self._y) + time_cost @ cp.square(tau)
        constraints = [
            s <= rate,
            cp.inv_pos(s) <= tau,
            cp.sum(self._x) <= 1,
            power_share @ self._y <= 1,
        ]
        if problem.budget.levels is not None:
            constraints.append(s <= cp.multiply(self._most, self._x))
        if problem.config.lambda_delay > 0:  # otherwise T is free, and limits nothing
            slowest = cp.Variable()
            cost += slowest
            constraints.append(cp.multiply(on_air_cost, tau) - saved_cost <= slowest)
        self.cvx = cp.Problem(cp.Minimize(cost), constraints)

    def set(self, terms: Terms, last: Allocation, rho: Array) -> None:
        """Enter the previous iterate ``last`` and the new ``rho`` of one drop, all ``[N]``."""
        rate_bps = terms.rate_bps(last.b_hz, last.p_w)
        energy = terms.lambda_energy / 2 * last.p_w * last.rho * terms.bits / rate_bps
        on_air = terms.lambda_delay * rho * terms.bits / rate_bps
        computing_s = terms.t0_s - terms.kappa_s * rho
        saved = terms.lambda_delay * (computing_s.max() - computing_s)
        # Costs are shares of the cost at the start; any unit does where nothing has a weight.
        unit = on_air.max() + 2 * energy.sum() or 1.0
        power_cost = energy / unit * (rho / last.rho) ** 2
        with np.errstate(divide="ignore"):  # energy may cost nothing
            # The most that p may become: the budget, or where its energy alone costs as much.
            most = np.minimum(terms.power_w / last.p_w, np.sqrt(1 / power_cost))
        self._unit_w = last.p_w * np.sqrt(most)  # halfway, in decibels
        self._costs.value = np.stack(
            [
                self._unit_w / terms.power_w,
                power_cost * most,
                energy / unit,
                on_air / unit,
                saved / unit,
            ]
        )
        full_band_noise_w = terms.bandwidth_hz * terms.noise_over_gain_w_per_hz
        gamma = self._unit_w / full_band_noise_w
        c = np.maximum(gamma, 1.0)
        width = terms.bandwidth_hz / (rate_bps * math.log(2))
        if math.isfinite(terms.nats_per_hz_max):
            self._most.value = width * terms.nats_per_hz_max
        self._rate.value = width * np.stack([np.ones_like(c), np.log(c), 1 / c, gamma / c])

    def solve(self, terms: Terms, last: Allocation, rho: Array) -> Allocation:
        """Return the allocation of one drop with the new ``rho [N]``.

        Raises:
            AllocationError: if the solver finds nothing.
        """
        self.set(terms, last, rho)
        _solve(self.cvx, self.solver, "P2.3 (bandwidth and power)")
        x, p_w = self._x.value, self._unit_w * self._y.value
        # An interior-point answer may pass a budget by its tolerance: bring it back inside.
        return Allocation(
            rho=rho,
            b_hz=terms.bandwidth_hz * x / max(1.0, x.sum()),
            p_w=p_w * min(1.0, terms.power_w / p_w.sum()),
        )
