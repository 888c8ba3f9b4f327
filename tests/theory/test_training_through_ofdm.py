"""Gradients through OFDM train a sender to its optimum, known or estimated the channel may be."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from semsim.channels.base import SionnaChannel
from semsim.channels.config import OfdmTdlConfig
from semsim.rng import Streams

#: Variances of the two kinds of source values, sent in turn.
VARIANCE = torch.tensor([1.9, 0.1])
SNR = 10.0
GRID = {"subcarriers": 12, "symbols_per_slot": 7, "model": "A"}


def distortion(
    split: Tensor, channel: SionnaChannel, images: int, generator: torch.Generator
) -> Tensor:
    """Send a Gaussian source by two real factors, of unit power in all, and estimate it.

    ``split`` sets the share of the power that the first kind of values gets.
    """
    share = torch.sigmoid(split)
    powers = 2 * torch.stack([share, 1 - share])  # their mean is one
    source = VARIANCE.sqrt() * torch.randn(
        images, 60, 2, dtype=torch.complex64, generator=generator
    )
    factor = (powers / VARIANCE).sqrt()
    received = channel.apply((factor * source).flatten(1), torch.full((images,), SNR))
    x = received.x.reshape(source.shape)
    noise = received.noise_variance.reshape(source.shape)
    estimate = x / factor * powers / (powers + noise)
    return (estimate - source).abs().square().mean()


@pytest.mark.parametrize("csi", ["perfect", "ls", "lmmse"])
def test_a_sender_learns_the_best_power_split(csi: str) -> None:
    config = OfdmTdlConfig(csi=csi, pilot_symbols=(1, 5), **GRID)
    streams = Streams(14).child(csi)
    channel = config.build(generator=streams.torch("channel"))
    split = torch.tensor(-3.0, requires_grad=True)  # 5 % for the strong values: the wrong way round
    optimiser = torch.optim.Adam([split], lr=0.1)
    draws = streams.torch("source")
    for _ in range(120):
        optimiser.zero_grad()
        distortion(split, channel, 48, draws).backward()
        optimiser.step()

    def judge(logit: float) -> float:
        """The same 500 transmissions for every split."""
        fixed = config.build(generator=streams.torch("judge"))
        with torch.no_grad():
            return float(
                distortion(torch.tensor(logit), fixed, 500, streams.torch("judged source"))
            )

    learnt, start = judge(split.item()), judge(-3.0)
    best = minimize_scalar(judge, bounds=(-4, 4), method="bounded", options={"xatol": 0.02}).fun
    assert learnt < 0.5 * start
    # Adam's last steps wander about the flat bottom.
    assert learnt < 1.01 * best


def test_the_learnt_split_is_that_of_theory() -> None:
    """Known gains: value i errs by v_i E[σ²/(P_i + σ²)] over the law of the noise σ²."""
    streams = Streams(15)
    config = OfdmTdlConfig(**GRID)
    channel = config.build(generator=streams.torch("law"))
    images = 3000
    x = torch.ones(images, 120, dtype=torch.complex64)
    noise = channel.apply(x, torch.full((images,), SNR)).noise_variance
    split = 1.3
    share = torch.sigmoid(torch.tensor(split))
    powers = 2 * torch.stack([share, 1 - share])
    errors = (VARIANCE * noise.unsqueeze(2) / (powers + noise.unsqueeze(2))).mean(dim=(1, 2))
    sent = config.build(generator=streams.torch("sent"))
    found = float(distortion(torch.tensor(split), sent, images, streams.torch("source")))
    # Two sets of images, each with the spread of the errors' mean over its fading.
    tolerance = 5 * float(errors.std()) * (2 / images) ** 0.5
    assert found == pytest.approx(float(errors.mean()), abs=tolerance)


@pytest.mark.parametrize("antennas", [1, 3])
@pytest.mark.parametrize("csi", ["ls", "lmmse"])
def test_the_gradient_is_the_ratio_of_channel_and_estimate(csi: str, antennas: int) -> None:
    """x̂ = (h x + w) / ĥ is linear in x, and ĥ does not depend on it."""
    config = OfdmTdlConfig(csi=csi, antennas=antennas, pilot_symbols=(1, 5), **GRID)
    x = torch.ones(2, 30, dtype=torch.complex64, requires_grad=True)
    step = 2.0 - 1.0j

    def send(symbols: Tensor) -> Tensor:
        generator = Streams(16).torch("channel")
        return config.build(generator=generator).apply(symbols, torch.tensor([1.0, 100.0])).x

    (ratio,) = torch.autograd.grad(send(x).real.sum(), x)
    moved = send(x.detach() + step) - send(x.detach())
    torch.testing.assert_close(moved, step * ratio.conj(), rtol=1e-4, atol=1e-5)
    assert (ratio - 1).abs().max() > 0.01
