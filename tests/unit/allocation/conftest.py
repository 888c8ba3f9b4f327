"""A cell like the paper's, and an independent optimiser to compare with."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize

from semsim.allocation.config import UtilityConfig
from semsim.allocation.problem import Problem
from semsim.allocation.quality import PAPER, QualityCurve
from semsim.engine.budget import Budget
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.types import Allocation, Array


def make_problem(
    bandwidth_hz: float = 5000.0,
    power_w: float = 50.0,
    efficiency: float = 1e-38,
    curve: QualityCurve = PAPER,
    **utility: object,
) -> Problem:
    cell = CellConfig(bandwidth_hz=bandwidth_hz, power_w=power_w)
    budget = Budget(cell, ComputeConfig(efficiency=efficiency), (3, 256, 256))
    return Problem(budget, UtilityConfig.model_validate(utility), curve)


def paper_gain(rng: np.random.Generator, *shape: int) -> Array:
    """Eq. (23): 1 to 1000 m, β_0 = 1e-3, α = 2, K = 10."""
    distance_m = rng.uniform(1, 1000, shape)
    scattered = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / math.sqrt(2)
    gain: Array = (
        1e-3 * distance_m**-2 * np.abs((10 / 11) ** 0.5 + (1 / 11) ** 0.5 * scattered) ** 2
    )
    return gain


def local_search(problem: Problem, gain: Array, start: Allocation) -> float:
    """Return the utility that SLSQP reaches from ``start`` over (ln ρ, ln b, ln p, T)."""
    budget, config, n = problem.budget, problem.config, gain.size
    bits, sigma2 = float(budget.image_bits), budget.noise_psd_w_per_hz
    b_max, p_max = budget.cell.bandwidth_hz, budget.cell.power_w
    worth = config.lambda_quality * problem.curve.slopes_db(n)
    worth /= n if config.quality == "mean" else 1
    l2, l3 = config.lambda_delay, config.lambda_energy
    watts = budget.compute.efficiency * budget.compute.frequency_hz**3
    user = np.arange(n)

    def parts(v: Array) -> tuple[Array, ...]:
        rho, b, p = np.exp(v[:-1]).reshape(3, n)
        snr = p * gain / (b * sigma2)
        nats = np.log(1 + snr)
        slope = snr / (1 + snr) / nats  # d ln r / d ln p, and 1 - d ln r / d ln b
        return rho, b, p, rho * bits * math.log(2) / (b * nats), slope

    def cost(v: Array) -> tuple[float, Array]:
        rho, _, p, tau, slope = parts(v)
        energy = p * tau + watts * (budget.t0_s - budget.kappa_s * rho)
        value = -worth @ v[:n] + l2 * v[-1] + l3 * energy.sum()
        d_rho = -worth + l3 * (p * tau - watts * budget.kappa_s * rho)
        d_p = l3 * p * tau * (1 - slope)
        return value, np.concatenate([d_rho, -d_p, d_p, [l2]])

    def slack(v: Array) -> Array:
        rho, b, p, tau, _ = parts(v)
        left = v[-1] - tau - budget.t0_s + budget.kappa_s * rho
        return np.concatenate([left, [1 - b.sum() / b_max, 1 - p.sum() / p_max]])

    def slack_jacobian(v: Array) -> Array:
        rho, b, p, tau, slope = parts(v)
        jacobian = np.zeros((n + 2, 3 * n + 1))
        jacobian[user, user] = budget.kappa_s * rho - tau
        jacobian[user, n + user] = tau * (1 - slope)
        jacobian[user, 2 * n + user] = tau * slope
        jacobian[user, -1] = 1
        jacobian[n, n : 2 * n] = -b / b_max
        jacobian[n + 1, 2 * n : 3 * n] = -p / p_max
        return jacobian

    def interval(high: float, span: float) -> list[tuple[float, float]]:
        return [(math.log(high * span), math.log(high))] * n

    slowest_s = problem.utility(gain, start).slowest_s
    found = minimize(
        cost,
        np.concatenate([np.log(start.rho), np.log(start.b_hz), np.log(start.p_w), [slowest_s]]),
        jac=True,
        method="SLSQP",
        bounds=[
            *interval(budget.rho_max, 1e-8),
            *interval(b_max, 1e-9),
            *interval(p_max, 1e-12),
            (0, None),
        ],
        constraints={"type": "ineq", "fun": slack, "jac": slack_jacobian},
        options={"maxiter": 500, "ftol": 1e-12},
    )
    rho, b, p = np.exp(found.x[:-1]).reshape(3, n)
    point = Allocation(
        np.minimum(rho, budget.rho_max), b * min(1, b_max / b.sum()), p * min(1, p_max / p.sum())
    )
    return float(problem.utility(gain, point).total)


def global_search(problem: Problem, gain: Array, rng: np.random.Generator) -> float:
    """Return the best utility of six local searches; three of them must agree on it."""
    budget, n = problem.budget, gain.size
    found = []
    for _ in range(6):
        start = Allocation(
            rho=budget.rho_max * 10 ** -rng.uniform(0, 2, n),
            b_hz=budget.cell.bandwidth_hz * rng.dirichlet(np.full(n, 2.0)),
            p_w=budget.cell.power_w * 10 ** -rng.uniform(0, 4) * rng.dirichlet(np.full(n, 2.0)),
        )
        found.append(local_search(problem, gain, start))
    found.sort()
    assert found[-1] - found[-3] < 1e-7 * abs(found[-1])
    return found[-1]


@pytest.fixture(scope="session", name="make_problem")
def _make_problem() -> Callable[..., Problem]:
    return make_problem


@pytest.fixture(scope="session", name="paper_gain")
def _paper_gain() -> Callable[..., Array]:
    return paper_gain


@pytest.fixture(scope="session", name="local_search")
def _local_search() -> Callable[[Problem, Array, Allocation], float]:
    return local_search


@pytest.fixture(scope="session", name="global_search")
def _global_search() -> Callable[[Problem, Array, np.random.Generator], float]:
    return global_search
