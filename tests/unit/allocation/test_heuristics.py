"""Water-filling and proportional fairness against CVXPY and their optimality conditions."""

from __future__ import annotations

import math
from collections.abc import Callable

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsim.allocation.config import (
    BestRateFixedPowerConfig,
    ProportionalFairConfig,
    WaterFillingConfig,
)
from semsim.allocation.problem import Problem
from semsim.errors import AllocationError
from semsim.testing import check_allocator
from semsim.types import Allocation, Allocator, Array, DownlinkState

Config = WaterFillingConfig | ProportionalFairConfig

#: From powers that reach nobody to the paper's, and gains of one cell or of many orders.
CELLS = [(50.0, -9, -8), (0.01, -12, -9), (1e-6, -14, -8), (1e-3, -13, -3)]


def state(gain: Array) -> DownlinkState:
    return DownlinkState(gain, np.ones_like(gain))


def run(problem: Problem, gain: Array, config: Config) -> Allocation:
    allocator = config.build(problem, np.random.default_rng(0))
    assert isinstance(allocator, Allocator)
    allocation: Allocation = allocator.allocate(state(gain))
    problem.check(allocation, state(gain))
    cell, share = problem.budget.cell, config.power_share
    np.testing.assert_allclose(allocation.b_hz.sum(-1), cell.bandwidth_hz, rtol=1e-12)
    np.testing.assert_allclose(allocation.p_w.sum(-1), share * cell.power_w, rtol=1e-12)
    return allocation


def rate_bps(problem: Problem, gain: Array, allocation: Allocation) -> Array:
    return problem.budget.rate_bps(gain, allocation.b_hz, allocation.p_w)


def nats(x: cp.Expression, y: cp.Expression, snr: Array) -> cp.Expression:
    """Return x ln(1 + snr y/x), concave in both."""
    log_c = np.log(np.maximum(snr, 1))
    return cp.multiply(log_c, x) - cp.rel_entr(
        x, cp.multiply(np.exp(-log_c), x) + cp.multiply(snr * np.exp(-log_c), y)
    )


@pytest.mark.parametrize(("power_w", "low", "high"), CELLS)
@pytest.mark.parametrize("least_share", [0.01, 0.5])
def test_water_filling_is_the_best_sum_of_rates(
    make_problem: Callable[..., Problem],
    power_w: float,
    low: float,
    high: float,
    least_share: float,
) -> None:
    problem = make_problem(power_w=power_w)
    gain = 10 ** np.random.default_rng(1).uniform(low, high, 6)
    found = run(problem, gain, WaterFillingConfig(least_share=least_share))
    snr = problem.budget.snr(gain, 5000 / 6, power_w)
    y, c = cp.Variable(6), np.maximum(snr, 1)
    best = cp.Problem(
        cp.Maximize(cp.sum(cp.log(1 / c + cp.multiply(snr / c, y))) + np.log(c).sum()),
        [cp.sum(y) <= 1, y >= least_share / 6],
    ).solve(solver="CLARABEL")
    ours = rate_bps(problem, gain, found).sum() * math.log(2) / (5000 / 6)
    assert ours == pytest.approx(best, rel=1e-6)
    assert ours > best * (1 - 1e-9)


@pytest.mark.parametrize(("power_w", "low", "high"), CELLS)
def test_water_stands_level(
    make_problem: Callable[..., Problem], power_w: float, low: float, high: float
) -> None:
    problem = make_problem(power_w=power_w)
    gain = 10 ** np.random.default_rng(2).uniform(low, high, (50, 8))
    p_w = run(problem, gain, WaterFillingConfig()).p_w
    least_w, noise_w = 0.01 * power_w / 8, 5000 / 8 * problem.budget.noise_psd_w_per_hz / gain
    dry = p_w <= least_w * (1 + 1e-9)
    level = (p_w + noise_w)[np.arange(50), p_w.argmax(-1)][:, None]
    # Power over noise is level where there is more power than must be, and the rest is above it.
    np.testing.assert_allclose(np.where(dry, 1, (p_w + noise_w) / level), 1, rtol=1e-9, atol=1e-12)
    assert (np.where(dry, noise_w + p_w, math.inf) >= level * (1 - 1e-9)).all()
    assert (p_w >= least_w * (1 - 1e-12)).all()
    if (power_w, low) == (1e-6, -14):
        assert dry.any(axis=-1).all()  # users that plain water-filling would leave without
    if power_w == 50:
        assert not dry.any()


def test_all_of_the_power_may_be_the_floor(make_problem: Callable[..., Problem]) -> None:
    gain = 10 ** np.random.default_rng(3).uniform(-14, -8, 5)
    found = run(make_problem(power_w=1e-3), gain, WaterFillingConfig(least_share=1))
    np.testing.assert_allclose(found.p_w, 2e-4, rtol=1e-12)


@pytest.mark.parametrize(("power_w", "low", "high"), CELLS)
def test_proportional_fair_is_the_best_sum_of_log_rates(
    make_problem: Callable[..., Problem], power_w: float, low: float, high: float
) -> None:
    problem = make_problem(power_w=power_w)
    gain = 10 ** np.random.default_rng(4).uniform(low, high, 5)
    found = run(problem, gain, ProportionalFairConfig())
    # Rates differ by orders of magnitude; each in units of an equal split's is near 1.
    snr = problem.budget.snr(gain, 5000, power_w)
    unit = np.log1p(snr) / 5
    x, y = cp.Variable(5), cp.Variable(5)
    utility = cp.sum(cp.log(cp.multiply(1 / unit, nats(x, y, snr))))
    best = cp.Problem(cp.Maximize(utility), [cp.sum(x) <= 1, cp.sum(y) <= 1]).solve(
        solver="CLARABEL"
    )
    rate = rate_bps(problem, gain, found) * math.log(2) / 5000
    ours = np.log(rate / unit).sum()
    assert ours == pytest.approx(best, abs=1e-5)  # what the solver promises of a sum of five
    assert ours > best - 1e-6


@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    users=st.integers(1, 12),
    log_power=st.floats(-7, 2),
    share=st.floats(1e-3, 1),
)
def test_nobody_gains_more_percent_than_the_others_lose(
    make_problem: Callable[..., Problem], seed: int, users: int, log_power: float, share: float
) -> None:
    # The definition of proportional fairness: against any other allocation, the sum of relative
    # changes of the rates is not positive.
    rng, problem = np.random.default_rng(seed), make_problem(power_w=10**log_power)
    gain = 10 ** rng.uniform(-14, -6, users)
    found = run(problem, gain, ProportionalFairConfig(power_share=share))
    rate = rate_bps(problem, gain, found)
    for scale in np.geomspace(1e-3, 3, 10):
        b_hz, p_w = (
            part * np.exp(scale * rng.standard_normal(users)) for part in (found.b_hz, found.p_w)
        )
        other = Allocation(found.rho, b_hz * 5000 / b_hz.sum(), p_w * found.p_w.sum() / p_w.sum())
        assert (rate_bps(problem, gain, other) / rate - 1).sum() < 1e-9


def test_proportional_fair_gives_equal_users_equal_shares(
    make_problem: Callable[..., Problem],
) -> None:
    found = run(make_problem(), np.full((2, 4), 1e-9), ProportionalFairConfig(power_share=0.1))
    np.testing.assert_allclose(found.b_hz, 1250, rtol=1e-12)
    np.testing.assert_allclose(found.p_w, 1.25, rtol=1e-12)


@pytest.mark.parametrize("config", [WaterFillingConfig(), ProportionalFairConfig()])
def test_drops_are_independent_and_the_kit_passes(
    make_problem: Callable[..., Problem], config: Config
) -> None:
    problem, gain = make_problem(), 10 ** np.random.default_rng(5).uniform(-12, -8, (3, 2, 6))
    both, alone = run(problem, gain, config), run(problem, gain[2, 1], config)
    np.testing.assert_array_equal(both.p_w[2, 1], alone.p_w)
    np.testing.assert_array_equal(both.b_hz[2, 1], alone.b_hz)
    check_allocator(config.build(problem, np.random.default_rng(0)), 5000, 50)


@pytest.mark.parametrize("kind", [WaterFillingConfig, ProportionalFairConfig])
def test_rho_is_the_largest_or_as_asked(
    make_problem: Callable[..., Problem], kind: type[Config]
) -> None:
    problem, gain = make_problem(), np.full(3, 1e-9)
    np.testing.assert_array_equal(run(problem, gain, kind()).rho, np.full(3, 0.1171875))
    np.testing.assert_array_equal(run(problem, gain, kind(rho=0.01)).rho, np.full(3, 0.01))
    with pytest.raises(AllocationError, match=r"rho is 0.2, above the codec's largest"):
        kind(rho=0.2).build(problem, np.random.default_rng(0))


@pytest.mark.parametrize("kind", [WaterFillingConfig, ProportionalFairConfig])
def test_limits_are_refused_unless_they_are_kept_anyway(
    make_problem: Callable[..., Problem],
    with_terms: Callable[..., Problem],
    kind: type[Config],
) -> None:
    gain = np.full((2, 3), 1e-9)
    held = with_terms(make_problem(), rho_min=np.array([0.0, 0.0, 0.05]))
    run(held, gain, kind())
    with pytest.raises(AllocationError, match=r"user 2 has a least ρ.*kind: exact"):
        run(held, gain, kind(rho=0.01))
    due = with_terms(make_problem(), deadline_s=np.array([math.inf, 9.0, math.inf]))
    with pytest.raises(AllocationError, match=r"user 1 has a deadline.*kind: exact"):
        run(due, gain, kind())


@pytest.mark.parametrize(
    "config", [WaterFillingConfig(), ProportionalFairConfig(), BestRateFixedPowerConfig()]
)
@pytest.mark.parametrize("gain", [np.empty((2, 0)), np.array([1e-9, np.nan])])
def test_impossible_states_are_refused(
    make_problem: Callable[..., Problem], config: Config | BestRateFixedPowerConfig, gain: Array
) -> None:
    allocator = config.build(make_problem(), np.random.default_rng(0))
    with pytest.raises(AllocationError, match=r"no users|gain of user 1 is nan"):
        allocator.allocate(state(gain))
