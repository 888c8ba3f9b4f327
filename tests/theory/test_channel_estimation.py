"""Channel estimation against theory and Sionna's estimators; stated noise against the real one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from semsim.channels.config import OfdmCdlConfig, OfdmConfig, OfdmTdlConfig
from semsim.channels.estimation import (
    Estimator,
    LeastSquares,
    MinimumMeanSquares,
    Pilots,
    Prior,
    linear_interpolation,
)
from semsim.channels.ofdm import OfdmTdl
from semsim.channels.sionna_rng import phy
from semsim.rng import Streams
from semsim.testing import check_channel
from semsim.units import db_to_linear

CPU = torch.device("cpu")
#: Wide enough to be selective, small enough for Sionna's two-pass estimator.
SMALL = {"subcarriers": 24, "subcarrier_spacing_hz": 120e3, "delay_spread_s": 100e-9}


def noisy_pilots(
    config: OfdmTdlConfig, images: int, snr_db: float
) -> tuple[Tensor, Tensor, Pilots, Tensor]:
    """Draw ``h [B, S, K]``, and what comes through its pilots, ``[B, 1, P, K]``."""
    channel = OfdmTdl(config)
    streams = Streams(11).child(config.model, int(snr_db))
    h = channel._draw(images, config.symbols_per_slot, streams.torch("h"))
    pilots = Pilots(config, CPU)
    n0 = torch.full((images, 1), 1 / db_to_linear(snr_db))
    noise = torch.randn(
        images, len(pilots.at), config.subcarriers, dtype=h.dtype, generator=streams.torch("w")
    )
    seen = h[:, pilots.at] + n0.sqrt().unsqueeze(2) * noise
    return h, seen.unsqueeze(1), pilots, n0


def prior(config: OfdmTdlConfig) -> Prior:
    return OfdmTdl(config)._prior()


def mean_square(error: Tensor) -> tuple[float, float]:
    """Mean of |error|² and its standard error, from independent images."""
    each = error.abs().square().flatten(1).mean(dim=1)
    return float(each.mean()), float(each.std()) / math.sqrt(len(each))


def test_pilots_are_qpsk_of_unit_power() -> None:
    pilots = Pilots(OfdmTdlConfig(csi="ls"), CPU)
    torch.testing.assert_close(pilots.symbols.abs(), torch.ones(2, 288))
    assert len(pilots.symbols.flatten().angle().mul(1e4).round().unique()) == 4
    assert pilots.at.tolist() == [2, 11]
    assert pilots.data.tolist() == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13]


def test_least_squares_is_sionnas_up_to_its_scale() -> None:
    config = OfdmTdlConfig(csi="ls", pilot_symbols=(1, 5, 12), **SMALL)
    _, seen, pilots, n0 = noisy_pilots(config, 5, 10.0)
    grid = phy.ofdm.ResourceGrid(
        num_ofdm_symbols=14,
        fft_size=24,
        subcarrier_spacing=120e3,
        pilot_pattern="kronecker",
        pilot_ofdm_symbol_indices=[1, 5, 12],
        device="cpu",
    )
    sent = grid.pilot_pattern.pilots.reshape(3, 24)
    y = torch.zeros(5, 1, 1, 14, 24, dtype=torch.complex64)
    y[:, 0, 0, pilots.at] = seen[:, 0] * sent
    theirs, _ = phy.ofdm.LSChannelEstimator(grid, "lin", device="cpu")(y, n0[:, 0])
    # A receiver that takes every channel to be equally likely scales nothing.
    shapeless = Prior(0.0, 1e12 * torch.ones(14, 14, dtype=torch.complex128), torch.ones(24, 1))
    ours, error = LeastSquares(pilots, shapeless)(seen, n0)
    torch.testing.assert_close(ours[:, 0], theirs[:, 0, 0, 0, 0, pilots.data], atol=1e-5, rtol=1e-5)
    # A channel that stands still: noise through the weights of the interpolation.
    weights = linear_interpolation(pilots.pattern)[pilots.data]
    expected = n0.double() * weights.square().sum(dim=1)
    torch.testing.assert_close(error[:, 0, :, 0], expected.float(), rtol=1e-3, atol=0)


def test_interpolation_averages_noise_between_pilots_and_amplifies_it_beyond() -> None:
    """Error N0 over pilot power on a pilot, half of it midway, 1 + 2a + 2a² a steps beyond."""
    config = OfdmTdlConfig(csi="ls", pilot_symbols=(2, 10), **SMALL)
    noise = linear_interpolation(Pilots(config, CPU).pattern).square().sum(dim=1)
    a = 2 / 8
    assert [noise[t].item() for t in (2, 6, 0)] == pytest.approx([1, 0.5, 1 + 2 * a + 2 * a * a])
    one = OfdmTdlConfig(csi="ls", pilot_symbols=(3,), **SMALL)
    assert linear_interpolation(Pilots(one, CPU).pattern).flatten().tolist() == [1.0] * 14


@pytest.mark.parametrize("speed", [0.0, 30.0])
@pytest.mark.parametrize("snr_db", [0.0, 20.0, 40.0])
def test_least_squares_errs_as_it_says(snr_db: float, speed: float) -> None:
    config = OfdmTdlConfig(csi="ls", model="A", speed_m_per_s=speed, **SMALL)
    h, seen, pilots, n0 = noisy_pilots(config, 3000, snr_db)
    estimate, variance = LeastSquares(pilots, prior(config))(seen, n0)
    error = h[:, pilots.data] - estimate[:, 0]
    for d in (0, 3, 6, 11):  # before, between and after the pilots
        found, tolerance = mean_square(error[:, d])
        assert found == pytest.approx(float(variance[0, 0, d, 0]), abs=5 * tolerance)
    # Uncorrelated with the estimate: no part of the error could have been known.
    product = (error * estimate[:, 0].conj()).mean(dim=(1, 2))
    assert product.mean().abs() < 5 * product.abs().std() / math.sqrt(3000) + 1e-7


def test_mmse_is_the_textbook_matrix() -> None:
    config = OfdmTdlConfig(csi="lmmse", model="A", speed_m_per_s=30.0, **SMALL)
    _, seen, pilots, n0 = noisy_pilots(config, 3, 10.0)
    law = prior(config)
    estimate, error = MinimumMeanSquares(pilots, law)(seen, n0)
    frequency = law.factor @ law.factor.mH
    covariance = torch.kron(law.time, frequency).reshape(14, 24, 14, 24)
    r_pp = covariance[pilots.at][:, :, pilots.at].reshape(48, 48)
    r_dp = covariance[pilots.data][:, :, pilots.at].reshape(-1, 48)
    filtering = r_dp @ torch.linalg.inv(r_pp + 0.1 * torch.eye(48))
    expected = (filtering @ seen.reshape(3, 48).to(torch.complex128).T).T.reshape(3, 12, 24)
    torch.testing.assert_close(estimate[:, 0], expected.to(torch.complex64), rtol=1e-4, atol=1e-5)
    left = 1 - (filtering @ r_dp.mH).diagonal().real.reshape(12, 24)
    torch.testing.assert_close(error[0, 0], left.float(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("model", ["A", "B", "C", "D", "E"])
def test_the_covariances_are_those_of_the_model(model: str) -> None:
    config = OfdmTdlConfig(csi="lmmse", model=model, **SMALL)
    law = prior(config)
    theirs = phy.ofdm.tdl_freq_cov_mat(model, 120e3, 24, 100e-9, precision="double", device="cpu")
    torch.testing.assert_close(law.factor @ law.factor.mH, theirs, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(law.time.diagonal().real, torch.ones(14, dtype=torch.float64))


@pytest.mark.parametrize("speed", [1.5, 30.0])
@pytest.mark.parametrize("snr_db", [0.0, 15.0, 30.0])
def test_mmse_beats_least_squares_and_equals_or_beats_sionnas(snr_db: float, speed: float) -> None:
    config = OfdmTdlConfig(csi="lmmse", model="C", speed_m_per_s=speed, **SMALL)
    images = 150
    h, seen, pilots, n0 = noisy_pilots(config, images, snr_db)
    law = prior(config)
    truth = h[:, pilots.data]
    ours, stated = MinimumMeanSquares(pilots, law)(seen, n0)
    simple, _ = LeastSquares(pilots, law)(seen, n0)
    grid = phy.ofdm.ResourceGrid(
        num_ofdm_symbols=14,
        fft_size=24,
        subcarrier_spacing=120e3,
        pilot_pattern="kronecker",
        pilot_ofdm_symbol_indices=[2, 11],
        device="cpu",
    )
    y = torch.zeros(images, 1, 1, 14, 24, dtype=torch.complex64)
    y[:, 0, 0, pilots.at] = seen[:, 0] * grid.pilot_pattern.pilots.reshape(2, 24)
    frequency = (law.factor @ law.factor.mH).to(torch.complex64)
    two_pass = phy.ofdm.LMMSEChannelEstimator(
        grid, law.time.to(torch.complex64), frequency, order="f-t", device="cpu"
    )
    theirs = two_pass(y, n0[:, 0])[0][:, 0, 0, 0, 0, pilots.data]
    found, tolerance = mean_square(truth - ours[:, 0])
    assert found == pytest.approx(float(stated[0].mean()), abs=5 * tolerance)
    assert found < mean_square(truth - simple[:, 0])[0]
    # On the same noise, to a hundredth.
    assert found < 1.01 * mean_square(truth - theirs)[0]


FAST = {"subcarriers": 24, "subcarrier_spacing_hz": 120e3, "speed_m_per_s": 30.0}
#: The estimators' laws by formula, and by draws of one and of several antennas.
CONFIGS: list[OfdmConfig] = [
    *(OfdmTdlConfig(model=m, csi=c, **FAST) for m in "AD" for c in ("ls", "lmmse")),
    *(OfdmTdlConfig(csi=c, antennas=4, **FAST) for c in ("ls", "lmmse")),
    *(OfdmCdlConfig(csi=c, **FAST) for c in ("ls", "lmmse")),
    *(OfdmCdlConfig(model="D", csi=c, antennas=4, **FAST) for c in ("ls", "lmmse")),
]


def name(config: OfdmConfig) -> str:
    return f"{config.kind}-{config.model}-{config.csi}-{config.antennas}"


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_stated_noise_is_the_real_one_with_the_estimation_error(config: OfdmConfig) -> None:
    """Two slots, since a law learnt from first symbols must hold for later ones."""
    images, symbols = 300, 2 * 12 * 24
    streams = Streams(12).child(name(config))
    channel = config.build(generator=streams.torch("channel"))
    for snr_db in (0.0, 10.0, 20.0):
        x = torch.randn(images, symbols, dtype=torch.complex64, generator=streams.torch("x"))
        received = channel.apply(x, torch.full((images,), db_to_linear(snr_db)))
        error = (received.x - x).abs().square() / received.noise_variance
        each = error.mean(dim=1)
        # Five standard errors over images, and for the laws that are learnt from 512 draws, or
        # whose covariance is no exact product (lines of sight), three parts in a hundred.
        tolerance = 5 * float(each.std()) / math.sqrt(images) + 0.03
        assert float(each.mean()) == pytest.approx(1, abs=tolerance)
    # It is the estimation that makes the difference: noise alone would be too little, by half.
    if config.csi == "ls":
        ratio = received.noise_variance * received.gain * 100.0
        assert float(ratio.median()) > 1.3


@pytest.mark.parametrize("config", CONFIGS, ids=name)
def test_estimated_channels_keep_the_contract(config: OfdmConfig) -> None:
    channel = config.build(generator=Streams(13).torch(name(config)))
    check_channel(channel, n=1000, mean_gain=config.antennas)


def test_estimators_have_one_form() -> None:
    config = OfdmTdlConfig(csi="ls", **SMALL)
    _, seen, pilots, n0 = noisy_pilots(config, 2, 10.0)
    estimators: list[Estimator] = [
        LeastSquares(pilots, prior(config)),
        MinimumMeanSquares(pilots, prior(config)),
    ]
    for estimator in estimators:
        estimate, error = estimator(seen, n0)
        assert estimate.shape == (2, 1, 12, 24)
        assert error.expand_as(estimate).shape == estimate.shape
        assert estimate.dtype == torch.complex64
        assert (error > 0).all()
