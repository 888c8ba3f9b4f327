"""The exact solver against closed forms, other arithmetic, its own proof, and the laws of P1."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsim.allocation.certificate import certify
from semsim.allocation.closed_form import ClosedForm
from semsim.allocation.config import ClosedFormConfig, ExactConfig, SlsqpConfig
from semsim.allocation.exact.allocator import Exact
from semsim.allocation.exact.optimum import optimise
from semsim.allocation.exact.spectral import excess, nats_per_hz
from semsim.allocation.terms import Terms
from semsim.engine.computing import Computing
from semsim.errors import AllocationError
from semsim.types import Array, DownlinkState
from tests.unit.allocation.conftest import make_problem, paper_gain

RNG = np.random.default_rng(0)


def utility(terms: Terms) -> Array:
    """Return U of the exact solution."""
    found = optimise(terms, bound=False)
    return terms.utility(found.rho, found.b_hz, found.p_w)


def gap(terms: Terms) -> Array:
    """Return how far the proven bound lies above the exact solution's utility."""
    found = optimise(terms)
    assert found.settled.all()
    return found.upper_bound - terms.utility(found.rho, found.b_hz, found.p_w)


def violation(terms: Terms) -> float:
    """Return the worst relative excess of the exact solution."""
    found = optimise(terms, bound=False)
    delay_s = terms.delay_s(found.rho, found.b_hz, found.p_w)
    return max(
        float(found.b_hz.sum(-1).max() / terms.bandwidth_hz - 1),
        float(found.p_w.sum(-1).max() / terms.power_w - 1),
        float((found.rho / terms.rho_max - 1).max()),
        float((delay_s / terms.deadline_s - 1).max()),
        float(-found.p_w.min()),
        float(-found.b_hz.min()),
    )


def test_spectral_efficiency_is_lamberts_function() -> None:
    m = np.logspace(-14, 18, 60)
    with mpmath.workdps(50):
        want = [float(1 + mpmath.lambertw((mpmath.mpf(float(v)) - 1) / mpmath.e).real) for v in m]
    # A part in 1e14: where m is small, ln m itself is known no better.
    np.testing.assert_allclose(nats_per_hz(m), want, rtol=3e-14)
    np.testing.assert_allclose(nats_per_hz(torch.from_numpy(m)).numpy(), want, rtol=3e-14)


def test_excess_does_not_cancel() -> None:
    x = np.logspace(-8, 2, 50)
    with mpmath.workdps(50):
        want = [float(mpmath.mpf(float(v)) - 1 + mpmath.exp(-mpmath.mpf(float(v)))) for v in x]
    np.testing.assert_allclose(excess(x), want, rtol=1e-12)


@pytest.mark.parametrize("quality", ["sum", "mean"])
@pytest.mark.parametrize("users", [5, 20, 50])
@pytest.mark.parametrize("bandwidth_hz", [1000.0, 3000.0, 8000.0])
def test_paper_setting_is_proven(quality: str, users: int, bandwidth_hz: float) -> None:
    problem = make_problem(bandwidth_hz=bandwidth_hz, quality=quality)
    terms = problem.terms(paper_gain(RNG, 40, users))
    assert gap(terms).max() < 1e-9
    assert violation(terms) < 1e-9


def test_certificate_of_the_exact_allocation() -> None:
    problem = make_problem(bandwidth_hz=2000.0)
    gain = paper_gain(RNG, 3, 4, 5)
    state = DownlinkState(gain, gain)
    allocation = certify(problem, state, Exact(ExactConfig(), problem, RNG).allocate(state))
    certificate = allocation.certificate
    assert certificate is not None
    assert certificate.utility.shape == (3, 4)
    np.testing.assert_allclose(certificate.utility, problem.utility(gain, allocation).total)
    assert np.abs(certificate.gap).max() < 1e-9
    assert certificate.violation.max() < 1e-9
    assert set(np.ravel(allocation.info["status"])) == {"settled"}


@settings(max_examples=60, deadline=None)
@given(
    weights=st.tuples(*[st.floats(-2, 1)] * 3),
    bandwidth=st.floats(2, 6.5),
    power=st.floats(-3, 2),
    poor=st.floats(0, 11),
    efficiency=st.floats(-38, -27.5),
    slope=st.floats(0.5, 10),
    users=st.integers(1, 6),
    quality=st.sampled_from(["sum", "mean"]),
    seed=st.integers(0, 2**31),
)
def test_any_problem_is_feasible_and_proven_or_flagged(
    weights: tuple[float, float, float],
    bandwidth: float,
    power: float,
    poor: float,
    efficiency: float,
    slope: float,
    users: int,
    quality: str,
    seed: int,
) -> None:
    """Power-limited, computing-dominated (T < t_0) and low-SNR regimes are all among these."""
    quality_weight, delay, energy = np.power(10.0, weights).tolist()
    problem = make_problem(
        bandwidth_hz=float(np.power(10.0, bandwidth)),
        power_w=float(np.power(10.0, power)),
        efficiency=float(np.power(10.0, efficiency)),
        quality=quality,
        lambda_quality=quality_weight * slope / 3.035,
        lambda_delay=delay,
        lambda_energy=energy,
    )
    terms = problem.terms(paper_gain(np.random.default_rng(seed), 4, users) * np.power(10.0, -poor))
    found = optimise(terms)
    assert violation(terms) < 1e-9
    reached = terms.utility(found.rho, found.b_hz, found.p_w)
    scale = np.maximum(1.0, np.abs(reached))
    # No bound lies below what was reached, and a gap is stated, never hidden.
    assert (found.upper_bound >= reached - 1e-9 * scale).all()
    proven = found.upper_bound - reached <= 1e-6 * scale
    assert (proven | ~found.settled | (found.upper_bound - reached > 0)).all()
    # Where computing takes little of the time there is but one stationary point: no gap is left.
    slowest_s = terms.delay_s(found.rho, found.b_hz, found.p_w).max(-1)
    sending = slowest_s > (terms.t0_s + 1.05 * terms.kappa_s * terms.rho_max).max()
    if efficiency < -30:
        assert (proven | ~found.settled | ~sending).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), weight=st.floats(0.05, 1.0), more=st.floats(1.05, 5.0))
def test_laws_of_the_weights(seed: int, weight: float, more: float) -> None:
    """With λ_2 = λ_3, an exchange argument gives ΣQ and T + E that rise with λ_1."""
    gain = paper_gain(np.random.default_rng(seed), 6, 4)
    quality_db, cost = [], []
    for lambda_quality in (weight, weight * more):
        problem = make_problem(bandwidth_hz=1500.0, lambda_quality=lambda_quality, quality="mean")
        found = optimise(problem.terms(gain), bound=False)
        state = DownlinkState(gain, gain)
        parts = problem.utility(gain, Exact(ExactConfig(), problem, RNG).allocate(state))
        quality_db.append(parts.qualities.sum(-1))
        cost.append(parts.slowest_s + parts.energy_j.sum(-1))
        assert found.settled.all()
    assert (quality_db[1] >= quality_db[0] - 1e-8).all()
    assert (cost[1] >= cost[0] - 1e-8).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), more=st.floats(1.01, 10.0))
def test_utility_rises_with_bandwidth_power_and_gain(seed: int, more: float) -> None:
    gain = paper_gain(np.random.default_rng(seed), 6, 3) * 1e-8
    base = utility(make_problem(bandwidth_hz=2e3, power_w=0.05).terms(gain))
    for better in (
        make_problem(bandwidth_hz=2e3 * more, power_w=0.05).terms(gain),
        make_problem(bandwidth_hz=2e3, power_w=0.05 * more).terms(gain),
        make_problem(bandwidth_hz=2e3, power_w=0.05).terms(gain * more),
    ):
        assert (utility(better) >= base - 1e-10).all()


def test_without_computing_saved_it_is_the_closed_form() -> None:
    problem = make_problem(bandwidth_hz=1200.0)
    gain = paper_gain(RNG, 50, 5)
    formulas = ClosedForm(ClosedFormConfig(), problem, RNG).allocate(DownlinkState(gain, gain))
    found = optimise(replace(problem.terms(gain), kappa_s=np.zeros(5)))
    np.testing.assert_allclose(found.rho, formulas.rho, rtol=1e-10)
    np.testing.assert_allclose(found.b_hz, formulas.b_hz, rtol=1e-10)
    np.testing.assert_allclose(found.p_w, formulas.p_w, rtol=1e-8)


@pytest.mark.parametrize(
    ("bandwidth_hz", "power_w", "poor"), [(1e3, 50.0, 1.0), (8e3, 0.01, 1e-9), (1e6, 50.0, 1.0)]
)
def test_computing_that_grows_with_rho(bandwidth_hz: float, power_w: float, poor: float) -> None:
    """Such as JSCL's, C = A + Bρ, beside one that takes nothing; against local searches."""
    problem = make_problem(bandwidth_hz=bandwidth_hz, power_w=power_w, efficiency=1e-28)
    takes = (Computing(6e8, 4e8), Computing(6e8, 7e9), Computing(0.0))
    problem = replace(problem, budget=replace(problem.budget, computing=takes))
    gain = paper_gain(np.random.default_rng(0), 3, 3) * poor
    terms = problem.terms(gain)
    assert gap(terms).max() < 1e-9
    assert violation(terms) < 1e-9
    searches = SlsqpConfig(starts=4).build(problem, np.random.default_rng(0))
    found = searches.allocate(DownlinkState(gain, gain))
    searched = terms.utility(found.rho, found.b_hz, found.p_w)
    np.testing.assert_allclose(utility(terms), searched, atol=1e-8)


def test_permuting_users_permutes_the_answer() -> None:
    gain = paper_gain(RNG, 10, 6)
    order = RNG.permutation(6)
    for problem in (make_problem(bandwidth_hz=1500.0), make_problem(power_w=0.01)):
        one = optimise(problem.terms(gain), bound=False)
        other = optimise(problem.terms(gain[:, order]), bound=False)
        np.testing.assert_allclose(other.rho, one.rho[:, order], rtol=1e-9)
        np.testing.assert_allclose(other.b_hz, one.b_hz[:, order], rtol=1e-7)


def test_torch_finds_the_same() -> None:
    for problem in (make_problem(bandwidth_hz=1500.0), make_problem(power_w=0.01)):
        terms = problem.terms(paper_gain(RNG, 30, 5))
        one, other = optimise(terms), optimise(terms, convert=torch.tensor)
        np.testing.assert_allclose(other.rho, one.rho, rtol=1e-9)
        np.testing.assert_allclose(other.upper_bound, one.upper_bound, rtol=1e-12)


def test_ten_thousand_users_in_one_drop() -> None:
    terms = make_problem(bandwidth_hz=1e6).terms(paper_gain(RNG, 10_000))
    assert gap(terms).max() < 1e-6


def test_free_energy_spends_all_power() -> None:
    terms = make_problem(power_w=0.01, lambda_energy=0).terms(paper_gain(RNG, 20, 4) * 1e-8)
    assert np.abs(gap(terms)).max() < 1e-7
    assert violation(terms) < 1e-9
    found = optimise(terms, bound=False)
    np.testing.assert_allclose(found.p_w.sum(-1), 0.01, rtol=1e-9)


@pytest.mark.parametrize(
    "deadline_s",
    [(3.0, math.inf, math.inf, math.inf), (3.0, 4.0, 5.0, 6.0), (1.2, math.inf, 20.0, 30.0)],
)
@pytest.mark.parametrize(("poor", "power_w"), [(0, 50.0), (9, 0.01)])
def test_deadlines_are_kept_and_proven(
    deadline_s: tuple[float, ...], poor: int, power_w: float
) -> None:
    problem = make_problem(power_w=power_w, efficiency=1e-28)
    free = problem.terms(paper_gain(RNG, 12, 4) * np.power(10.0, -poor))
    terms = replace(free, deadline_s=np.array(deadline_s))
    assert violation(terms) < 1e-9
    assert np.abs(gap(terms)).max() < 1e-8
    assert (utility(terms) < utility(free)).all()


def test_least_compression_is_kept_and_proven() -> None:
    free = make_problem(bandwidth_hz=1000.0).terms(paper_gain(RNG, 20, 4))
    least = np.array([0.0, 0.11, 0.0, 0.1171875])
    terms = replace(free, rho_min=least)
    found = optimise(terms)
    assert (found.rho >= least * (1 - 1e-12)).all()
    assert np.abs(gap(terms)).max() < 1e-9


def test_rates_that_are_given_meet_deadlines_some_of_which_nobody_could_beat() -> None:
    """Less ρ than the optimum's is feasible; before the sooner deadlines the last user is not."""
    rng = np.random.default_rng(3)
    free = make_problem(bandwidth_hz=20_000.0, quality="sum").terms(paper_gain(rng, 240, 5))
    base = optimise(free, bound=False)
    slowest_s = free.delay_s(base.rho, base.b_hz, base.p_w).max(-1)[:, None]
    terms = replace(free, deadline_s=slowest_s * np.array([0.5, 0.5, 0.9, 0.9, 5.0]))
    best = optimise(terms, bound=False)
    rho = best.rho * rng.uniform(0.5, 1.0, best.rho.shape)
    assert (terms.delay_s(rho, best.b_hz, best.p_w) <= terms.deadline_s).all()
    given = replace(terms, rho_min=rho, rho_max=rho)
    assert violation(given) < 1e-9
    assert gap(given).max() < 1e-6


def test_impossible_deadlines_name_the_users() -> None:
    terms = make_problem().terms(paper_gain(RNG, 3, 3))
    with pytest.raises(AllocationError, match=r"user 1 has a deadline of 0\.5 s, but its codec"):
        optimise(replace(terms, deadline_s=np.array([9.0, 0.5, 9.0])))
    # Only user 2 must be sent anything in time: so much that no power suffices.
    heavy = replace(terms, rho_min=np.array([0.0, 0.0, 0.1]), deadline_s=np.array([9.0, 9.0, 1.15]))
    with pytest.raises(AllocationError, match=r"deadlines need .* W in drop .*; user 2 asks"):
        optimise(heavy)


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ({"lambda_quality": 0.0}, "lambda_quality"),
        ({"lambda_delay": 0.0}, "lambda_delay is 0"),
    ],
)
def test_problems_without_an_optimum_are_refused(weights: dict[str, float], problem: str) -> None:
    terms = make_problem(**weights).terms(paper_gain(RNG, 3))
    with pytest.raises(AllocationError, match=problem):
        optimise(terms)


GRID = (0.0073, 0.0293, 0.0586, 0.1171875)


def test_grid_is_the_best_of_all_choices() -> None:
    """Against every combination of offers, each with its own best bandwidth and power."""
    problem = replace(make_problem(bandwidth_hz=1000.0, quality="mean"), offers=(GRID,) * 3)
    gain = paper_gain(RNG, 8, 3)
    terms = problem.terms(gain)
    exact = Exact(ExactConfig(rates="grid"), problem, RNG)
    found = exact.allocate(DownlinkState(gain, gain))
    reached = terms.utility(found.rho, found.b_hz, found.p_w)
    best = np.max(
        [
            utility(replace(terms, rho_min=np.array(choice), rho_max=np.array(choice)))
            for choice in itertools.product(GRID, repeat=3)
        ],
        axis=0,
    )
    np.testing.assert_allclose(reached, best, atol=1e-4)
    assert np.isclose(found.rho[..., None], GRID, rtol=1e-9).any(-1).all()
    assert (reached <= optimise(terms).upper_bound).all()


def test_grid_needs_the_codecs_rates() -> None:
    problem = make_problem()
    exact = Exact(ExactConfig(rates="grid"), problem, RNG)
    with pytest.raises(AllocationError, match="rates of 0 users' codecs are known"):
        exact.allocate(DownlinkState(np.full(3, 1e-9), np.ones(3)))
