"""The oracle itself, against nothing but arithmetic: grids that close in on the optimum."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from semsim.allocation.config import SlsqpConfig
from semsim.allocation.problem import Problem
from semsim.allocation.quality import QualityCurve
from semsim.allocation.slsqp import search
from semsim.allocation.terms import Terms
from semsim.errors import AllocationError
from semsim.testing import check_allocator
from semsim.types import Allocation, Allocator, Array, DownlinkState


def state(gain: Array) -> DownlinkState:
    return DownlinkState(gain, np.ones_like(gain))


def run(problem: Problem, gain: Array, seed: int = 0, starts: int = 6) -> Allocation:
    allocator = SlsqpConfig(starts=starts).build(problem, np.random.default_rng(seed))
    assert isinstance(allocator, Allocator)
    allocation: Allocation = allocator.allocate(state(gain))
    problem.check(allocation, state(gain))
    assert problem.violation(allocation) < 1e-12
    return allocation


def best_on_grids(value: Callable[..., Array], low: Array, high: Array, points: int) -> float:
    """Return the largest ``value`` on grids that shrink around the best point so far."""
    best = -math.inf
    for _ in range(60):
        axes = [np.linspace(a, b, points) for a, b in zip(low, high, strict=True)]
        mesh = np.meshgrid(*axes, indexing="ij")
        values = value(*mesh)
        where = np.unravel_index(values.argmax(), values.shape)
        best = max(best, float(values[where]))
        centre = np.array([axis[i] for axis, i in zip(axes, where, strict=True)])
        # By a fifth only: a maximum on a ridge is often not in the cell beside the best point.
        low, high = centre - 0.4 * (high - low), centre + 0.4 * (high - low)
    return best


@pytest.mark.parametrize("case", [{}, {"power_w": 0.005}, {"efficiency": 1e-28}])
def test_one_user_against_a_grid(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array], case: dict[str, float]
) -> None:
    problem, gain = make_problem(**case), paper_gain(np.random.default_rng(1), 1)
    budget = problem.budget

    def value(log_rho: Array, log_p: Array) -> Array:
        rho = np.exp(np.minimum(log_rho, math.log(budget.rho_max)))
        p_w = np.exp(np.minimum(log_p, math.log(budget.cell.power_w)))
        one = [part[..., None] for part in (rho, np.full_like(rho, 5000.0), p_w)]
        total: Array = problem.utility(gain, Allocation(*one)).total
        return total

    low = np.log([1e-3 * budget.rho_max, 1e-7])
    high = np.log([budget.rho_max, budget.cell.power_w])
    best = best_on_grids(value, low, high, points=25)
    reached = float(problem.utility(gain, run(problem, gain)).total)
    assert reached == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("quality", ["sum", "mean"])
@pytest.mark.parametrize("slopes_db", [(3.0, 3.0), (1.0, 6.0)])
def test_two_users_against_a_grid(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    quality: str,
    slopes_db: tuple[float, float],
) -> None:
    # Where power is to spare, every delay may as well be T: less power does no harm. So (ρ, b, T)
    # give p, and the grid has four axes.
    curve = QualityCurve(np.full(2, 40.0), np.array(slopes_db))
    problem = make_problem(bandwidth_hz=2000.0, quality=quality, curve=curve)
    gain, budget = paper_gain(np.random.default_rng(2), 2), problem.budget

    def value(log_rho_0: Array, log_rho_1: Array, odds: Array, log_t: Array) -> Array:
        rho = np.exp(np.minimum(np.stack([log_rho_0, log_rho_1], -1), math.log(budget.rho_max)))
        b_hz = 2000.0 / (1 + np.exp(np.stack([odds, -odds], -1)))
        on_air_s = np.exp(log_t)[..., None] + budget.kappa_s * rho
        spectral = np.minimum(rho * budget.image_bits / (on_air_s * b_hz), 300.0)
        p_w = b_hz * budget.noise_psd_w_per_hz / gain * np.expm1(math.log(2) * spectral)
        total: Array = problem.utility(gain, Allocation(rho, b_hz, p_w)).total
        return np.where(p_w.sum(-1) <= budget.cell.power_w, total, -math.inf)

    lowest = math.log(1e-2 * budget.rho_max)
    low = np.array([lowest, lowest, -2.0, math.log(0.5)])
    high = np.array([math.log(budget.rho_max)] * 2 + [2.0, math.log(50.0)])
    best = best_on_grids(value, low, high, points=9)
    reached = float(problem.utility(gain, run(problem, gain)).total)
    assert reached == pytest.approx(best, abs=1e-7)
    assert reached > best - 1e-9


@pytest.mark.parametrize("quality", ["sum", "mean"])
@pytest.mark.parametrize("power_w", [50.0, 0.01])
def test_all_starts_agree(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    quality: str,
    power_w: float,
) -> None:
    problem = make_problem(quality=quality, power_w=power_w)
    allocation = run(problem, paper_gain(np.random.default_rng(3), 2, 5))
    np.testing.assert_array_equal(allocation.info["succeeded"], [6, 6])
    assert np.max(np.asarray(allocation.info["spread"])) < 1e-7
    if power_w < 1:  # the optimum of the paper's cell spends about 60 mW
        np.testing.assert_allclose(allocation.p_w.sum(-1), power_w, rtol=1e-9)


def test_limits_of_single_users_are_kept(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    problem, gain = make_problem(quality="mean"), paper_gain(np.random.default_rng(4), 4)
    rho_max = problem.budget.rho_max
    free = problem.terms(gain)
    start = Allocation(np.full(4, 0.5 * rho_max), np.full(4, 1250.0), np.full(4, 0.01))
    loose = search(free, start)
    assert loose.rho.max() < 0.9 * rho_max
    deadline_s = np.array([math.inf, 2.0, math.inf, math.inf])
    rho_min = np.array([0.0, 0.0, rho_max, 0.0])
    terms = replace(free, deadline_s=deadline_s, rho_min=rho_min)
    tight = search(terms, start)
    assert tight.info == {"converged": True, "feasible": True}
    delay_s = terms.delay_s(tight.rho, tight.b_hz, tight.p_w)
    assert delay_s[1] == pytest.approx(2.0, rel=1e-9)
    assert tight.rho[2] == pytest.approx(rho_max, rel=1e-12)
    assert value_of(terms, tight) < value_of(free, loose)


def value_of(terms: Terms, allocation: Allocation) -> float:
    return float(terms.utility(allocation.rho, allocation.b_hz, allocation.p_w))


def test_one_user_with_a_deadline_against_arithmetic(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    with_terms: Callable[..., Problem],
) -> None:
    # All the band is the one user's, and its delay is the deadline, so p follows from ρ.
    problem = with_terms(make_problem(), deadline_s=np.array([1.5]), bits=np.array([3e6]))
    gain = paper_gain(np.random.default_rng(5), 1)
    terms = problem.terms(gain)
    rho = terms.rho_max * np.geomspace(1e-3, 1, 100_001)[:, None]
    on_air_s = 1.5 - terms.t0_s + terms.kappa_s * rho
    spectral = rho * 3e6 / (on_air_s * 5000.0)
    p_w = 5000.0 * terms.noise_over_gain_w_per_hz * np.expm1(math.log(2) * spectral)
    best = terms.utility(rho, np.full_like(rho, 5000.0), p_w).max()
    allocation = run(problem, gain)
    # U is flat at its maximum, and ρ rises by a part in 1e4 a step.
    assert value_of(terms, allocation) == pytest.approx(best, abs=1e-8)
    delay_s = terms.delay_s(allocation.rho, allocation.b_hz, allocation.p_w)
    assert delay_s == pytest.approx(1.5, rel=1e-9)


def test_impossible_deadlines_are_reported(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    with_terms: Callable[..., Problem],
) -> None:
    problem = with_terms(make_problem(), deadline_s=np.full(3, 0.5))  # below the computing time
    config = SlsqpConfig(starts=2, max_iterations=30)
    allocator = config.build(problem, np.random.default_rng(0))
    with pytest.raises(AllocationError, match=r"drop \(0,\): user 0 has a deadline of 0\.5 s"):
        allocator.allocate(state(paper_gain(np.random.default_rng(6), 2, 3)))


def test_searches_that_end_too_soon_are_reported(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    with_terms: Callable[..., Problem],
) -> None:
    problem = with_terms(make_problem(), deadline_s=np.full(3, 1.2))
    config = SlsqpConfig(starts=2, max_iterations=1)
    allocator = config.build(problem, np.random.default_rng(0))
    with pytest.raises(AllocationError, match=r"drop \(0,\): none of 2 searches .*kind: exact"):
        allocator.allocate(state(paper_gain(np.random.default_rng(6), 2, 3)))


def test_quality_without_weight_is_refused_unless_rho_is_held(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    with_terms: Callable[..., Problem],
) -> None:
    problem, gain = make_problem(lambda_quality=0), paper_gain(np.random.default_rng(7), 3)
    with pytest.raises(AllocationError, match=r"user 0 has no weight.*lambda_quality above 0"):
        run(problem, gain)
    held = run(with_terms(problem, rho_min=np.full(3, 0.01)), gain)
    np.testing.assert_allclose(held.rho, 0.01, rtol=1e-9)


@pytest.mark.parametrize("gain", [np.empty((2, 0)), np.array([1e-9, np.nan])])
def test_impossible_states_are_refused(make_problem: Callable[..., Problem], gain: Array) -> None:
    with pytest.raises(AllocationError, match=r"no users|gain of user 1 is nan"):
        run(make_problem(), gain)


def test_same_seed_same_allocation_and_the_kit_passes(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    problem, gain = make_problem(), paper_gain(np.random.default_rng(8), 3)
    first, second, other = (run(problem, gain, seed, starts=1) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.p_w, second.p_w)
    assert (first.p_w != other.p_w).any()
    allocator = SlsqpConfig(starts=1).build(problem, np.random.default_rng(0))
    check_allocator(allocator, 5000, 50)


def test_a_search_that_is_cut_short_says_so(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    problem, gain = make_problem(), paper_gain(np.random.default_rng(9), 3)
    config = SlsqpConfig(starts=2, max_iterations=2)
    allocation = config.build(problem, np.random.default_rng(0)).allocate(state(gain))
    assert allocation.info["succeeded"] == 0
    assert np.isnan(allocation.info["spread"])
    problem.check(allocation, state(gain))
