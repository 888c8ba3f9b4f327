"""The bound holds and the optimum is found in every regime, by grids and many local searches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from semsim.allocation.branch_and_bound import Solution, solve
from semsim.allocation.config import BranchAndBoundConfig
from semsim.allocation.problem import Problem
from semsim.allocation.slsqp import search
from semsim.allocation.terms import Terms
from semsim.errors import AllocationError
from semsim.testing import check_allocator
from semsim.types import Allocation, Allocator, Array, DownlinkState

#: Bandwidth, power, and what the paper's gains are multiplied with.
REGIMES = {
    "paper": (5e3, 50.0, 1.0),
    "power-limited": (5e3, 0.01, 1e-9),
    "low SNR": (1e6, 1e-3, 1e-9),
    "computing-dominated": (1e6, 50.0, 1.0),
}


def state(gain: Array) -> DownlinkState:
    return DownlinkState(gain, np.ones_like(gain))


def run(problem: Problem, gain: Array, **options: object) -> Allocation:
    """Allocate, and check what must hold of every result."""
    config = BranchAndBoundConfig.model_validate(options)
    allocator = config.build(problem, np.random.default_rng(0))
    assert isinstance(allocator, Allocator)
    allocation: Allocation = allocator.allocate(state(gain))
    problem.check(allocation, state(gain))
    assert problem.violation(allocation) < 1e-12
    utility, bound = problem.utility(gain, allocation).total, figure(allocation, "upper_bound")
    # U is computed in two ways, whose roundings differ.
    np.testing.assert_allclose(bound - figure(allocation, "gap"), utility, rtol=0, atol=1e-11)
    assert (figure(allocation, "gap") >= 0).all()
    return allocation


def figure(allocation: Allocation, name: str) -> Array:
    return np.asarray(allocation.info[name])


def solved(terms: Terms, tolerance: float = 1e-6) -> Solution:
    """Solve to ``tolerance``, and check what must hold of every solution."""
    found = solve(terms, tolerance, 5000)
    assert found.status == "converged"
    # Not even 0: that would be a bound below the utility, cut off at it.
    assert 0 < found.upper_bound - found.utility <= tolerance
    assert found.utility == terms.utility(found.rho, found.b_hz, found.p_w)
    assert (found.rho >= terms.rho_min).all()
    assert (found.rho <= terms.rho_max).all()
    assert found.b_hz.sum() <= terms.bandwidth_hz * (1 + 1e-12)
    assert found.p_w.sum() <= terms.power_w * (1 + 1e-12)
    delay_s = terms.delay_s(found.rho, found.b_hz, found.p_w)
    assert (delay_s <= terms.deadline_s * (1 + 1e-9)).all()
    return found


def searched(terms: Terms, starts: int = 8, seed: int = 0) -> float:
    """Return the best utility of local searches from points that are spread over decades."""
    rng, users = np.random.default_rng(seed), terms.shape[-1]
    best = -np.inf
    for _ in range(starts):
        least = np.maximum(terms.rho_min, 1e-3 * terms.rho_max)
        start = Allocation(
            rho=least * (terms.rho_max / least) ** rng.uniform(size=users),
            b_hz=terms.bandwidth_hz * rng.dirichlet(np.full(users, 2.0)),
            p_w=terms.power_w * 10 ** -rng.uniform(0, 4) * rng.dirichlet(np.full(users, 2.0)),
        )
        found = search(terms, start)
        if found.info["feasible"]:
            best = max(best, float(terms.utility(found.rho, found.b_hz, found.p_w)))
    return best


def some_terms(users: int, **changes: Any) -> Terms:
    """Users who differ in everything; a second or so of computing, and a few on the air."""
    rng = np.random.default_rng(users)
    terms = Terms(
        noise_over_gain_w_per_hz=10 ** rng.uniform(-8, -6, users),
        worth=rng.uniform(0.5, 2, users),
        constant=3.0,
        bits=rng.uniform(1, 3, users) * 1e6,
        t0_s=rng.uniform(0.5, 2, users),
        kappa_s=rng.uniform(0.5, 2, users),
        compute_power_w=rng.uniform(0, 1, users),
        rho_min=np.zeros(users),
        rho_max=rng.uniform(0.1, 0.25, users),
        deadline_s=np.full(users, np.inf),
        lambda_delay=0.5,
        lambda_energy=0.5,
        bandwidth_hz=1e5,
        power_w=0.3,
    )
    return replace(terms, **changes)


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize(("users", "quality"), [(2, "sum"), (3, "mean")])
def test_search_from_many_starts_agrees(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    regime: str,
    users: int,
    quality: str,
) -> None:
    bandwidth_hz, power_w, loss = REGIMES[regime]
    problem = make_problem(bandwidth_hz, power_w, quality=quality)
    gain = loss * paper_gain(np.random.default_rng(users), users)
    allocation = run(problem, gain)
    assert figure(allocation, "status") == "converged"
    assert figure(allocation, "gap") <= 1e-6
    utility = problem.utility(gain, allocation)
    computing_only = utility.slowest_s < problem.budget.t0_s
    assert computing_only == (regime == "computing-dominated")
    assert np.isclose(allocation.p_w.sum(), power_w) == (power_w < 1)
    best = searched(problem.terms(gain))
    assert best <= figure(allocation, "upper_bound") + 1e-9
    assert best >= utility.total - 1e-6


@pytest.mark.parametrize(
    "changes",
    [
        {"kappa_s": np.zeros(1)},
        {"power_w": 1e-4, "rho_min": np.full(1, 0.01)},
        {"bandwidth_hz": 1e8},
        {"lambda_energy": 0.0, "deadline_s": np.full(1, 2.5)},
        {"lambda_delay": 0.0, "deadline_s": np.full(1, 3.0)},
    ],
)
def test_one_user_against_a_grid(changes: dict[str, Any]) -> None:
    terms = some_terms(1, **changes)
    found = solved(terms, 1e-4)
    assert found.b_hz == pytest.approx(terms.bandwidth_hz)
    low = np.log([max(float(terms.rho_min[0]), 1e-9), 1e-12 * terms.power_w])
    high = np.log([float(terms.rho_max[0]), terms.power_w])
    least, most = low, high
    best = -np.inf
    for _ in range(30):  # grids that close in on their best point
        axes = [np.exp(np.linspace(a, b, 51)) for a, b in zip(low, high, strict=True)]
        rho, p_w = (values[..., None] for values in np.meshgrid(*axes, indexing="ij"))
        b_hz = np.full(rho.shape, terms.bandwidth_hz)
        late = terms.delay_s(rho, b_hz, p_w) > terms.deadline_s
        value = np.where(late.any(-1), -np.inf, terms.utility(rho, b_hz, p_w))
        best = max(best, float(value.max()))
        at = np.unravel_index(value.argmax(), value.shape)
        centre = np.log([axis[i] for axis, i in zip(axes, at, strict=True)])
        reach = (high - low) / 3
        low, high = np.maximum(centre - reach, least), np.minimum(centre + reach, most)
    assert best <= found.upper_bound + 1e-12
    assert best >= found.utility - 1e-4


def test_a_duality_gap_is_closed_by_dividing_rho() -> None:
    # Two equal users share a rate R as r and R - r, at t = T - t_0 each with ρ = r t/(D - κ r) or
    # ρ_max: U is a function of two numbers. Power is free, and D = 1 Mbit.
    r_max, kappa_s, weight = 1.2, 0.9, 40.0
    one = np.ones(2)
    terms = some_terms(
        2,
        noise_over_gain_w_per_hz=one / (1e6 * (2**r_max - 1)),
        worth=one,
        constant=0.0,
        bits=1e6 * one,
        t0_s=one,
        kappa_s=kappa_s * one,
        rho_max=one,
        lambda_delay=weight,
        lambda_energy=0.0,
        bandwidth_hz=1e6,
        power_w=1.0,
    )
    found = solved(terms, 1e-2)
    share, t = np.meshgrid(np.linspace(0.002, 0.998, 499), np.geomspace(1e-4, 0.5, 500))
    value = -weight * (1 + t)
    for r in (share * r_max, (1 - share) * r_max):
        left = 1 - kappa_s * r
        value += np.log(np.where(left > t * r, t * r / np.maximum(left, 1e-9), 1))
    assert value.max() <= found.upper_bound
    assert value.max() >= found.utility - 1e-2
    # The users are equal; their best shares are not, by far.
    fair = value[:, 249].max()
    assert share[0, 249] == pytest.approx(0.5)
    assert found.utility > fair + 0.5
    assert found.rho.max() == pytest.approx(1, abs=1e-3)
    assert found.rho.min() < 0.02


def test_users_who_differ_in_everything() -> None:
    terms = some_terms(
        3,
        rho_min=np.array([0.0, 0.02, 0.0]),
        deadline_s=np.array([np.inf, 6.0, 3.5]),
        worth=np.array([1.0, 0.0, 2.0]),
    )
    found = solved(terms, 1e-5)
    assert searched(terms) == pytest.approx(found.utility, abs=1e-5)
    order = np.array([2, 0, 1])
    moved: dict[str, Any] = {
        name: value[order] for name, value in vars(terms).items() if isinstance(value, np.ndarray)
    }
    swapped = solved(replace(terms, **moved), 1e-5)
    assert swapped.utility == pytest.approx(found.utility, abs=1e-5)
    # Where U is flat, ρ may differ by the root of what U may: l (Δ ln ρ)²/2 = 1e-5.
    np.testing.assert_allclose(swapped.rho, found.rho[order], rtol=0.01)


def test_a_limit_of_nodes_leaves_an_honest_gap() -> None:
    terms = some_terms(3)
    optimum = solved(terms)
    bounds = []
    for max_nodes in (1, 7, 25):
        found = solve(terms, 1e-6, max_nodes)
        assert found.nodes == max_nodes
        assert found.status == "max_nodes"
        assert found.utility <= optimum.upper_bound
        assert found.upper_bound >= optimum.utility
        assert found.upper_bound - found.utility > 1e-6
        bounds.append(found.upper_bound)
    assert bounds[0] > bounds[1] > bounds[2]


def test_a_batch_is_solved_drop_by_drop(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    problem, gain = make_problem(), paper_gain(np.random.default_rng(5), 2, 1, 1)
    both = run(problem, gain, tolerance=1e-4)
    for name in ("upper_bound", "gap", "nodes", "status"):
        assert figure(both, name).shape == (2, 1)
    alone = run(problem, gain[1, 0], tolerance=1e-4)
    np.testing.assert_array_equal(alone.p_w, both.p_w[1, 0])
    assert alone.info["nodes"] == figure(both, "nodes")[1, 0]


def test_it_is_an_allocator_like_any_other(make_problem: Callable[..., Problem]) -> None:
    config = BranchAndBoundConfig(tolerance=1e-3)
    check_allocator(config.build(make_problem(), np.random.default_rng(0)), 5000, 50)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lambda_delay": 0.0}, "user 0 has no deadline.*set lambda_delay above 0"),
        ({"worth": np.array([1.0, 0.0])}, "user 1 has no weight"),
        ({"deadline_s": np.array([9.0, 0.1])}, r"user 1 computes for .* is 0.1 s; extend it"),
        (
            {"deadline_s": np.array([9.0, 1.5]), "rho_min": np.full(2, 0.09), "power_w": 1e-6},
            "the deadlines take .* and the cell has 1e-06 W.*extend it, or add bandwidth or power",
        ),
    ],
)
def test_problems_without_a_solution_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AllocationError, match=message):
        solve(some_terms(2, **changes), 1e-6, 1000)


def test_a_drop_without_a_solution_is_named(make_problem: Callable[..., Problem]) -> None:
    allocator = BranchAndBoundConfig().build(make_problem(lambda_delay=0), np.random.default_rng(0))
    with pytest.raises(AllocationError, match=r"drop \(0,\): lambda_delay is 0"):
        allocator.allocate(state(np.full((1, 2), 1e-9)))
    with pytest.raises(AllocationError, match="no users"):
        allocator.allocate(state(np.ones((2, 0))))
