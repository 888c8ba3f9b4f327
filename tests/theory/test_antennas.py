"""Maximum-ratio transmission: array gain N, diversity N, and correlated arrays below that."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from semsim.channels.config import (
    ChannelConfig,
    OfdmCdlConfig,
    OfdmConfig,
    OfdmTdlConfig,
    RayleighConfig,
    RicianConfig,
)
from semsim.rng import Streams

IMAGES = 20_000
#: One resource element of a standing user a transmission.
ONE: dict[str, float] = {"subcarriers": 1, "symbols_per_slot": 1, "speed_m_per_s": 0.0}


def gains(config: ChannelConfig, images: int = IMAGES) -> Tensor:
    x = torch.ones(images, 1, dtype=torch.complex64)
    channel = config.build(generator=Streams(6).torch(config.kind))
    return channel.apply(x, torch.ones(images)).gain[:, 0].double()


def variance(gain: Tensor) -> tuple[float, float]:
    """Sample variance, and its standard error."""
    deviation = (gain - gain.mean()).square()
    return float(deviation.mean()), float(deviation.std()) / math.sqrt(len(gain))


@pytest.mark.parametrize("antennas", [1, 2, 4, 16])
def test_rayleigh_gain_is_gamma_of_shape_n(antennas: int) -> None:
    gain = gains(RayleighConfig(antennas=antennas))
    assert stats.kstest(gain.numpy(), stats.gamma(antennas).cdf).pvalue > 1e-4
    share, error = variance(gain / antennas)
    assert float(gain.mean()) == pytest.approx(antennas, abs=5 * math.sqrt(antennas / IMAGES))
    assert share == pytest.approx(1 / antennas, abs=5 * error)  # hardening


@pytest.mark.parametrize("antennas", [2, 8])
def test_rician_gain_hardens_by_n(antennas: int) -> None:
    share, error = variance(gains(RicianConfig(k=3.0, antennas=antennas)) / antennas)
    assert share == pytest.approx((2 * 3 + 1) / (3 + 1) ** 2 / antennas, abs=5 * error)


@pytest.mark.parametrize("antennas", [1, 4])
def test_antennas_of_a_tapped_delay_line_fade_independently(antennas: int) -> None:
    gain = gains(OfdmTdlConfig(model="B", antennas=antennas, **ONE), 8000)
    share, error = variance(gain / antennas)
    # Twenty sinusoids a tap: E|h|⁴ = 2 - Σ P²/20, with Σ P² below 0.15.
    assert share == pytest.approx(1 / antennas, abs=5 * error + 0.15 / 20 / antennas)


def test_neighbours_of_an_array_fade_alike() -> None:
    """The clusters of CDL leave the base station in a few directions: less diversity than N, and
    more than one."""
    share, error = variance(gains(OfdmCdlConfig(model="A", antennas=8, **ONE), 1500) / 8)
    assert 1 / 8 + 5 * error < share < 1 - 5 * error


@pytest.mark.parametrize(
    "config", [RayleighConfig(antennas=4), OfdmTdlConfig(antennas=4, **ONE)], ids=lambda c: c.kind
)
def test_the_array_gain_is_in_the_noise_that_remains(config: RayleighConfig | OfdmConfig) -> None:
    images = 4000
    x = torch.ones(images, 1, dtype=torch.complex64)
    snr = torch.full((images,), 10.0)
    received = config.build(generator=Streams(6).torch("noise")).apply(x, snr)
    torch.testing.assert_close(received.noise_variance * received.gain, torch.full(x.shape, 0.1))
    error = (received.x - x).abs().square() / received.noise_variance
    assert float(error.mean()) == pytest.approx(1, abs=5 / math.sqrt(images))
    # E 1/‖h‖² = 1/(N-1): single antennas have no mean at all, four have a third.
    mean = float(received.noise_variance.mean())
    tolerance = 5 * float(received.noise_variance.std()) / math.sqrt(images)
    assert mean == pytest.approx(0.1 / 3, abs=tolerance)
