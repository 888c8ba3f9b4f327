"""A user at prices: the formulas against grids and differences, the bounds against dense search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from semsim.allocation.relaxation import Index, Users, exponent, falling_root
from semsim.types import Array


def draw(rng: np.random.Generator, count: int, lambda_energy: float = 0.5) -> Users:
    """Users over decades of everything; t is negative, and κ zero, for many of them."""

    def decades(low: float, high: float) -> Array:
        values: Array = 10 ** rng.uniform(low, high, count)
        return values

    kappa_s = decades(-1, 1) * rng.choice([0.0, 1.0, 1.0, 1.0], count)
    left_s = decades(-3, 1) * np.where(kappa_s > 0, rng.choice([-0.2, 1.0], count), 1.0)
    return Users(
        worth=decades(-1, 1),
        saving=decades(-3, 0),
        kappa_s=kappa_s,
        left_s=left_s,
        nats=decades(3, 7),
        noise_over_gain=decades(-12, -6),
        lambda_energy=lambda_energy,
        mu=decades(-7, -3),
        nu=decades(-3, 2) * rng.choice([0.0, 1.0], count),
    )


def charge(users: Users, tau: Array) -> Array:
    """w of any τ: that of a user with t = τ who does not compute."""
    still = replace(users, kappa_s=np.zeros_like(tau), left_s=tau)
    return still.charge(np.ones_like(tau))[0]


def test_the_exponent_solves_its_equation() -> None:
    m = 10 ** np.linspace(-12, 12, 49)
    # (X - 1) e^X + 1 without cancellation: the sum of X^k (k - 1)/k!, here for X up to 1.
    by_series = np.array(
        [brentq(lambda x, m=m: _series(x) - m, 0, 1, xtol=1e-18, rtol=1e-14) for m in m[m < 1]]
    )
    np.testing.assert_allclose(exponent(m)[m < 1], by_series, rtol=1e-10)
    large = exponent(m)[m >= 1]
    np.testing.assert_allclose((large - 1) * np.exp(large) + 1, m[m >= 1], rtol=1e-12)


def _series(x: float) -> float:
    term, total = x * x / 2, 0.0
    for k in range(2, 30):
        total += term * (k - 1)
        term *= x / (k + 1)
    return total


def test_the_charge_is_the_least_cost_of_a_rate() -> None:
    users = draw(np.random.default_rng(0), 200)
    tau = 10 ** np.random.default_rng(1).uniform(-3, 2, 200)
    w = charge(users, tau)
    x = 10 ** np.linspace(-4, 2, 4001)[:, None]
    watt = users.lambda_energy * tau + users.nu
    with np.errstate(over="ignore"):
        cost = (watt * users.noise_over_gain * np.expm1(x) + users.mu) / x
    # Steps of 0.35 % in X: the cost is off by half the square times a curvature of order X.
    np.testing.assert_allclose(w, users.nats / tau * cost.min(0), rtol=1e-4)
    assert (w <= users.nats / tau * cost.min(0) * (1 + 1e-12)).all()


def test_what_is_bought_costs_the_charge_and_brings_the_rate() -> None:
    users = draw(np.random.default_rng(2), 500)
    rho = np.maximum(-users.left_s, 0.0) / np.where(users.kappa_s > 0, users.kappa_s, 1) + 0.1
    tau = users.left_s + users.kappa_s * rho
    b_hz, p_w = users.demand(rho)
    cost = (users.lambda_energy * tau + users.nu) * p_w + users.mu * b_hz
    np.testing.assert_allclose(cost, rho * users.charge(rho)[0], rtol=1e-9)
    nats = tau * b_hz * np.log1p(p_w / (b_hz * users.noise_over_gain))
    np.testing.assert_allclose(nats, rho * users.nats, rtol=1e-9)


@pytest.mark.parametrize("lambda_energy", [0.0, 0.5])
def test_slopes_and_the_convexity_that_bounds_rest_on(lambda_energy: float) -> None:
    rng = np.random.default_rng(3)
    users = draw(rng, 2000, lambda_energy)
    if lambda_energy == 0:  # power must have a price then
        users = replace(users, nu=users.nu + 0.01)
    rho = np.maximum(-users.left_s, 0.0) / np.where(users.kappa_s > 0, users.kappa_s, 1)
    rho += 10 ** rng.uniform(-2, 1, rho.size)
    tau = users.left_s + users.kappa_s * rho
    w, s, bend = users.charge(rho)
    h = 1e-4 * tau
    before, after = charge(users, tau - h), charge(users, tau + h)
    # Central differences err by the square of the step, and by rounding over the step.
    np.testing.assert_allclose((before - after) / (2 * h), s, rtol=1e-6)
    np.testing.assert_allclose((before - 2 * w + after) / h**2, bend, rtol=1e-5)
    # d ln s/d ln τ <= -3/2: the inequality that all bounds follow from.
    assert (bend * tau >= 1.5 * s * (1 - 1e-12)).all()
    # ... and the tangent stays below, however long it is.
    earlier = tau * rng.uniform(0.001, 1, tau.size)
    assert (charge(users, earlier) >= (w + (tau - earlier) * s) * (1 - 1e-12)).all()


@pytest.mark.parametrize("lead", [0.0, 0.3])
def test_the_best_rho_and_its_bound_against_dense_search(lead: float) -> None:
    rng, count = np.random.default_rng(4), 100
    users = draw(rng, count)
    low, high = rng.choice([0.0, 0.01], count), 10 ** rng.uniform(-1, 0.5, count)
    lead_s = lead * 10 ** rng.uniform(-3, 0, count)
    reachable = users.left_s + users.kappa_s * high > 0
    assert 0.5 < reachable.mean() < 1
    share = np.concatenate([np.geomspace(1e-9, 1, 1000), np.linspace(0, 1, 1001)[1:]])
    with np.errstate(all="ignore"):
        bound, rho = users.best(low, high, 1e-6, lead_s)
        least = np.maximum(low, np.where(users.kappa_s > 0, -users.left_s / users.kappa_s, 0))
        grid = least + (high - least) * share[:, None]
        w, s, _ = users.charge(grid)
        dense = (users.payoff(grid, w) - lead_s * grid * s).max(0)
        w, s, _ = users.charge(rho)
        reached = users.payoff(rho, w) - lead_s * rho * s
    assert (bound[~reachable] == -np.inf).all()
    scale = 1e-12 * np.abs(bound[reachable])
    assert (bound[reachable] >= dense[reachable] - scale).all()
    assert (bound[reachable] <= reached[reachable] + 1e-6 + scale).all()
    assert ((rho >= low) & (rho <= high)).all()
    # From there, Newton's method has nowhere to go but up.
    with np.errstate(all="ignore"):
        top = users.climb(rho, low, high)
        gained = users.payoff(top, users.charge(top)[0]) - users.payoff(rho, users.charge(rho)[0])
    if lead == 0:
        assert (gained[reachable] >= -1e-9 - scale).all()
        assert (gained[reachable] <= 1e-6 + scale).all()


def test_roots_of_smooth_steep_and_jumping_functions() -> None:
    targets = np.array([0.0, 3.0, -20.0, 7.0, 400.0])

    def excess(x: Array, rows: Index) -> Array:
        d = targets[rows] - x
        jump, steep = np.where(d > 0, 1.0, -2.0), np.expm1(d)
        return np.select([rows == 3, rows == 2], [jump, steep], d)

    found = falling_root(excess, np.zeros(5))
    np.testing.assert_allclose(found[[0, 1, 2, 4]], targets[[0, 1, 2, 4]], atol=1e-9)
    assert found[3] == pytest.approx(7.0, abs=1e-3)  # a jump is not pursued further
    assert falling_root(lambda x, _: np.ones_like(x), np.zeros(1))[0] == 600
    assert falling_root(lambda x, _: -np.ones_like(x), np.zeros(1))[0] == -50
