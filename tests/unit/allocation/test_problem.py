"""The utility against plain arithmetic, and every constraint by its message."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from semsim.allocation.config import UtilityConfig
from semsim.allocation.problem import Problem
from semsim.allocation.quality import PAPER
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState

GAIN = np.array([2e-9, 5e-8])
ALLOCATION = Allocation(
    rho=np.array([0.03, 0.11]), b_hz=np.array([3000.0, 2000.0]), p_w=np.array([0.02, 0.3])
)


def state(gain: Array = GAIN) -> DownlinkState:
    return DownlinkState(gain, np.ones_like(gain))


@pytest.mark.parametrize(("quality", "users"), [("sum", 1), ("mean", 2)])
def test_utility_by_hand(make_problem: Callable[..., Problem], quality: str, users: int) -> None:
    weights = {"lambda_quality": 0.5, "lambda_delay": 0.3, "lambda_energy": 0.2}
    problem = make_problem(efficiency=1e-28, quality=quality, **weights)
    psnr, delay, energy = [], [], []
    for rho, b, p, g in ((0.03, 3000, 0.02, 2e-9), (0.11, 2000, 0.3, 5e-8)):
        rate = b * math.log2(1 + p * g / (b * 10**-20.4))
        on_air = rho * 3 * 256 * 256 * 8 / rate
        flops = 4 / 3 * 4_294_967_296 * (1 - rho / 1.875) - 4_194_304_000
        psnr.append(41.22 + 3.035 * math.log(rho))
        delay.append(on_air + flops / 1.35e9)
        energy.append(p * on_air + 1e-28 * 1.35e9**2 * flops)
    got = problem.utility(GAIN, ALLOCATION)
    assert got.qualities == pytest.approx(psnr, rel=1e-12)
    assert got.delay_s == pytest.approx(delay, rel=1e-12)
    assert got.slowest_s == pytest.approx(max(delay), rel=1e-12)
    assert got.energy_j == pytest.approx(energy, rel=1e-12)
    assert got.quality == pytest.approx(0.5 * sum(psnr) / users, rel=1e-12)
    assert got.delay == pytest.approx(0.3 * max(delay), rel=1e-12)
    assert got.energy == pytest.approx(0.2 * sum(energy), rel=1e-12)
    assert got.total == pytest.approx(got.quality - got.delay - got.energy, rel=1e-12)


def test_utility_is_taken_drop_by_drop(make_problem: Callable[..., Problem]) -> None:
    problem = make_problem()
    scale = np.linspace(0.5, 1, 6).reshape(2, 3, 1)
    many = Allocation(ALLOCATION.rho * scale, ALLOCATION.b_hz * scale, ALLOCATION.p_w * scale)
    got = problem.utility(GAIN * scale, many)
    assert got.total.shape == got.slowest_s.shape == got.energy.shape == (2, 3)
    assert got.delay_s.shape == got.qualities.shape == (2, 3, 2)
    one = Allocation(many.rho[1, 0], many.b_hz[1, 0], many.p_w[1, 0])
    assert got.total[1, 0] == problem.utility(GAIN * scale[1, 0], one).total


def test_starved_users_make_the_utility_minus_infinity(
    make_problem: Callable[..., Problem],
) -> None:
    starved = replace(ALLOCATION, b_hz=np.array([5000.0, 0.0]))
    assert make_problem().utility(GAIN, starved).total == -np.inf
    indifferent = make_problem(lambda_delay=0, lambda_energy=0).utility(GAIN, starved)
    assert indifferent.total == indifferent.quality  # infinite, but of no weight


def test_a_good_allocation_passes(make_problem: Callable[..., Problem]) -> None:
    problem = make_problem()
    problem.check(ALLOCATION, state())
    assert problem.violation(ALLOCATION) == 0
    rounding = replace(ALLOCATION, b_hz=ALLOCATION.b_hz * (1 + 5e-7))
    problem.check(rounding, state())
    assert problem.violation(rounding) == pytest.approx(5e-7, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message", "violation"),
    [
        ({"rho": np.array([0.03, np.nan])}, r"rho of user 1 is nan; it must be positive", np.inf),
        ({"rho": np.array([0.0, 0.1])}, r"rho of user 0 is 0; it must be positive", 0),
        ({"rho": np.array([0.03, 0.234375])}, r"rho of user 1 is 0.234375, above .* \(0.117188", 1),
        ({"b_hz": np.array([-5.0, 2000.0])}, r"b_hz of user 0 is -5; it must", 1e-3),
        ({"p_w": np.array([0.02, np.inf])}, r"p_w of user 1 is inf; it must", np.inf),
        (
            {"b_hz": np.array([3000.0, 2500.0])},
            r"b_hz sum to 5500, above the cell's bandwidth_hz \(5000\); .* user 0",
            0.1,
        ),
        ({"p_w": np.array([1.0, 51.0])}, r"p_w sum to 52, .* power_w \(50\); .* user 1", 0.04),
    ],
)
def test_a_broken_constraint_is_named(
    make_problem: Callable[..., Problem],
    change: dict[str, Any],
    message: str,
    violation: float,
) -> None:
    problem, broken = make_problem(), replace(ALLOCATION, **change)
    with pytest.raises(AllocationError, match=message):
        problem.check(broken, state())
    assert problem.violation(broken) == pytest.approx(violation)


def test_the_drop_is_named_too(make_problem: Callable[..., Problem]) -> None:
    rho, b_hz, p_w = (
        np.tile(v, (2, 3, 1)) for v in (ALLOCATION.rho, ALLOCATION.b_hz, ALLOCATION.p_w)
    )
    many = Allocation(rho, b_hz, p_w)
    gain = np.tile(GAIN, (2, 3, 1))
    p_w[1, 2, 0] = 0
    with pytest.raises(AllocationError, match=r"p_w of user 0 of drop \(1, 2\)"):
        make_problem().check(many, state(gain))
    p_w[1, 2, 0] = 60
    with pytest.raises(AllocationError, match=r"sum to 60\.3 in drop \(1, 2\)"):
        make_problem().check(many, state(gain))


def test_shapes_must_match(make_problem: Callable[..., Problem]) -> None:
    short = replace(ALLOCATION, p_w=np.array([1.0]))
    with pytest.raises(AllocationError, match=r"p_w has shape \(1,\).* \(2,\); allocate one value"):
        make_problem().check(short, state())


@pytest.mark.parametrize("gain", [np.empty(0), np.empty((4, 0)), np.array(1e-9)])
def test_a_state_needs_users(make_problem: Callable[..., Problem], gain: Array) -> None:
    with pytest.raises(AllocationError, match="no users"):
        make_problem().check(ALLOCATION, state(gain))


@pytest.mark.parametrize("wrong", [0.0, -1e-9, np.nan, np.inf])
def test_gains_must_be_positive(make_problem: Callable[..., Problem], wrong: float) -> None:
    with pytest.raises(AllocationError, match=r"gain of user 1 is .* positive and finite"):
        make_problem().check(ALLOCATION, state(np.array([1e-9, wrong])))


@pytest.mark.parametrize(
    "change",
    [
        {"lambda_delay": -1},
        {"quality": "median"},
        {"quality_curve": "papers"},
        {"quality_curve": {"offset_db": 40, "slope_db": 0}},
        {"quality_curve": {"path": "x.yaml", "slope_db": 3}},
        {"quality_slope_db": 3},
    ],
)
def test_impossible_utilities_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(change))):
        UtilityConfig.model_validate(change)


def test_weights_deadlines_and_promises_become_terms(make_problem: Callable[..., Problem]) -> None:
    problem = make_problem(
        weight=(1.0, 2.0), deadline_s=(9.0, 5.0), least_quality=30.0, quality="mean"
    )
    terms = problem.terms(np.array([1e-9, 1e-8]))
    np.testing.assert_allclose(terms.worth, 0.33 / 2 * 3.035 * np.array([1.0, 2.0]))
    np.testing.assert_allclose(terms.deadline_s, [9.0, 5.0])
    np.testing.assert_allclose(PAPER.quality(terms.rho_min), 30.0)


def test_terms_and_problem_agree_on_the_utility(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    rng = np.random.default_rng(5)
    for quality in ("sum", "mean"):
        problem = make_problem(weight=(1.0, 2.0, 0.5), quality=quality, efficiency=1e-28)
        gain = paper_gain(rng, 4, 3)
        rho, b_hz, p_w = rng.uniform(0.01, 0.1, (3, 4, 3)) * np.array([1, 1e4, 1])[:, None, None]
        want = problem.utility(gain, Allocation(rho, b_hz, p_w)).total
        np.testing.assert_allclose(problem.terms(gain).utility(rho, b_hz, p_w), want, rtol=1e-12)


def test_limits_of_another_number_of_users_are_refused(
    make_problem: Callable[..., Problem],
) -> None:
    with pytest.raises(AllocationError, match=r"utility\.weight has 2 values for 3 users"):
        make_problem(weight=(1.0, 2.0)).terms(np.full(3, 1e-9))
    with pytest.raises(AllocationError, match="user 0 is promised 40 dB, but its codec has 34"):
        make_problem(least_quality=40.0).terms(np.full(3, 1e-9))
