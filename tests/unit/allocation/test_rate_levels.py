"""P1 with a modem's levels: what is proven of the smooth problem, and what levels lose."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from semsim.allocation.certificate import certify
from semsim.allocation.config import (
    AllocatorConfig,
    AlternatingJointConfig,
    BestRateFixedPowerConfig,
    BranchAndBoundConfig,
    ClosedFormConfig,
    ExactConfig,
    SlsqpConfig,
)
from semsim.allocation.exact.optimum import optimise
from semsim.allocation.problem import Problem
from semsim.allocation.terms import Terms
from semsim.engine.levels import Levels
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState
from semsim.units import db_to_linear
from tests.unit.allocation.conftest import make_problem, paper_gain

MODEM = Levels(
    tuple(db_to_linear(np.array([-5.5, -1.0, 2.7, 5.4, 8.4, 11.0, 13.9, 18.1, 22.6, 25.3]))),
    (0.23, 0.6, 1.2, 1.7, 2.4, 3.0, 3.9, 5.1, 6.5, 7.4),
)


def with_modem(levels: Levels = MODEM, **arguments: float) -> Problem:
    problem = make_problem(**arguments)
    return replace(problem, budget=replace(problem.budget, levels=levels))


def run(config: AllocatorConfig, problem: Problem, gain: Array) -> Allocation:
    state = DownlinkState(gain=gain, distance_m=np.full_like(gain, 100.0))
    allocator = config.build(problem, np.random.default_rng(0))
    return certify(problem, state, allocator.allocate(state))


def smooth_gap(terms: Terms) -> Array:
    found = optimise(terms)
    assert found.settled.all()
    return found.upper_bound - terms.relaxed().utility(found.rho, found.b_hz, found.p_w)


@pytest.mark.parametrize("most", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("users", [1, 5, 20])
@pytest.mark.parametrize(
    ("bandwidth_hz", "power_w", "poor"), [(1e3, 50, 1), (5e3, 0.02, 1e-6), (5e4, 1e-3, 1e-6)]
)
def test_a_highest_rate_is_proven(
    bandwidth_hz: float, power_w: float, poor: float, users: int, most: float
) -> None:
    problem = make_problem(bandwidth_hz=bandwidth_hz, power_w=power_w)
    gain = paper_gain(np.random.default_rng(users), 20, users) * poor
    terms = replace(problem.terms(gain), nats_per_hz_max=most)
    assert smooth_gap(terms).max() < 1e-8
    found = optimise(terms, bound=False)
    x = np.log1p(found.p_w / (found.b_hz * terms.noise_over_gain_w_per_hz))
    assert x.max() <= most * (1 + 1e-9)


@pytest.mark.parametrize(("power_w", "poor"), [(50.0, 1.0), (0.02, 1e-6)])
def test_the_smooth_optimum_is_that_of_local_searches(power_w: float, poor: float) -> None:
    problem = with_modem(power_w=power_w)
    gain = paper_gain(np.random.default_rng(1), 2, 3) * poor
    terms = problem.terms(gain).relaxed()
    found = optimise(terms, bound=False)
    searched = run(SlsqpConfig(starts=4), problem, gain)
    best = terms.utility(searched.rho, searched.b_hz, searched.p_w)
    np.testing.assert_allclose(terms.utility(found.rho, found.b_hz, found.p_w), best, atol=1e-8)


@pytest.mark.parametrize(
    ("bandwidth_hz", "power_w", "poor", "gap"),
    [(1e3, 50, 1, 1e-6), (1e3, 50, 1e-8, 0.02), (5e3, 0.02, 1e-6, 0.03), (5e4, 0.02, 1e-6, 0.03)],
)
def test_every_user_is_at_a_level(
    bandwidth_hz: float, power_w: float, poor: float, gap: float
) -> None:
    problem = with_modem(bandwidth_hz=bandwidth_hz, power_w=power_w)
    gain = paper_gain(np.random.default_rng(2), 30, 5) * poor
    found = run(ExactConfig(), problem, gain)
    assert (np.asarray(found.info["status"]) == "settled").all()
    snr = problem.budget.snr(gain, found.b_hz, found.p_w)
    away = np.abs(snr[..., None] / np.array(MODEM.snr) - 1).min(-1)
    assert away.max() < 1e-9
    assert found.certificate is not None
    assert found.certificate.violation.max() < 1e-9
    assert (found.certificate.gap >= -1e-9).all()
    # What is left is the height of the smooth curve above the levels.
    assert (found.certificate.gap / np.abs(found.certificate.utility)).max() < gap


def done_s(terms: Terms, needs: Array, most: float) -> float:
    """Return T where Σ needs/(T - t0 + κρ) is ``most``, by bisection."""
    zero_s = terms.t0_s - terms.kappa_s * np.asarray(terms.rho_min)
    low = zero_s.max() + 1e-12
    return float(brentq(lambda t: (needs / (t - zero_s)).sum() - most, low, low + 1e9, xtol=1e-13))


@pytest.mark.parametrize(
    ("bandwidth_hz", "power_w", "poor", "short"),
    [(1e3, 50, 1e-8, 1e-9), (1e3, 0.02, 1e-6, 0.1), (1e3, 0.01, 1e-9, 1e-9)],
)
def test_against_every_choice_of_levels(
    bandwidth_hz: float, power_w: float, poor: float, short: float
) -> None:
    few = Levels(MODEM.snr[::2], MODEM.bits_per_hz[::2])
    problem = with_modem(few, bandwidth_hz=bandwidth_hz, power_w=power_w)
    gain = paper_gain(np.random.default_rng(3), 6, 3) * poor
    found = run(ExactConfig(), problem, gain)
    assert found.certificate is not None
    rates = np.array(few.bits_per_hz)
    for drop in range(len(gain)):
        terms, rho = problem.terms(gain[drop]), found.rho[drop]
        fixed = replace(terms, rho_min=rho)
        best = -np.inf
        bits = rho * problem.budget.image_bits
        for choice in itertools.product(range(len(rates)), repeat=3):
            rate = rates[list(choice)]
            watts = np.array(few.snr)[list(choice)] * problem.budget.noise_psd_w_per_hz
            work, energy_j = bits / rate, bits / rate * watts / gain[drop]
            slowest_s = max(done_s(fixed, work, bandwidth_hz), done_s(fixed, energy_j, power_w))
            b_hz = work / (slowest_s - terms.t0_s + terms.kappa_s * rho)
            best = max(best, float(terms.utility(rho, b_hz, b_hz * watts / gain[drop])))
        assert found.certificate.utility[drop] > best - short
        # U is that of the budget as well.
        total = problem.utility(gain, found).total[drop]
        assert found.certificate.utility[drop] == pytest.approx(float(total), rel=1e-12)


def test_deadlines_hold_at_levels_or_are_refused() -> None:
    gain = paper_gain(np.random.default_rng(4), 10, 4)
    kept = with_modem(deadline_s=(2.0, 3.0, 100.0, 100.0))
    found = run(ExactConfig(), kept, gain)
    assert found.certificate is not None
    assert found.certificate.lateness.max() < 1e-9
    assert np.isfinite(found.certificate.gap).all()
    asked = with_modem(bandwidth_hz=100.0, deadline_s=1.0, least_quality=30.0)
    with pytest.raises(AllocationError, match=r"Hz .*at the modem's highest rate"):
        run(ExactConfig(), asked, gain)


def test_deadlines_that_only_the_smooth_rate_keeps_are_refused() -> None:
    # One level at 25 dB: to save power by sending slowly is not possible.
    one = with_modem(
        Levels(MODEM.snr[-1:], MODEM.bits_per_hz[-1:]),
        power_w=1e-9,
        deadline_s=3.0,
        least_quality=22.0,
    )
    gain = np.full((1, 2), 1e-9)
    smooth = optimise(one.terms(gain), bound=False)
    assert smooth.settled.all()
    with pytest.raises(AllocationError, match=r"drop \(0,\): deadlines .* cannot be kept"):
        run(ExactConfig(), one, gain)


@pytest.mark.parametrize(
    "config", [ClosedFormConfig(), BranchAndBoundConfig(), BestRateFixedPowerConfig()]
)
def test_methods_of_shannon_s_rate_refuse(config: AllocatorConfig) -> None:
    with pytest.raises(AllocationError, match="`rate: mcs`"):
        run(config, with_modem(), paper_gain(np.random.default_rng(5), 1, 3))


def test_algorithm_1_repaired_finds_the_same_optimum() -> None:
    problem = with_modem()
    gain = paper_gain(np.random.default_rng(6), 3, 4)
    found = run(AlternatingJointConfig(), problem, gain)
    terms = problem.terms(gain).relaxed()
    best = optimise(terms)
    reached = terms.utility(found.rho, found.b_hz, found.p_w)
    # Without the highest rate in its steps, 0.2 to 1.3 are lost.
    assert (best.upper_bound - reached).max() < 1e-6
