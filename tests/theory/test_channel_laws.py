"""What every channel promises: power of the fading, measured SNR, unbiased symbols, gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from semsim.channels.config import (
    AwgnConfig,
    ChannelConfig,
    OfdmCdlConfig,
    OfdmConfig,
    OfdmTdlConfig,
    RayleighConfig,
    RicianConfig,
)
from semsim.rng import Streams
from semsim.types import Channel, Received
from semsim.units import db_to_linear

# A narrow grid keeps the number of resource elements, and so the time, small.
GRID = {"subcarriers": 12, "symbols_per_slot": 2, "speed_m_per_s": 30.0}
OFDM: list[OfdmConfig] = [
    *(OfdmTdlConfig(model=model, **GRID) for model in "ABCDE"),
    *(OfdmCdlConfig(model=model, **GRID) for model in "CD"),
    OfdmTdlConfig(antennas=4, **GRID),
    OfdmTdlConfig(model="D", antennas=4, **GRID),
    OfdmCdlConfig(antennas=4, **GRID),
]
FADING = [
    RayleighConfig(),
    RayleighConfig(block=3),
    RayleighConfig(antennas=4),
    RayleighConfig(block=3, fading="jakes", doppler_per_block=0.05),
    RayleighConfig(block=3, fading="gauss_markov", doppler_per_block=0.05, antennas=2),
    RicianConfig(),
    RicianConfig(k=0.5),
    RicianConfig(antennas=3),
    RicianConfig(block=2, fading="jakes", doppler_per_block=0.2),
    *OFDM,
]
EVERY = [AwgnConfig(), *FADING]
ESTIMATED = [
    kind(csi=csi, pilot_symbols=(0,), **GRID)
    for kind in (OfdmTdlConfig, OfdmCdlConfig)
    for csi in ("ls", "lmmse")
]
SHOWN = ("model", "k", "block", "fading", "antennas", "csi")


def name(config: ChannelConfig) -> str:
    changed = config.model_dump(exclude_defaults=True)
    return "-".join([config.kind, *(str(changed[key]) for key in SHOWN if key in changed)])


def unit_power(batch: int, symbols: int, generator: torch.Generator) -> Tensor:
    x = torch.randn(batch, symbols, dtype=torch.complex64, generator=generator)
    return x / x.abs().square().mean(dim=1, keepdim=True).sqrt()


def transmit(
    config: ChannelConfig, batch: int, symbols: int, snr: Tensor
) -> tuple[Tensor, Received]:
    streams = Streams(3).child(name(config))
    x = unit_power(batch, symbols, streams.torch("x"))
    return x, config.build(generator=streams.torch("channel")).apply(x, snr)


@pytest.mark.parametrize(
    "config", [*FADING, *(OfdmCdlConfig(model=model, **GRID) for model in "ABE")], ids=name
)
def test_fading_has_unit_mean_power_an_antenna(config: ChannelConfig) -> None:
    images = 1000 if isinstance(config, OfdmCdlConfig) else 4000  # rays take long to draw
    _, received = transmit(config, images, 6, torch.ones(images))
    gain = received.gain.mean(dim=1)
    antennas = getattr(config, "antennas", 1)
    # Images fade independently: five standard errors of the mean over images.
    tolerance = 5 * gain.std().item() / math.sqrt(images)
    assert gain.mean().item() == pytest.approx(antennas, abs=tolerance)
    assert gain.std() > 0.05


@pytest.mark.parametrize("k", [0.0, 1.0, 10.0])
def test_rician_gain_has_the_variance_of_its_k(k: float) -> None:
    images = 40_000
    _, received = transmit(RicianConfig(k=k), images, 1, torch.ones(images))
    gain = received.gain[:, 0]
    deviation = (gain - gain.mean()).square()
    expected = (2 * k + 1) / (k + 1) ** 2
    # Five standard errors of the sample variance.
    tolerance = 5 * deviation.std().item() / math.sqrt(images)
    assert deviation.mean().item() == pytest.approx(expected, abs=tolerance)


def test_rician_line_of_sight_turns_uniformly() -> None:
    """The receiver divides by h, so its phase shows in the equalised noise only; K = 1000 shows
    |h| next to one, and equal generators give equal noise, whose rotation is the phase."""
    images = 4000
    snr = torch.ones(images)
    x = torch.zeros(images, 1, dtype=torch.complex64)
    steady = AwgnConfig().build(generator=Streams(4).torch("noise")).apply(x, snr).x
    turned = RicianConfig(k=1000.0).build(generator=Streams(4).torch("noise")).apply(x, snr).x
    phasor = (steady / turned).flatten()
    phasor = phasor / phasor.abs()
    # The mean of n unit phasors of uniform phase has mean square 1/n; so have their squares.
    assert phasor.mean().abs() < 4 / math.sqrt(images)
    assert phasor.square().mean().abs() < 4 / math.sqrt(images)


@pytest.mark.parametrize("config", [*EVERY, *ESTIMATED], ids=name)
def test_measured_snr_is_the_asked_one_image_by_image(config: ChannelConfig) -> None:
    symbols = 2000
    asked = db_to_linear(torch.tensor([-10.0, 0.0, 7.0, 20.0, 35.0]))
    _, received = transmit(config, 5, symbols, asked)
    assert received.noise_samples == symbols
    # |noise|² is exponential: its mean over n samples has a relative error of 1/√n.
    ratio = asked / received.snr_measured
    assert ((ratio - 1).abs() < 5 / math.sqrt(symbols)).all()
    assert (ratio != 1).all()


@pytest.mark.parametrize("config", EVERY, ids=name)
def test_equalised_symbols_are_unbiased_with_the_stated_noise(config: ChannelConfig) -> None:
    images, symbols = 8, 3000
    snr = db_to_linear(torch.tensor([-5.0, 0.0, 5.0, 10.0, 15.0, 20.0, 40.0, 60.0]))
    x, received = transmit(config, images, symbols, snr)
    error = (received.x - x) / received.noise_variance.sqrt()  # CN(0, 1) if all is right
    # Per image: the mean of n CN(0, 1) is CN(0, 1/n), |error|² has mean 1 and variance 1, and
    # the correlation with unit-power x has variance 1/n.
    tolerance = 5 / math.sqrt(symbols)
    assert (error.mean(dim=1).abs() < tolerance).all()
    assert ((error.abs().square().mean(dim=1) - 1).abs() < tolerance).all()
    assert ((error * x.conj()).mean(dim=1).abs() < tolerance).all()
    # Half the noise in each real dimension: the difference of their powers has variance 2.
    imbalance = (error.real.square() - error.imag.square()).mean(dim=1)
    assert (imbalance.abs() < math.sqrt(2) * tolerance).all()


@pytest.mark.parametrize("config", EVERY, ids=name)
def test_noise_variance_is_inverse_to_gain(config: ChannelConfig) -> None:
    snr = db_to_linear(torch.tensor([0.0, 30.0, 70.0]))
    _, received = transmit(config, 3, 50, snr)
    torch.testing.assert_close(
        received.noise_variance * received.gain, (1 / snr).unsqueeze(1).expand(3, 50)
    )


@pytest.mark.parametrize("config", EVERY, ids=name)
def test_gradient_flows_through_the_channel(config: ChannelConfig) -> None:
    x = unit_power(2, 30, Streams(5).torch("x")).requires_grad_()
    channel = config.build(generator=Streams(5).torch("channel"))
    assert isinstance(channel, Channel)
    received = channel.apply(x, torch.tensor([1.0, 100.0]))
    (received.x.real.sum() + 2 * received.x.imag.sum()).backward()
    # x_hat = x + noise, so that the gradient is that of the sum itself.
    torch.testing.assert_close(x.grad, torch.full_like(x, 1 + 2j).detach())
    assert not received.snr_measured.requires_grad
