"""The bound of the exact solver where computing takes as long as sending, and D is not concave."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from semsim.allocation.branch_and_bound import solve
from semsim.allocation.exact.bound import anchored
from semsim.allocation.exact.drops import Drops
from semsim.allocation.exact.dual import Dual
from semsim.allocation.exact.optimum import optimise
from semsim.allocation.exact.solve import solve as solve_prices
from semsim.allocation.exact.spans import highest
from semsim.allocation.terms import Terms
from tests.unit.allocation.conftest import make_problem, paper_gain


def contest(seed: int) -> Terms:
    """Two or three users whom a larger ρ saves much computing: one should send more, not all."""
    rng = np.random.default_rng(seed)
    users = int(rng.integers(2, 4))
    one, rate = np.ones(users), rng.uniform(1.05, 1.4)
    return Terms(
        noise_over_gain_w_per_hz=rng.uniform(0.8, 1.2, users) / (1e6 * (np.power(2.0, rate) - 1)),
        worth=one,
        constant=0.0,
        bits=1e6 * one,
        t0_s=one,
        kappa_s=rng.uniform(0.85, 0.95) * one,
        compute_power_w=0 * one,
        rho_min=0 * one,
        rho_max=one,
        deadline_s=np.inf * one,
        lambda_delay=rng.uniform(20, 60),
        lambda_energy=0.0,
        bandwidth_hz=1e6,
        power_w=1.0,
    )


def test_equal_users_who_should_not_be_treated_alike() -> None:
    """The stationary point at equal ρ is not the optimum, and the bound must not say so."""
    one = np.ones(2)
    terms = Terms(
        noise_over_gain_w_per_hz=one / (1e6 * (np.power(2.0, 1.2) - 1)), worth=one, constant=0.0,
        bits=1e6 * one, t0_s=one, kappa_s=0.9 * one, compute_power_w=0 * one, rho_min=0 * one,
        rho_max=one, deadline_s=np.inf * one, lambda_delay=40.0, lambda_energy=0.0,
        bandwidth_hz=1e6, power_w=1.0,
    )  # fmt: skip
    share = np.array([0.8924, 0.1076])
    unequal = terms.utility(np.array([1.0, 0.0049]), 1e6 * share, share)
    found = optimise(terms)
    assert terms.utility(found.rho, found.b_hz, found.p_w) < unequal
    assert found.upper_bound >= unequal


@pytest.mark.parametrize("seed", range(4))
def test_bound_lies_above_what_branch_and_bound_reaches(seed: int) -> None:
    terms = contest(seed)
    reached = solve(terms, 1e-2, 200).utility
    assert optimise(terms).upper_bound >= reached - 1e-9 * abs(reached)


@pytest.mark.parametrize("deadlines", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_every_span_is_bounded(seed: int, deadlines: bool) -> None:
    """Against the dual function itself, on a grid of T and ρ."""
    terms = contest(seed).flat()
    if deadlines:
        rng = np.random.default_rng(seed)
        free = optimise(terms)
        late_s = terms.delay_s(free.rho, free.b_hz, free.p_w).max()
        deadline_s = np.full(terms.shape[-1], np.inf)
        deadline_s[0] = late_s * rng.uniform(0.97, 1.0)
        terms = replace(terms, deadline_s=deadline_s)
    drops = Drops.of(terms)
    with np.errstate(all="ignore"):
        optimum = solve_prices(drops)
        dual = Dual(drops, optimum.point.prices, terms.constant)
        anchor, _, _ = anchored(dual, optimum.point.log_rho)
        found_s = float(optimum.point.prices.slowest_s[0])
        soonest_s = float(drops.soonest_s[0])
        edges = np.concatenate(
            [np.linspace(soonest_s, found_s, 9), np.geomspace(found_s, 3 * found_s, 9)[1:]]
        )
        log_rho = np.log(np.linspace(1e-6, 1.0, 4001))[:, None, None]
        for begin_s, end_s in itertools.pairwise(edges):
            for cells in (8, 40):
                bound = highest(dual, anchor, np.array([begin_s]), np.array([end_s]), cells)
                for slowest_s in np.linspace(begin_s, end_s, 7):
                    phi = dual.phi(log_rho, log_rho, np.array([slowest_s])).max(0)
                    value = dual.at(np.array([slowest_s]), phi.sum(0))
                    assert bound[0] >= value[0] - 1e-9


@pytest.mark.parametrize("users", [1, 5, 10])
@pytest.mark.parametrize("power_w", [0.01, 50.0])
def test_bandwidth_to_spare_is_proven(users: int, power_w: float) -> None:
    """T < t_0: everybody sends at ρ_max, since that saves more computing than it takes to send."""
    problem = make_problem(bandwidth_hz=1e6, power_w=power_w, efficiency=1e-28)
    terms = problem.terms(paper_gain(np.random.default_rng(0), 8, users))
    found = optimise(terms)
    reached = terms.utility(found.rho, found.b_hz, found.p_w)
    assert (terms.delay_s(found.rho, found.b_hz, found.p_w) < terms.t0_s).all()
    assert (np.abs(found.upper_bound - reached) < 1e-6).all()


@pytest.mark.parametrize("poor", [1e-9, 1e-11])
def test_tiny_images_are_proven(poor: float) -> None:
    problem = make_problem(bandwidth_hz=8000.0, power_w=0.01, efficiency=1e-28)
    terms = problem.terms(paper_gain(np.random.default_rng(0), 8, 5) * poor)
    found = optimise(terms)
    reached = terms.utility(found.rho, found.b_hz, found.p_w)
    assert (np.abs(found.upper_bound - reached) < 1e-6).all()
