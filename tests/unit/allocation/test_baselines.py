"""The two rules that do not look at the channel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsim.allocation.baselines import Equal, Random
from semsim.allocation.config import EqualConfig, RandomConfig
from semsim.allocation.problem import Problem
from semsim.errors import AllocationError
from semsim.types import Allocator, DownlinkState


def state(*shape: int) -> DownlinkState:
    return DownlinkState(np.full(shape, 1e-9), np.full(shape, 100.0))


shapes = st.tuples(
    st.lists(st.integers(1, 4), max_size=2), st.integers(1, 40)
).map(lambda s: (*s[0], s[1]))  # fmt: skip


@given(shape=shapes, power_w=st.floats(1e-3, 50), bandwidth_hz=st.floats(1e3, 1e7))
@pytest.mark.parametrize("config", [EqualConfig(), EqualConfig(rho=0.01), RandomConfig()])
def test_every_shape_is_feasible(
    make_problem: Callable[..., Problem],
    config: EqualConfig | RandomConfig,
    shape: tuple[int, ...],
    power_w: float,
    bandwidth_hz: float,
) -> None:
    problem = make_problem(power_w=power_w, bandwidth_hz=bandwidth_hz)
    allocator = config.build(problem, np.random.default_rng(0))
    assert isinstance(allocator, Allocator)
    allocation = allocator.allocate(state(*shape))
    problem.check(allocation, state(*shape))
    assert allocation.rho.shape == shape
    # Both rules hand out all there is.
    np.testing.assert_allclose(allocation.b_hz.sum(axis=-1), bandwidth_hz)
    np.testing.assert_allclose(allocation.p_w.sum(axis=-1), power_w)


def test_equal_shares(make_problem: Callable[..., Problem]) -> None:
    rng, problem = np.random.default_rng(0), make_problem(bandwidth_hz=5000, power_w=50)
    allocation = Equal(EqualConfig(), problem, rng).allocate(state(4))
    np.testing.assert_array_equal(allocation.b_hz, np.full(4, 1250.0))
    np.testing.assert_array_equal(allocation.p_w, np.full(4, 12.5))
    np.testing.assert_array_equal(allocation.rho, np.full(4, 0.1171875))
    chosen = Equal(EqualConfig(rho=0.02), problem, rng).allocate(state(4))
    np.testing.assert_array_equal(chosen.rho, np.full(4, 0.02))


def test_random_shares_have_the_moments_of_the_simplex(
    make_problem: Callable[..., Problem],
) -> None:
    problem, drops, n = make_problem(bandwidth_hz=1, power_w=1), 20_000, 5
    allocation = Random(RandomConfig(), problem, np.random.default_rng(1)).allocate(state(drops, n))
    # Dirichlet(1, ..., 1): mean 1/n, variance (n-1)/(n²(n+1)), covariance -1/(n²(n+1)).
    variance, covariance = (n - 1) / (n * n * (n + 1)), -1 / (n * n * (n + 1))
    for share in (allocation.b_hz, allocation.p_w):
        # Five standard errors: of a mean, and of second moments, where a squared deviation has a
        # standard deviation below twice the variance (the kurtosis of Beta(1, 4) is below 5).
        np.testing.assert_allclose(share.mean(axis=0), 1 / n, atol=5 * (variance / drops) ** 0.5)
        moments, tolerance = np.cov(share.T), 5 * 2 * variance / drops**0.5
        np.testing.assert_allclose(np.diag(moments), variance, atol=tolerance)
        assert moments[0, 1] == pytest.approx(covariance, abs=tolerance)
    assert abs(np.corrcoef(allocation.b_hz[:, 0], allocation.p_w[:, 0])[0, 1]) < 5 / drops**0.5
    # ln ρ is uniform between the scalings [16,2] and [2,2], a factor of 64.
    exponent = np.log(allocation.rho / 0.1171875) / np.log(64) + 1
    assert exponent.min() >= 0
    assert exponent.max() <= 1
    assert exponent.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * drops * n))
    assert exponent.std() == pytest.approx(12**-0.5, abs=5 / np.sqrt(drops * n))


def test_random_is_reproducible_and_never_the_same_twice(
    make_problem: Callable[..., Problem],
) -> None:
    first, second = (
        Random(RandomConfig(), make_problem(), np.random.default_rng(3)) for _ in range(2)
    )
    one, same, other = (a.allocate(state(6)) for a in (first, second, first))
    np.testing.assert_array_equal(one.b_hz, same.b_hz)
    np.testing.assert_array_equal(one.rho, same.rho)
    assert (one.p_w != other.p_w).all()


def test_rho_min_is_kept(make_problem: Callable[..., Problem]) -> None:
    config = RandomConfig(rho_min=0.1)
    allocation = Random(config, make_problem(), np.random.default_rng(0)).allocate(state(1000))
    assert 0.1 <= allocation.rho.min() < 0.1005
    assert allocation.rho.max() <= 0.1171875


@pytest.mark.parametrize("config", [EqualConfig(rho=0.2), RandomConfig(rho_min=0.2)])
def test_rho_beyond_the_codec_is_refused(
    make_problem: Callable[..., Problem], config: EqualConfig | RandomConfig
) -> None:
    with pytest.raises(AllocationError, match=r"is 0.2, above the codec's largest \(0.117188"):
        config.build(make_problem(), np.random.default_rng(0))


@pytest.mark.parametrize("config", [EqualConfig(), RandomConfig()])
def test_no_users_are_refused(
    make_problem: Callable[..., Problem], config: EqualConfig | RandomConfig
) -> None:
    with pytest.raises(AllocationError, match="no users"):
        config.build(make_problem(), np.random.default_rng(0)).allocate(state(3, 0))
