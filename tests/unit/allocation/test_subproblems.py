"""P2.2 and P2.3 in the paper's own symbols, against scipy and against perturbation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from semsim.allocation.problem import Problem
from semsim.allocation.quality import QualityCurve
from semsim.allocation.subproblems import RhoStep, ShareStep
from semsim.types import Allocation, Array

CASES = [
    {},
    {"quality": "mean"},
    {"power_w": 0.01, "bandwidth_hz": 1000.0},
    {"efficiency": 1e-28, "lambda_delay": 0.05},
]


#: Five users with curves of their own.
OWN_CURVES = {"curve": QualityCurve(np.full(5, 40.0), np.array([0.3, 1.0, 3.0, 6.0, 12.0]))}


def iterate(problem: Problem, rng: np.random.Generator, n: int = 5) -> Allocation:
    """Return some feasible point to start an iteration from."""
    cell = problem.budget.cell
    return Allocation(
        rho=problem.budget.rho_max * rng.uniform(0.2, 1, n),
        b_hz=cell.bandwidth_hz * rng.dirichlet(np.full(n, 5.0)),
        p_w=cell.power_w * 10 ** -rng.uniform(0, 2) * rng.dirichlet(np.full(n, 5.0)),
    )


def surrogate(problem: Problem, gain: Array, last: Allocation, now: Allocation) -> Array:
    """Return the transmission energy [N] of eq. (27), with θ of eq. (26) from ``last``."""
    budget = problem.budget
    theta = 1 / (2 * last.p_w * last.rho * budget.rate_bps(gain, last.b_hz, last.p_w))
    rate = budget.rate_bps(gain, now.b_hz, now.p_w)
    return budget.image_bits * ((now.p_w * now.rho) ** 2 * theta + 1 / (4 * theta * rate**2))


def objective(problem: Problem, gain: Array, last: Allocation, now: Allocation) -> float:
    """Return the objective of eq. (29) at ``now``, with T the largest delay."""
    true = problem.utility(gain, now)
    computing = problem.budget.compute_energy_j(now.rho).sum()
    energy = surrogate(problem, gain, last, now).sum() + computing
    return float(true.quality - true.delay - problem.config.lambda_energy * energy)


@pytest.mark.parametrize("case", CASES)
def test_the_surrogate_bounds_the_energy_and_touches_it(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array], case: dict[str, float]
) -> None:
    rng, problem = np.random.default_rng(0), make_problem(**case)
    gain, last = paper_gain(rng, 5), iterate(problem, rng)
    true = problem.budget.transmit_energy_j
    touch = surrogate(problem, gain, last, last)
    np.testing.assert_allclose(touch, true(last.rho, gain, last.b_hz, last.p_w), rtol=1e-12)
    for _ in range(20):
        now = iterate(problem, rng)
        bound = surrogate(problem, gain, last, now)
        assert (bound > true(now.rho, gain, now.b_hz, now.p_w)).all()


@pytest.mark.parametrize("case", [*CASES, OWN_CURVES, OWN_CURVES | {"quality": "mean"}])
@pytest.mark.parametrize("seed", range(3))
def test_rho_step_is_the_users_own_optimum(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    case: dict[str, Any],
    seed: int,
) -> None:
    # With T held, P2.2 falls into one scalar problem a user.
    rng, problem = np.random.default_rng(seed), make_problem(**case)
    gain, last = paper_gain(rng, 5), iterate(problem, rng)
    budget, config = problem.budget, problem.config
    rho = RhoStep(problem, 5, "CLARABEL").solve(problem.terms(gain), last)
    rate = budget.rate_bps(gain, last.b_hz, last.p_w)
    theta = 1 / (2 * last.p_w * last.rho * rate)
    slowest_s = budget.delay_s(last.rho, gain, last.b_hz, last.p_w).max()
    worth = config.lambda_quality * problem.curve.slopes(5)
    worth /= 5 if config.quality == "mean" else 1
    for n in range(5):
        gradient = budget.image_bits / rate[n] - budget.kappa_s
        ceiling = min(budget.rho_max, (slowest_s - budget.t0_s) / gradient)

        def cost(r: float, n: int = n) -> float:
            energy = budget.image_bits * (last.p_w[n] * r) ** 2 * theta[n]
            energy += float(budget.compute_energy_j(r))
            return float(config.lambda_energy * energy - worth[n] * math.log(r))

        best = minimize_scalar(cost, (1e-9, ceiling), (1e-9, ceiling), method="bounded").x
        # Bounded search resolves about 1e-5 of the interval, and flat optima no better than the
        # square root of the solver's 1e-8.
        assert cost(rho[n]) <= cost(best) + 1e-6
        assert rho[n] == pytest.approx(best, rel=2e-3)
        assert rho[n] <= ceiling * (1 + 1e-6)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(3))
def test_share_step_matches_scipy(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    case: dict[str, float],
    seed: int,
) -> None:
    rng, problem = np.random.default_rng(seed), make_problem(**case)
    gain, last = paper_gain(rng, 3), iterate(problem, rng, 3)
    budget, cell = problem.budget, problem.budget.cell
    rho = last.rho * rng.uniform(0.5, 1, 3)
    got = ShareStep(problem, 3, "CLARABEL").solve(problem.terms(gain), last, rho)

    def point(v: Array) -> Allocation:
        return Allocation(rho, cell.bandwidth_hz * np.exp(v[:3]), last.p_w * np.exp(v[3:6]))

    def cost(v: Array) -> float:
        energy = surrogate(problem, gain, last, point(v)).sum()
        return float(problem.config.lambda_delay * v[6] + problem.config.lambda_energy * energy)

    def slack(v: Array) -> Array:
        now = point(v)
        left = v[6] - budget.delay_s(rho, gain, now.b_hz, now.p_w)
        shares = [now.b_hz.sum() / cell.bandwidth_hz, now.p_w.sum() / cell.power_w]
        return np.concatenate([left, 1 - np.array(shares)])

    start = np.log(np.concatenate([last.b_hz / cell.bandwidth_hz, np.ones(3)]))
    slowest_s = budget.delay_s(rho, gain, last.b_hz, last.p_w).max()
    found = minimize(
        cost,
        np.append(start, slowest_s),
        method="SLSQP",
        constraints={"type": "ineq", "fun": slack},
        options={"maxiter": 500, "ftol": 1e-13},
    )
    best = point(found.x)
    value = objective(problem, gain, last, got)
    # Both stop at about 1e-8 of the objective; the arguments of a smooth optimum at its root.
    assert value == pytest.approx(objective(problem, gain, last, best), abs=2e-6)
    np.testing.assert_allclose(got.b_hz, best.b_hz, rtol=3e-3)
    np.testing.assert_allclose(got.p_w, best.p_w, rtol=3e-3)


@pytest.mark.parametrize("case", CASES)
def test_no_feasible_neighbour_is_better(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array], case: dict[str, float]
) -> None:
    rng, problem = np.random.default_rng(5), make_problem(**case)
    gain, last = paper_gain(rng, 20), iterate(problem, rng, 20)
    cell = problem.budget.cell
    rho = RhoStep(problem, 20, "CLARABEL").solve(problem.terms(gain), last)
    slowest_s = problem.utility(gain, last).slowest_s
    held = replace(last, rho=rho)
    assert problem.utility(gain, held).slowest_s <= slowest_s * (1 + 1e-6)
    top = objective(problem, gain, last, held)
    shared = ShareStep(problem, 20, "CLARABEL").solve(problem.terms(gain), last, rho)
    best = objective(problem, gain, last, shared)
    assert best >= top - 1e-6
    assert problem.violation(shared) < 1e-12
    for scale in np.geomspace(1e-4, 0.3, 40):
        factor_b, factor_p = np.exp(scale * rng.standard_normal((2, 20)))
        b_hz, p_w = shared.b_hz * factor_b, shared.p_w * factor_p
        other = Allocation(
            rho=rho,
            b_hz=b_hz * min(1, cell.bandwidth_hz / b_hz.sum()),
            p_w=p_w * min(1, cell.power_w / p_w.sum()),
        )
        assert objective(problem, gain, last, other) < best + 1e-6


def test_parameters_are_disciplined(make_problem: Callable[..., Problem]) -> None:
    # Otherwise every iteration would canonicalise anew.
    for step in (RhoStep, ShareStep):
        assert step(make_problem(), 5, "CLARABEL").cvx.is_dcp(dpp=True)
