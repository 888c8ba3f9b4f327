"""Capacities, distortion limits and the linear code's closed form against independent routes."""

from __future__ import annotations

import itertools
import math

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import betainc
from scipy.stats import nct

from semsim.channels.coding import Qam
from semsim.data.config import GaussianConfig
from semsim.data.gaussian import Gaussian, correlations
from semsim.link.bounds import (
    awgn_capacity,
    awgn_dispersion,
    bicm_capacity,
    bicm_snr,
    ergodic_capacity,
    information,
    linear_mse,
    linear_powers,
    normal_bits,
    normal_error,
    opta_mse,
    outage_capacity,
    patch_variances,
    rayleigh_capacity,
    rayleigh_outage_capacity,
    reverse_water_filling,
    spectrum_variances,
)
from semsim.units import db_to_linear, linear_to_db

ORDERS = [2, 4, 6, 8]
SPECTRA = arrays.arrays(np.float64, st.integers(1, 30), elements=st.floats(1e-4, 1e4))


# Capacities of fading channels


@pytest.mark.parametrize("snr_db", [-40.0, -25.0, -19.9, 0.0, 10.0, 40.0])
def test_rayleigh_capacity_is_the_integral_over_the_gain(snr_db: float) -> None:
    snr = db_to_linear(snr_db)
    integral, _ = quad(lambda g: math.log2(1 + snr * g) * math.exp(-g), 0, 50, epsabs=0)
    assert float(rayleigh_capacity(snr)) == pytest.approx(integral, rel=1e-7)


def test_without_signal_there_is_no_capacity() -> None:
    assert rayleigh_capacity([0.0, 1e-6])[0] == 0
    assert awgn_capacity(0.0) == bicm_capacity(0.0, 4) == 0
    with pytest.raises(ValueError, match="linear"):
        awgn_capacity(-3.0)


def test_ergodic_and_outage_capacity_of_draws_are_those_of_the_law() -> None:
    draws = 200_000
    gains = np.random.default_rng(1).exponential(size=draws)
    snr = db_to_linear(np.array([-10.0, 0.0, 20.0]))
    spread = information(snr, gains).std(axis=-1) / math.sqrt(draws)
    off = ergodic_capacity(snr, gains) - rayleigh_capacity(snr)
    assert (np.abs(off) < 5 * spread).all()
    for outage in (0.01, 0.3):
        rate = outage_capacity(snr, gains, outage)
        # The share of exponential gains below the rate's threshold has this standard deviation.
        share = -np.expm1(-(np.exp2(rate) - 1) / snr)
        assert np.abs(share - outage).max() < 5 * math.sqrt(outage * (1 - outage) / draws)
        exact = rayleigh_outage_capacity(snr, outage)
        np.testing.assert_allclose(-np.expm1(-(np.exp2(exact) - 1) / snr), outage)
        assert (information(snr, gains) < rate[:, None]).mean(axis=1).max() <= outage


def test_a_word_over_several_gains_sees_their_mean_information() -> None:
    gains = np.array([[1.0, 3.0], [0.0, 0.0]])
    np.testing.assert_allclose(information(1.0, gains), [1.5, 0.0])
    assert ergodic_capacity(1.0, gains) == 0.75
    assert outage_capacity(1.0, gains, 0.4) == 0.0
    assert outage_capacity(1.0, gains, 0.5) == 1.5
    with pytest.raises(ValueError, match="gains"):
        information(1.0, gains[None])


# The normal approximation


def converse_bits(uses: int, snr: float, error: float) -> float:
    """Most bits of 2·uses real uses, by Shannon's (1959) cone: exact, but for equal powers.

    The noise leaves a cone around the word with probability ``error``; the cones of all words
    cannot take more than the whole sphere.
    """
    real = 2 * uses
    cotangent = nct.ppf(error, real - 1, math.sqrt(real * snr)) / math.sqrt(real - 1)
    return -math.log2(0.5 * betainc((real - 1) / 2, 0.5, 1 / (1 + cotangent**2)))


@pytest.mark.parametrize(
    ("uses", "snr", "error"),
    [(100, 1.0, 1e-3), (250, 1.0, 1e-3), (500, 1.0, 1e-6), (250, 10.0, 1e-3), (94, 100.0, 1e-6)],
)
def test_normal_approximation_lies_just_under_the_converse(
    uses: int, snr: float, error: float
) -> None:
    # The terms left out stay bounded; a dispersion that is off by two would show as 20 bits.
    gap = converse_bits(uses, snr, error) - float(normal_bits(uses, snr, error))
    assert 0 < gap < 10


def test_dispersion_is_the_variance_of_the_information_density() -> None:
    snr, draws = 2.0, 400_000
    noise = np.random.default_rng(2).standard_normal((draws, 2))
    received = math.sqrt(snr) + noise  # real dimensions of unit noise, each of power snr
    density = 0.5 * (np.square(noise) - np.square(received) / (1 + snr)).sum(axis=1)
    density *= math.log2(math.e)
    squares = np.square(density - density.mean())
    tolerance = 5 * squares.std() / math.sqrt(draws)
    assert squares.mean() == pytest.approx(float(awgn_dispersion(snr)), abs=tolerance)


def test_normal_bits_and_error_undo_each_other_and_reach_capacity() -> None:
    uses = np.array([200, 1000, 10_000])
    snr = db_to_linear(np.array([-5.0, 5.0, 15.0]))[:, None]
    error = np.array([1e-6, 1e-3, 0.5])
    bits = normal_bits(uses, snr, error)
    np.testing.assert_allclose(normal_error(uses, snr, bits), np.broadcast_to(error, bits.shape))
    assert float(normal_bits(1e12, 3.0, 1e-3)) / 1e12 == pytest.approx(2.0, abs=1e-5)
    assert normal_bits(3, 0.01, 1e-9) == 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        normal_bits(10, 1.0, 1.0)


# Gray-coded QAM


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 12.0, 19.0])
def test_bicm_capacity_is_what_the_demapper_delivers(order: int, snr_db: float) -> None:
    symbols = 20_000
    snr = db_to_linear(snr_db)
    generator = torch.Generator().manual_seed(order)
    bits = torch.randint(0, 2, (1, symbols * order), dtype=torch.uint8, generator=generator)
    qam = Qam(order)
    x = qam.map(bits)
    y = x + torch.randn(x.shape, dtype=x.dtype, generator=generator) / math.sqrt(snr)
    llr = qam.llr(y, torch.full((1, symbols), 1 / snr)).reshape(symbols, order).double()
    signs = 2.0 * bits.reshape(symbols, order) - 1.0  # an LLR is ln P(1)/P(0)
    lost = torch.nn.functional.softplus(-signs * llr).sum(dim=1) / math.log(2)
    tolerance = 5 * lost.std().item() / math.sqrt(symbols)
    exact = float(bicm_capacity(snr, order))
    assert order - lost.mean().item() == pytest.approx(exact, abs=tolerance + 1e-6)


def test_bicm_capacity_of_qpsk_is_twice_that_of_a_binary_input() -> None:
    for snr in (0.05, 1.0, 7.0, 20.0):  # a real dimension of unit noise sends ±√snr

        def lost(z: float, snr: float = snr) -> float:
            density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
            return density * np.logaddexp(0, -2 * snr - 2 * math.sqrt(snr) * z) / math.log(2)

        integral, _ = quad(lost, -12, 12, epsabs=1e-12, limit=200)
        assert float(bicm_capacity(snr, 2)) == pytest.approx(2 - 2 * integral, abs=1e-6)


@pytest.mark.parametrize("order", ORDERS)
def test_bicm_capacity_rises_below_shannons_and_its_inverse_undoes_it(order: int) -> None:
    snr = db_to_linear(np.linspace(-50.0, 45.0, 2001).reshape(3, 23, 29))
    capacity = bicm_capacity(snr, order)
    assert capacity.shape == snr.shape
    assert (capacity < awgn_capacity(snr) + 1e-7).all()
    assert (np.diff(capacity.ravel()) >= 0).all()
    assert capacity.max() == pytest.approx(order, abs=2e-9)
    found = bicm_snr(capacity, order)
    rising = capacity < order - 1e-6
    np.testing.assert_allclose(found[rising], snr[rising], rtol=1e-9)
    assert np.isfinite(bicm_snr(order, order))
    assert bicm_snr(0.0, order) == 0


def test_bicm_refuses_what_it_cannot_mean() -> None:
    with pytest.raises(ValueError, match="2, 4, 6 or 8"):
        bicm_capacity(1.0, 3)
    with pytest.raises(ValueError, match="linear"):
        bicm_capacity(-1.0, 4)
    with pytest.raises(ValueError, match=r"0\.\.4"):
        bicm_snr(4.5, 4)


# Any code


@pytest.mark.parametrize("seed", range(4))
def test_reverse_water_filling_against_convex_optimisation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    variances = np.exp(rng.normal(size=9, scale=1.5))
    bits = float(rng.uniform(0.5, 15))
    distortion = cp.Variable(9)
    rate = 0.5 * (np.log2(variances).sum() - cp.sum(cp.log(distortion)) / math.log(2))
    problem = cp.Problem(cp.Minimize(cp.sum(distortion)), [rate <= bits, distortion <= variances])
    problem.solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(
        reverse_water_filling(variances, bits), distortion.value, rtol=1e-4, atol=1e-6
    )


@settings(deadline=None)
@given(SPECTRA, st.floats(0, 200))
def test_reverse_water_filling_spends_all_bits(variances: np.ndarray, bits: float) -> None:
    distortion = reverse_water_filling(variances, bits)
    assert (distortion <= variances).all()
    spent = 0.5 * np.log2(variances / distortion).sum()
    assert spent == pytest.approx(bits, abs=1e-8)
    assert float(opta_mse(variances, bits)) == pytest.approx(distortion.mean(), rel=1e-9)
    np.testing.assert_allclose(distortion, np.minimum(distortion.max(), variances))


def test_opta_takes_many_components_and_budgets_at_once() -> None:
    variances = np.random.default_rng(3).pareto(1.1, size=200_000)
    variances[:1000] = 0.0
    bits = np.linspace(0, 1e6, 300).reshape(20, 15)
    mse = opta_mse(variances, bits)
    assert mse.shape == (20, 15)
    assert mse[0, 0] == pytest.approx(variances.mean())
    assert (np.diff(mse.ravel()) < 0).all()
    assert opta_mse(np.zeros(3), 5.0) == 0
    with pytest.raises(ValueError, match="not negative"):
        opta_mse(variances, -1.0)
    with pytest.raises(ValueError, match="variances"):
        opta_mse([-1.0], 1.0)


# Linear codes


@pytest.mark.parametrize("seed", range(4))
def test_linear_powers_against_convex_optimisation_over_every_choice(seed: int) -> None:
    rng = np.random.default_rng(seed)
    variances = np.exp(rng.normal(size=5, scale=1.2))
    uses, snr = int(rng.integers(1, 4)), float(db_to_linear(rng.uniform(-8, 20)))
    best, powers = math.inf, np.zeros(5)
    for sent in itertools.combinations(range(5), min(2 * uses, 5)):
        power = cp.Variable(5, nonneg=True)
        error = cp.sum(cp.multiply(variances, cp.inv_pos(1 + 2 * snr * power)))
        rest = [power[i] == 0 for i in range(5) if i not in sent]
        problem = cp.Problem(cp.Minimize(error), [cp.sum(power) <= uses, *rest])
        problem.solve(solver=cp.CLARABEL)
        if problem.value < best:
            best, powers = problem.value, power.value
    assert float(linear_mse(variances, uses, snr)) == pytest.approx(best / 5, rel=1e-6)
    found = linear_powers(variances, uses, snr)
    assert found.sum() == pytest.approx(uses)
    np.testing.assert_allclose(found, powers, atol=2e-4 * uses)


@pytest.mark.parametrize(("uses", "snr_db"), [(1, 3.0), (2, 10.0), (3, 0.0)])
def test_no_linear_encoder_is_better(uses: int, snr_db: float) -> None:
    """Any matrix as encoder: descent from random starts comes to the closed form, not below."""
    variances = np.array([4.0, 2.0, 0.7, 0.2])
    snr = db_to_linear(snr_db)

    def mse(flat: np.ndarray) -> float:
        encoder = flat.reshape(2 * uses, 4)
        power = np.trace(encoder @ np.diag(variances) @ encoder.T)
        encoder = encoder * math.sqrt(uses / power)
        precision = np.diag(1 / variances) + 2 * snr * encoder.T @ encoder
        return float(np.trace(np.linalg.inv(precision))) / 4

    rng = np.random.default_rng(4)
    found = [minimize(mse, rng.normal(size=8 * uses)).fun for _ in range(6)]
    exact = float(linear_mse(variances, uses, snr))
    assert min(found) == pytest.approx(exact, rel=1e-5)
    assert min(found) >= exact * (1 - 1e-9)


@settings(deadline=None)
@given(SPECTRA, st.integers(1, 25), st.floats(-20, 50))
def test_linear_codes_stay_above_opta(variances: np.ndarray, uses: int, snr_db: float) -> None:
    snr = db_to_linear(snr_db)
    limit = opta_mse(variances, uses * awgn_capacity(snr))
    assert linear_mse(variances, uses, snr) >= limit * (1 - 1e-9)


def test_a_matched_white_source_needs_no_code() -> None:
    snr = db_to_linear(np.linspace(-10, 40, 11))
    white = np.full(64, 0.3)
    limit = opta_mse(white, 32 * awgn_capacity(snr))
    np.testing.assert_allclose(linear_mse(white, 32, snr), limit)
    np.testing.assert_allclose(limit, 0.3 / (1 + snr))
    assert (linear_mse(white, 40, snr) > 1.001 * opta_mse(white, 40 * awgn_capacity(snr))).all()


def test_linear_code_on_fading_is_the_mean_over_the_gains() -> None:
    rng = np.random.default_rng(5)
    variances = np.append(rng.pareto(1.5, size=50), [0.0, 0.0])
    gains = rng.exponential(size=(40, 5))
    for uses in (7, 40):
        for snr in (0.1, 10.0, 1e4):
            powers = linear_powers(variances, uses, snr)
            errors = variances / (1 + 2 * snr * gains[..., None] * powers)
            found = linear_mse(variances, uses, snr, gains)
            assert float(found) == pytest.approx(errors.mean(), rel=1e-7)
    snr = np.array([[0.0, 1.0], [10.0, 1e3]])
    np.testing.assert_allclose(
        linear_mse(variances, 7, snr, np.ones(3)), linear_mse(variances, 7, snr), rtol=1e-7
    )
    assert linear_mse(variances, 7, 0.0, gains) == pytest.approx(variances.mean())


def test_fractions_of_a_channel_use_count_in_power() -> None:
    white = np.ones(4)
    # 1.25 uses: two whole real ones, which share the energy of 1.25.
    assert float(linear_mse(white, 1.25, 2.0)) == pytest.approx((2 / (1 + 2.5) + 2) / 4)
    with pytest.raises(ValueError, match="at least one"):
        linear_mse(white, 0.4, 1.0)
    with pytest.raises(ValueError, match="no power"):
        linear_powers(white, 1, 0.0)


# Spectra of images


@pytest.fixture(scope="module")
def field() -> Gaussian:
    return Gaussian(GaussianConfig(size=16, rho=0.9, colour_correlation=0.6))


def test_spectrum_keeps_the_variance_and_gives_nearly_the_limits_of_the_field(
    field: Gaussian,
) -> None:
    images = field.take(800).image.numpy()
    found = spectrum_variances(images)
    assert found.shape == (3 * 16 * 16,)
    assert found.mean() == pytest.approx(images.astype(float).var(axis=(0, 2, 3)).mean())
    bits = np.array([200.0, 1000.0, 4000.0])
    gap_db = linear_to_db(opta_mse(found, bits) / opta_mse(field.variances, bits))
    # Cosines are not quite the eigenvectors: at 16 pixels a side they cost 0.1 dB.
    assert (gap_db > -0.05).all()
    assert (gap_db < 0.25).all()


def test_patch_variances_are_the_eigenvalues_of_the_patch(field: Gaussian) -> None:
    images = field.take(800).image.numpy()
    found = patch_variances(images, 2)
    colours, rows, columns = (
        np.linalg.eigvalsh(matrix) for matrix in correlations((3, 2, 2), 0.9, 0.6)
    )
    exact = np.sort(0.01 * np.kron(np.kron(colours, rows), columns))[::-1]
    # A sample variance over m independent patches has a relative deviation of √(2/m). Patches
    # of one image depend on each other most in their largest component: as if 800·4 there were.
    np.testing.assert_allclose(found, exact, rtol=5 * math.sqrt(2 / (800 * 4)))
    assert found.mean() == pytest.approx(images.astype(float).var(axis=(0, 2, 3)).mean(), rel=1e-3)
    with pytest.raises(ValueError, match="tile"):
        patch_variances(images, 3)
    with pytest.raises(ValueError, match="more images"):
        patch_variances(images[:2], 8)
