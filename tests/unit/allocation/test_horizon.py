"""The bound over many slots: exact where the answer is known, never below what rules reach."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from semsim.allocation.horizon import Future, horizon_bound
from semsim.allocation.problem import Problem
from semsim.errors import AllocationError
from semsim.scenario import DownlinkScenario, load_scenario
from semsim.simulation import DownlinkRun

SCENARIOS = Path(__file__).parents[3] / "scenarios"
SLOT_S = 0.5


def problem_of(users: int, **utility: object) -> Problem:
    """Return the problem of some users of the dynamic scenario."""
    scenario = load_scenario(SCENARIOS / "downlink_dynamic.yaml")
    assert isinstance(scenario, DownlinkScenario)
    config = scenario.utility.model_copy(update=utility)
    update = {"users": scenario.users[:users], "utility": config}  # type: ignore[index]
    return DownlinkRun(scenario.model_copy(update=update)).problem


def future(slots: int, users: int, **changes: object) -> Future:
    """Return a quiet future: equal gains, one request a user in the first slot, no battery."""
    requests = np.zeros((slots, users), dtype=np.int64)
    requests[0] = 1
    quiet = Future(
        gain=np.full((slots, users), 1e-10),
        requests=requests,
        left=np.zeros((slots, users), dtype=np.bool_),
        harvest_j=np.zeros(slots),
        start_j=math.inf,
        capacity_j=math.inf,
        slot_s=SLOT_S,
        deadline_s=math.inf,
    )
    return replace(quiet, **changes)  # type: ignore[arg-type]


def alone(problem: Problem, gain: float, lambda_delay: float) -> float:
    """Return the best utility of one image sent at once with all bandwidth and power."""
    budget = problem.budget
    rates = problem.grid(1)[0]
    whole = budget.cell
    delay_s = budget.delay_s(rates, gain, whole.bandwidth_hz, whole.power_w)
    worth = problem.config.lambda_quality * problem.curve.quality(rates) - lambda_delay * delay_s
    return float(worth[delay_s <= SLOT_S].max())


def test_one_image_in_one_slot_is_what_it_is_worth_alone() -> None:
    problem = problem_of(1, lambda_energy=0.0)
    found = horizon_bound(problem, future(1, 1))
    assert found == pytest.approx(alone(problem, 1e-10, 10.0), rel=1e-6)


def test_independent_slots_add_up() -> None:
    problem = problem_of(1, lambda_energy=0.0)
    gain = np.array([[1e-10], [3e-11], [5e-10]])
    each = future(3, 1, gain=gain, requests=np.ones((3, 1), dtype=np.int64), deadline_s=SLOT_S)
    worth = sum(alone(problem, float(g), 10.0) for g in gain[:, 0])
    assert horizon_bound(problem, each) == pytest.approx(worth, rel=1e-6)


def test_without_energy_or_requests_nothing_is_worth_anything() -> None:
    problem = problem_of(2)
    assert horizon_bound(problem, future(3, 2, requests=np.zeros((3, 2), dtype=np.int64))) == 0.0
    empty = future(3, 2, start_j=0.0, capacity_j=1.0)
    assert horizon_bound(problem, empty) == pytest.approx(0.0, abs=1e-6)


def test_more_of_anything_is_never_worse() -> None:
    problem = problem_of(3)
    rng = np.random.default_rng(0)
    gain = 10.0 ** rng.uniform(-12, -10, (6, 3))
    requests = rng.poisson(0.7, (6, 3))
    poor = future(6, 3, gain=gain, requests=requests, start_j=0.01, capacity_j=0.02, deadline_s=1.2)
    least = horizon_bound(problem, poor)
    for better in (
        replace(poor, harvest_j=np.full(6, 0.02)),
        replace(poor, start_j=0.02),
        replace(poor, gain=2 * gain),
        replace(poor, deadline_s=2.0),
    ):
        assert horizon_bound(problem, better) >= least - 1e-6
    gone = np.zeros((6, 3), dtype=np.bool_)
    gone[3] = True
    assert horizon_bound(problem, replace(poor, left=gone)) <= least + 1e-6


def test_what_it_cannot_bound_is_refused() -> None:
    with pytest.raises(AllocationError, match="a sum or a mean"):
        horizon_bound(problem_of(2, quality="min"), future(2, 2))
    scenario = load_scenario(SCENARIOS / "downlink_umi.yaml")
    assert isinstance(scenario, DownlinkScenario)
    problem = DownlinkRun(scenario).problem
    with pytest.raises(AllocationError, match="rate: shannon"):
        horizon_bound(problem, future(2, len(problem.offers)))
