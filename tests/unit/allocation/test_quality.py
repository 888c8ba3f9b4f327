"""The fit of Q = a + b ln ρ against independent ones, and curves that allocation can use."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit
from scipy.stats import linregress

from semsim.allocation.alternating import Alternating
from semsim.allocation.config import AlternatingConfig
from semsim.allocation.problem import Problem
from semsim.allocation.quality import PAPER, QualityCurve, fit
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState

RHO = [0.0018, 0.0073, 0.0293, 0.1172]


@given(
    offset_db=st.floats(-20, 60),
    slope_db=st.floats(-10, 10).filter(lambda b: abs(b) > 1e-3),
    rho=st.lists(st.floats(1e-4, 1), min_size=3, max_size=8, unique=True).filter(
        lambda rho: max(rho) > 1.5 * min(rho)
    ),
)
def test_points_on_a_curve_give_it_back(
    offset_db: float, slope_db: float, rho: list[float]
) -> None:
    found = fit(rho, [offset_db + slope_db * math.log(value) for value in rho])
    assert found.offset == pytest.approx(offset_db, abs=1e-9)
    assert found.slope == pytest.approx(slope_db, abs=1e-9)
    assert found.rmse == pytest.approx(0, abs=1e-9)
    assert found.r2 == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("count", [3, 4, 7, 40])
def test_scattered_points_are_fitted_as_numpy_and_scipy_do(count: int) -> None:
    rng = np.random.default_rng(count)
    rho = rng.uniform(1e-3, 0.2, count)
    psnr_db = 41 + 3 * np.log(rho) + rng.standard_normal(count)
    found = fit(rho.tolist(), psnr_db.tolist())
    slope_db, offset_db = np.polyfit(np.log(rho), psnr_db, 1)
    assert found.slope == pytest.approx(slope_db, rel=1e-9)
    assert found.offset == pytest.approx(offset_db, rel=1e-9)
    regression = linregress(np.log(rho), psnr_db)
    assert found.r2 == pytest.approx(regression.rvalue**2, rel=1e-9)
    # s² per degree of freedom is what a slope's standard error is made of: s²/Σ(x - x̄)².
    spread = np.sqrt(((np.log(rho) - np.log(rho).mean()) ** 2).sum())
    assert found.rmse == pytest.approx(regression.stderr * spread, rel=1e-9)
    # ... and of the covariance of scipy's general fit, by Levenberg and Marquardt.
    (offset_db, slope_db), _ = curve_fit(lambda x, a, b: a + b * np.log(x), rho, psnr_db)
    assert (found.offset, found.slope) == pytest.approx((offset_db, slope_db), rel=1e-5)


def test_rmse_and_r2_by_hand() -> None:
    # x = -1, 0, 1 and y = 0, 3, 0: the line is y = 1, errors -1, 2, -1: SSE = SST = 6.
    found = fit([math.exp(-1), 1, math.e], [0, 3, 0])
    assert (found.offset, found.slope) == pytest.approx((1, 0), abs=1e-12)
    assert found.rmse == pytest.approx(math.sqrt(6 / (3 - 2)))  # √2 if per point
    assert found.r2 == pytest.approx(0, abs=1e-12)


def test_two_points_make_a_line_of_which_nothing_is_known() -> None:
    found = fit([0.01, 0.1], [20, 30])
    assert found.slope == pytest.approx(10 / math.log(10))
    assert found.quality(0.01) == pytest.approx(20)
    assert found.rmse is None
    assert found.r2 is None


def test_equal_quality_has_no_r2() -> None:
    found = fit(RHO, [30] * 4)
    assert found.slope == pytest.approx(0, abs=1e-12)
    assert found.r2 is None


@pytest.mark.parametrize(
    ("rho", "psnr_db"), [([0.1], [30]), ([0.1, 0.1], [30, 31]), ([0, 0.1], [30, 31])]
)
def test_what_makes_no_curve(rho: list[float], psnr_db: list[float]) -> None:
    with (
        pytest.raises(ValueError, match=r"two different ρ|must be positive"),
        np.errstate(divide="ignore"),
    ):
        fit(rho, psnr_db)


@pytest.mark.parametrize("slope", [0.0, -1.0, np.array([3.0, 0.0]), math.nan, math.inf])
def test_slopes_must_be_positive_and_finite(slope: float | Array) -> None:
    with pytest.raises(ValueError, match=r"must be (positive|finite)"):
        QualityCurve(np.full(np.shape(slope), 40.0), slope)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"shapes \(\) and \(2,\)"):
        QualityCurve(40.0, np.array([3.0, 2.0]))


def test_the_paper_s_curve() -> None:
    # FTSC quotes ρ of scaling [4,2] as 0.0293.
    assert PAPER.quality(np.array([0.0293]))[0] == pytest.approx(41.22 + 3.035 * math.log(0.0293))
    assert PAPER.quality(np.array([0.0]))[0] == -math.inf


MIXED = QualityCurve(np.array([40.0, 36.0, 44.0]), np.array([3.0, 1.0, 5.0]))


def test_every_user_has_its_own_curve_in_the_utility(make_problem: Callable[..., Problem]) -> None:
    gain, ones = np.array([1e-9, 2e-8, 3e-9]), np.ones((2, 3))
    allocation = Allocation(np.array([[0.01, 0.02, 0.03]]) * ones, 1000 * ones, 0.1 * ones)
    expected = [40 + 3 * math.log(0.01), 36 + math.log(0.02), 44 + 5 * math.log(0.03)]
    for quality, users in (("sum", 1), ("mean", 3)):
        problem = make_problem(curve=MIXED, quality=quality, lambda_quality=0.5)
        got = problem.utility(gain * ones, allocation)
        np.testing.assert_allclose(got.qualities, [expected] * 2, rtol=1e-12)
        np.testing.assert_allclose(got.quality, 0.5 * sum(expected) / users, rtol=1e-12)


def test_curves_of_another_number_of_users_are_refused(
    make_problem: Callable[..., Problem],
) -> None:
    problem = make_problem(curve=MIXED)
    state = DownlinkState(np.full(5, 1e-9), np.ones(5))
    allocator = Alternating(AlternatingConfig(), problem, np.random.default_rng(0))
    with pytest.raises(AllocationError, match="curves for 3 users, but 5"):
        allocator.allocate(state)


def allocate(problem: Problem, gain: Array) -> Allocation:
    # From an equal split of 50 W, energy and not the codec limits ρ.
    config = AlternatingConfig()
    allocator = Alternating(config, problem, np.random.default_rng(0))
    return allocator.allocate(DownlinkState(gain, np.ones_like(gain)))


def test_equal_curves_give_what_one_curve_gives(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    gain = paper_gain(np.random.default_rng(0), 3)
    one = allocate(make_problem(), gain)
    each = QualityCurve(np.full(3, 41.22), np.full(3, 3.035))
    many = allocate(make_problem(curve=each), gain)
    for name in ("rho", "b_hz", "p_w"):
        np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


def test_a_steeper_curve_gets_the_larger_rho(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    global_search: Callable[..., float],
) -> None:
    # Users with the same gain.
    rng = np.random.default_rng(1)
    gain = np.full(3, paper_gain(rng, 1)[0])
    problem = make_problem(curve=MIXED)
    allocation = allocate(problem, gain)
    assert 1.05 * allocation.rho[1] < allocation.rho[0] < allocation.rho[2] / 1.05
    reached = problem.utility(gain, allocation).total
    best = global_search(problem, gain, rng)
    assert reached <= best + 1e-6
    # Turning the users round turns the answer round: nothing of one user sticks to another.
    turned = QualityCurve(MIXED.offset[::-1], MIXED.slope[::-1])
    again = allocate(make_problem(curve=turned), gain)
    # The solver stops at about 1e-8 of the objective; flat optima at the root of that.
    np.testing.assert_allclose(again.rho[::-1], allocation.rho, rtol=1e-3)
