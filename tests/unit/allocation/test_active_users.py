"""Allocators on the users who have something to receive, and what a slot delivered."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from semsim.allocation.active import ActiveUsers, check_active, of_users
from semsim.allocation.config import ExactConfig, RandomConfig, UtilityConfig
from semsim.allocation.delivered import delivered_utility
from semsim.allocation.exact.allocator import Exact
from semsim.allocation.problem import Problem
from semsim.allocation.quality import QualityCurve
from semsim.engine.budget import Budget
from semsim.engine.computing import Computing
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.errors import AllocationError
from semsim.types import Allocation, DownlinkState

WEIGHTS = (1.0, 2.0, 0.5, 1.5)


def problem(users: tuple[int, ...] = (0, 1, 2, 3)) -> Problem:
    """Users who differ in everything that users can differ in."""
    pick = list(users)
    cell = CellConfig(bandwidth_hz=1e5, power_w=0.01)
    takes = tuple(Computing(4e8, -1e9 * user) for user in pick)
    return Problem(
        Budget(cell, ComputeConfig(efficiency=1e-28), (3, 64, 64), takes),
        UtilityConfig(weight=tuple(WEIGHTS[user] for user in pick)),
        QualityCurve(np.array([41.0, 42, 43, 44])[pick], np.array([3.0, 2, 4, 3])[pick]),
        tuple((0.01 * (user + 1), 0.1) for user in pick),
    )


def state(shape: tuple[int, ...], active: Any = None) -> DownlinkState:
    gain = 10 ** np.random.default_rng(0).uniform(-13, -9, shape)
    return DownlinkState(gain, gain, active)


def alone(gain: np.ndarray, users: tuple[int, ...]) -> Allocation:
    config = ExactConfig()
    own = Exact(config, problem(users), np.random.default_rng())
    return own.allocate(DownlinkState(gain[list(users)], gain[list(users)]))


def test_the_active_share_as_if_there_were_no_others() -> None:
    active = np.array([[True, False, True, True], [True, True, True, True], [False] * 4])
    seen = state((3, 4), active)
    made = ActiveUsers(ExactConfig(), problem(), np.random.default_rng())
    found = made.allocate(seen)
    for drop, users in ((0, (0, 2, 3)), (1, (0, 1, 2, 3))):
        expected = alone(seen.gain[drop], users)
        for name in ("rho", "b_hz", "p_w"):
            got = getattr(found, name)[drop]
            assert got[list(users)] == pytest.approx(getattr(expected, name), rel=1e-6), name
    for values in (found.rho, found.b_hz, found.p_w):
        assert (values[~active] == 0).all()
    one = made.allocate(DownlinkState(seen.gain[0], seen.gain[0], active[0]))
    assert one.b_hz == pytest.approx(found.b_hz[0], rel=1e-6)
    check_active(problem(), found, seen)


def test_without_a_mask_it_is_the_allocator_itself() -> None:
    seen = state((4,))
    wrapped = ActiveUsers(RandomConfig(), problem(), np.random.default_rng(1)).allocate(seen)
    plain = RandomConfig().build(problem(), np.random.default_rng(1)).allocate(seen)
    assert np.array_equal(wrapped.b_hz, plain.b_hz)
    assert np.array_equal(wrapped.rho, plain.rho)


def test_a_problem_of_some_users_is_theirs() -> None:
    mask = np.array([False, True, False, True])
    ours, theirs = of_users(problem(), mask), problem((1, 3))
    gain = state((2,)).gain
    for name in ("worth", "t0_s", "kappa_s", "rho_max"):
        assert np.array_equal(getattr(ours.terms(gain), name), getattr(theirs.terms(gain), name))
    assert ours.terms(gain).constant == theirs.terms(gain).constant
    assert [list(rho) for rho in ours.grid(2)] == [list(rho) for rho in theirs.grid(2)]


def test_too_much_is_refused_and_nothing_is_not() -> None:
    seen = state((4,), np.ones(4, dtype=bool))
    nothing = np.zeros(4)
    check_active(problem(), Allocation(nothing, nothing, nothing), seen)
    for wrong in (nothing + 0.01, nothing - 1.0, nothing + math.nan):
        with pytest.raises(AllocationError, match="exceeds bandwidth, power"):
            check_active(problem(), Allocation(nothing, nothing, wrong), seen)
    with pytest.raises(AllocationError, match="one value a user"):
        check_active(problem(), Allocation(nothing, nothing, np.zeros(3)), seen)


NAN = math.nan


@pytest.mark.parametrize("xp", [np, torch])
@pytest.mark.parametrize(
    ("quality", "expected"),
    [("sum", [20 + 2 * 30.0, 0.0]), ("mean", [80 / 3, 0.0]), ("min", [20.0, 0.0])],
)
def test_a_slot_is_worth_what_it_delivered(xp: Any, quality: Any, expected: list[float]) -> None:
    weight = 1.0 if quality == "min" else (1.0, 1.0, 2.0)
    config = UtilityConfig(
        lambda_quality=0.5, lambda_delay=2, lambda_energy=3, quality=quality, weight=weight
    )
    utility = delivered_utility(
        config,
        delivered=xp.asarray([[True, False, True], [False] * 3]),
        qualities=xp.asarray([[20.0, NAN, 30.0], [NAN, 50.0, NAN]]),
        delay_s=xp.asarray([[0.25, 9.0, 1.5], [NAN, NAN, 9.0]]),
        energy_j=xp.asarray([[0.0, 1.0, 2.0], [0.0, 0.25, 0.0]]),
    )
    quality_of = np.array(expected) * 0.5
    assert np.asarray(utility) == pytest.approx(quality_of - [2 * 1.5 + 9, 0.75])
