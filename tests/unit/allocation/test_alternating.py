"""Algorithm 1: it climbs, it stays inside, it stops short of the optimum as its docstring says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cvxpy as cp
import numpy as np
import pytest

from semsim.allocation import alternating, subproblems
from semsim.allocation.alternating import Alternating
from semsim.allocation.baselines import Equal
from semsim.allocation.config import AlternatingConfig, EqualConfig
from semsim.allocation.problem import Problem
from semsim.allocation.subproblems import RhoStep, ShareStep
from semsim.allocation.terms import Terms
from semsim.errors import AllocationError
from semsim.types import Allocation, Allocator, Array, DownlinkState


def state(gain: Array) -> DownlinkState:
    return DownlinkState(gain, np.ones_like(gain))


def run(problem: Problem, gain: Array, seed: int = 0, **options: object) -> Allocation:
    """Allocate by Algorithm 1, and check what must hold of every result."""
    config = AlternatingConfig.model_validate(options)
    allocator = config.build(problem, np.random.default_rng(seed))
    assert isinstance(allocator, Allocator)
    allocation: Allocation = allocator.allocate(state(gain))
    problem.check(allocation, state(gain))
    assert problem.violation(allocation) < 1e-12
    return allocation


def histories(allocation: Allocation) -> Any:
    return allocation.info["utility"]


def test_every_iteration_raises_the_true_utility(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    # Step by step, without the allocator's own guard against a fall.
    problem, gain = make_problem(), paper_gain(np.random.default_rng(0), 5)
    rho_step, share_step = RhoStep(problem, 5, "CLARABEL"), ShareStep(problem, 5, "CLARABEL")
    last = Equal(EqualConfig(), problem, np.random.default_rng(0)).allocate(state(gain))
    before, terms = problem.utility(gain, last).total, problem.terms(gain)
    for _ in range(12):
        last = share_step.solve(terms, last, rho_step.solve(terms, last))
        after = problem.utility(gain, last).total
        assert after > before - 1e-6
        before = after
    # ... and the allocator takes the same way.
    assert before == pytest.approx(histories(run(problem, gain))[0][-1], abs=1e-3)


@pytest.mark.parametrize("start", ["equal", "random"])
def test_the_record_fits_the_result(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array], start: str
) -> None:
    problem, gain = make_problem(), paper_gain(np.random.default_rng(1), 2, 2, 5)
    allocation = run(problem, gain, start=start)
    iterations = np.asarray(allocation.info["iterations"])
    np.testing.assert_array_equal(allocation.info["status"], np.full((2, 2), "converged"))
    total = problem.utility(gain, allocation).total
    for i, drop in enumerate(np.ndindex(2, 2)):
        utility = histories(allocation)[i]
        assert (np.diff(utility) > 0).all()
        assert iterations[drop] == utility.size - 1
        assert utility[-1] - utility[-2] < 1e-4
        assert utility[-1] == pytest.approx(total[drop], abs=1e-9)


def test_from_50_w_it_freezes_far_below_the_optimum(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    global_search: Callable[..., float],
    local_search: Callable[..., float],
) -> None:
    rng, problem = np.random.default_rng(2), make_problem()
    gain = paper_gain(rng, 3, 5)
    allocation = run(problem, gain)
    reached = problem.utility(gain, allocation)
    for drop in range(3):
        best = global_search(problem, gain[drop], rng)
        gap = best - reached.total[drop]
        assert 7 < gap < 9.5  # 7.8 to 8.4 over 30 drops
        assert 0.13 < gap / best < 0.17
        # Frozen: every delay equals T. No local optimum either: a local search leaves it.
        assert np.ptp(reached.delay_s[drop]) < 1e-4 * reached.slowest_s[drop]
        frozen = Allocation(allocation.rho[drop], allocation.b_hz[drop], allocation.p_w[drop])
        assert local_search(problem, gain[drop], frozen) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize(("quality", "low", "high"), [("sum", -1e-6, 1e-3), ("mean", 0.3, 1.0)])
def test_from_50_mw_it_depends_on_how_quality_is_pooled(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    global_search: Callable[..., float],
    quality: str,
    low: float,
    high: float,
) -> None:
    rng, problem = np.random.default_rng(3), make_problem(quality=quality)
    gain = paper_gain(rng, 3, 5)
    reached = problem.utility(gain, run(problem, gain, start_power_share=0.001)).total
    for drop in range(3):
        gap = global_search(problem, gain[drop], rng) - reached[drop]
        assert low < gap < high


def test_one_user(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    global_search: Callable[..., float],
) -> None:
    rng, problem = np.random.default_rng(4), make_problem()
    gain = paper_gain(rng, 1)
    allocation = run(problem, gain, start_power_share=0.001)
    assert allocation.b_hz[0] == pytest.approx(5000, rel=1e-5)
    gap = global_search(problem, gain, rng) - problem.utility(gain, allocation).total
    assert -1e-6 < gap < 1e-3


@pytest.mark.parametrize("users", [1, 2, 5, 20])
@pytest.mark.parametrize(("power_w", "bandwidth_hz"), [(1e-3, 8000), (50, 1000), (0.05, 5e6)])
def test_extreme_scales(
    make_problem: Callable[..., Problem], users: int, power_w: float, bandwidth_hz: float
) -> None:
    rng = np.random.default_rng(users)
    problem = make_problem(power_w=power_w, bandwidth_hz=bandwidth_hz, efficiency=1e-28)
    gain = 10 ** rng.uniform(-13, -3, users)
    allocation = run(problem, gain, start="random")
    assert allocation.info["status"] == "converged"
    utility = histories(allocation)[0]
    assert utility[-1] > utility[0]


@pytest.mark.parametrize("off", ["lambda_delay", "lambda_energy"])
def test_a_term_may_have_no_weight(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array], off: str
) -> None:
    problem, gain = make_problem(**{off: 0.0}), paper_gain(np.random.default_rng(6), 5)
    allocation = run(problem, gain)
    assert allocation.info["status"] == "converged"
    if off == "lambda_energy":  # power is free, so that all of it is spent
        assert allocation.p_w.sum() == pytest.approx(50, rel=1e-4)
    else:  # time is free, so that energy alone decides
        spent = problem.utility(gain, allocation).energy_j.sum()
        assert spent < problem.utility(gain, run(make_problem(), gain)).energy_j.sum()


def test_only_quality_counts(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    problem = make_problem(lambda_delay=0, lambda_energy=0)
    allocation = run(problem, paper_gain(np.random.default_rng(6), 5), start="random")
    np.testing.assert_allclose(allocation.rho, problem.budget.rho_max, rtol=1e-5)


@pytest.mark.parametrize("start", ["equal", "random"])
def test_same_seed_same_allocation(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array], start: str
) -> None:
    problem, gain = make_problem(), paper_gain(np.random.default_rng(7), 2, 5)
    first, second = (run(problem, gain, seed=1, start=start) for _ in range(2))
    np.testing.assert_array_equal(first.rho, second.rho)
    np.testing.assert_array_equal(first.b_hz, second.b_hz)
    np.testing.assert_array_equal(first.p_w, second.p_w)


def test_a_drop_does_not_depend_on_its_neighbours(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    problem, gain = make_problem(), paper_gain(np.random.default_rng(8), 2, 5)
    allocator = Alternating(AlternatingConfig(), problem, np.random.default_rng(0))
    both, alone = allocator.allocate(state(gain)), allocator.allocate(state(gain[1]))
    np.testing.assert_array_equal(both.p_w[1], alone.p_w)
    np.testing.assert_array_equal(both.rho[1], alone.rho)


def test_iterations_are_limited(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    problem, gain = make_problem(), paper_gain(np.random.default_rng(9), 5)
    allocation = run(problem, gain, max_iterations=2)
    assert allocation.info["status"] == "max_iterations"
    assert allocation.info["iterations"] == 2


def test_a_worse_answer_of_the_solver_is_not_taken(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem, gain = make_problem(), paper_gain(np.random.default_rng(10), 5)

    class Hiccup(ShareStep):
        calls = 0

        def solve(self, terms: Terms, last: Allocation, rho: Array) -> Allocation:
            self.calls += 1
            good = super().solve(terms, last, rho)
            return replace(good, b_hz=good.b_hz / 2) if self.calls == 8 else good

    monkeypatch.setattr(alternating, "ShareStep", Hiccup)
    allocation = run(problem, gain)
    assert allocation.info["status"] == "stalled"
    assert allocation.info["iterations"] == 7
    kept = float(problem.utility(gain, allocation).total)
    assert kept == pytest.approx(histories(allocation)[0][-1], abs=1e-9)


def test_a_solver_that_cannot_do_it_is_named_with_the_remedy(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    gain = paper_gain(np.random.default_rng(0), 2, 5)
    with pytest.raises(AllocationError, match=r"drop \(0,\): P2.2 .*OSQP failed.* CLARABEL"):
        run(make_problem(), gain, solver="OSQP")
    with pytest.raises(AllocationError, match=r"NO_SUCH_SOLVER.*set the allocator's solver to"):
        run(make_problem(), gain, solver="NO_SUCH_SOLVER")


def test_quality_without_weight_is_refused(make_problem: Callable[..., Problem]) -> None:
    with pytest.raises(AllocationError, match=r"lambda_quality is 0.*set it above 0"):
        AlternatingConfig().build(make_problem(lambda_quality=0), np.random.default_rng(0))


@pytest.mark.parametrize("gain", [np.empty((2, 0)), np.array([1e-9, np.nan])])
def test_impossible_states_are_refused(make_problem: Callable[..., Problem], gain: Array) -> None:
    allocator = Alternating(AlternatingConfig(), make_problem(), np.random.default_rng(0))
    with pytest.raises(AllocationError, match=r"no users|gain of user 1 is nan"):
        allocator.allocate(state(gain))


def test_a_solver_that_oversteps_is_brought_back_inside(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solve = subproblems._solve

    def overstep(problem: cp.Problem, solver: str, name: str) -> None:
        solve(problem, solver, name)
        for variable in problem.variables():
            variable.value = 1.0001 * variable.value

    monkeypatch.setattr(subproblems, "_solve", overstep)
    problem, gain = make_problem(), paper_gain(np.random.default_rng(11), 5)
    allocation = run(problem, gain, start_power_share=0.001)  # checks the constraints
    assert allocation.b_hz.sum() == pytest.approx(5000, rel=1e-12)
    assert allocation.rho.max() == problem.budget.rho_max
