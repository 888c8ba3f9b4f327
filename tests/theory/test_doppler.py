"""Ageing of the channels against Clarke's autocorrelation J0."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import j0
from torch import Tensor

from semsim.channels.config import (
    AwgnConfig,
    ChannelConfig,
    OfdmCdlConfig,
    OfdmTdlConfig,
    RayleighConfig,
    RicianConfig,
)
from semsim.channels.correlated import gauss_markov, jakes
from semsim.rng import Streams

LAGS = [1, 2, 5, 9, 14, 20]
#: Largest Doppler shift of 30 m/s at 3.5 GHz, times the duration of an OFDM symbol of 30 kHz.
ONE_TONE = {"subcarriers": 1, "symbols_per_slot": 14, "speed_m_per_s": 30.0}
DOPPLER = 30.0 / 299_792_458 * 3.5e9 / 30e3


def fading(config: ChannelConfig, images: int, symbols: int) -> Tensor:
    """The gains h themselves: sent zeros arrive as w/h, and equal generators draw an equal w."""
    x = torch.zeros(images, symbols, dtype=torch.complex64)
    snr = torch.ones(images)
    seed = Streams(8).child(config.kind)
    noise = AwgnConfig().build(generator=seed.torch("all")).apply(x, snr).x
    return noise / config.build(generator=seed.torch("all")).apply(x, snr).x


def autocorrelation(h: Tensor, lag: int) -> tuple[complex, float]:
    """Mean of h[k+lag] h[k]* and its standard error, from independent rows."""
    products = (h[:, lag:] * h[:, :-lag].conj()).mean(dim=1)
    spread = products.abs().square().mean() - products.mean().abs().square()
    return complex(products.mean()), float(spread.sqrt()) / math.sqrt(len(h))


@pytest.mark.parametrize("model", ["A", "C"])
def test_tapped_delay_lines_age_as_clarke_says(model: str) -> None:
    h = fading(OfdmTdlConfig(model=model, **ONE_TONE), 3000, 30)
    for lag in LAGS:
        found, error = autocorrelation(h, lag)
        assert found == pytest.approx(j0(2 * math.pi * DOPPLER * lag), abs=5 * error)


@pytest.mark.parametrize(("model", "sight"), [("D", 0.8878), ("E", 0.8942)])
def test_a_line_of_sight_turns_at_seven_tenths_of_the_doppler_shift(
    model: str, sight: float
) -> None:
    """TR 38.901, tables 7.7.2-4 and -5: the first powers over the sums of all."""
    h = fading(OfdmTdlConfig(model=model, **ONE_TONE), 2000, 30)
    for lag in LAGS:
        found, error = autocorrelation(h, lag)
        turn = 2 * math.pi * DOPPLER * lag
        expected = sight * np.exp(0.7j * turn) + (1 - sight) * j0(turn)
        assert found == pytest.approx(expected, abs=5 * error)


def test_clusters_age_within_the_doppler_shift() -> None:
    """CDL has few directions; what is sure is that it stands still without speed, and that its
    autocorrelation falls no faster than the greatest shift lets it: cos(2π f_d τ)."""
    still = fading(OfdmCdlConfig(**{**ONE_TONE, "speed_m_per_s": 0.0}), 50, 20)
    torch.testing.assert_close(still, still[:, :1].expand_as(still), rtol=1e-3, atol=1e-4)
    moving = fading(OfdmCdlConfig(**ONE_TONE), 1000, 20)
    power = float(moving.abs().square().mean())
    for lag in (1, 2, 5):
        found, error = autocorrelation(moving, lag)
        least = math.cos(2 * math.pi * DOPPLER * lag)
        assert least * power - 5 * error < found.real < power


@pytest.mark.parametrize("doppler", [0.003, 0.03, 0.21])
def test_jakes_has_the_autocorrelation_of_clarke(doppler: float) -> None:
    h = jakes(4000, 40, doppler, Streams(9).torch("jakes"))
    for lag in LAGS:
        found, error = autocorrelation(h, lag)
        assert found == pytest.approx(j0(2 * math.pi * doppler * lag), abs=5 * error)


def test_jakes_is_clarkes_process_draw_by_draw() -> None:
    """One draw of the wave directions already has J0, up to 200 radians: no average over draws."""
    generator = Streams(9).torch("draw")
    rows, doppler = 20_000, 0.3
    lags = [3, 30, 100]
    h = jakes(rows, 101, doppler, generator)
    for lag in lags:
        found = complex((h[:, lag] * h[:, 0].conj()).mean())
        # Products of unit-power Gaussians: variance 1 (twice that is never passed).
        assert found == pytest.approx(j0(2 * math.pi * doppler * lag), abs=5 * math.sqrt(2 / rows))


def test_gauss_markov_forgets_by_the_same_factor_every_step() -> None:
    for doppler in (0.02, 0.45):
        h = gauss_markov(4000, 40, doppler, Streams(9).torch("markov"))
        a = j0(2 * math.pi * doppler)
        for lag in LAGS:
            found, error = autocorrelation(h, lag)
            assert found == pytest.approx(a**lag, abs=5 * error)


@pytest.mark.parametrize("process", [jakes, gauss_markov])
def test_correlated_fading_is_complex_gaussian(process) -> None:
    rows, doppler, lag = 20_000, 0.05, 7
    h = process(rows, 12, doppler, Streams(9).torch("law"))
    for k in (0, 5, 11):
        # CN(0, 1): real parts of variance 1/2, uniform phases.
        assert (
            stats.kstest(h[:, k].real.numpy(), stats.norm(scale=math.sqrt(0.5)).cdf).pvalue > 1e-4
        )
        turns = (h[:, k].angle() / (2 * math.pi) + 0.5).numpy()
        assert stats.kstest(turns, "uniform").pvalue > 1e-4
    # Jointly Gaussian: E|h0|²|hk|² = 1 + |ρ|²; the product's variance is below 10.
    rho = j0(2 * math.pi * doppler * lag)
    if process is gauss_markov:
        rho = j0(2 * math.pi * doppler) ** lag
    product = (h[:, 0].abs() * h[:, lag].abs()).square()
    assert float(product.mean()) == pytest.approx(
        1 + rho**2, abs=5 * float(product.std()) / rows**0.5
    )


@pytest.mark.parametrize("kind", ["jakes", "gauss_markov"])
def test_blocks_of_flat_channels_follow_the_process(kind: str) -> None:
    doppler, k = 0.06, 2.0
    rayleigh = RayleighConfig(block=1, fading=kind, doppler_per_block=doppler)
    rician = RicianConfig(block=1, fading=kind, doppler_per_block=doppler, k=k)
    scattered, sighted = fading(rayleigh, 3000, 25), fading(rician, 3000, 25)
    for lag in LAGS:
        rho = j0(2 * math.pi * doppler * lag)
        if kind == "gauss_markov":
            rho = j0(2 * math.pi * doppler) ** lag
        found, error = autocorrelation(scattered, lag)
        assert found == pytest.approx(rho, abs=5 * error)
        found, error = autocorrelation(sighted, lag)
        assert found == pytest.approx((k + rho) / (k + 1), abs=5 * error)
