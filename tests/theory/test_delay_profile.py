"""Power-delay profiles of TDL and CDL as they show over the subcarriers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from semsim.channels.config import (
    AwgnConfig,
    OfdmCdlConfig,
    OfdmConfig,
    OfdmTdlConfig,
)
from semsim.channels.sionna_rng import phy
from semsim.rng import Streams

IMAGES = 8000
DELAY_SPREAD_S = 300e-9


def responses(config: OfdmConfig, images: int) -> Tensor:
    """h of the first OFDM symbol, ``[images, subcarriers]``: zeros arrive as w/h, w is known."""
    x = torch.zeros(images, config.subcarriers, dtype=torch.complex64)
    snr = torch.ones(images)
    seed = Streams(10).child(config.kind)
    noise = AwgnConfig().build(generator=seed.torch("all")).apply(x, snr).x
    return noise / config.build(generator=seed.torch("all")).apply(x, snr).x


@pytest.mark.parametrize("model", ["A", "B", "C"])
@pytest.mark.parametrize(("kind", "images"), [(OfdmTdlConfig, IMAGES), (OfdmCdlConfig, 2000)])
def test_rms_delay_spread_is_the_configured_one(kind, images: int, model: str) -> None:
    """Two subcarriers Δ apart correlate by |R|² = 1 - (2π Δ σ)² + …, σ the RMS delay spread."""
    step = 0.1
    config = kind(
        model=model,
        delay_spread_s=DELAY_SPREAD_S,
        subcarriers=2,
        subcarrier_spacing_hz=step / (2 * math.pi * DELAY_SPREAD_S),
    )
    one, two = responses(config, images).to(torch.complex128).T
    power = one.abs().square().mean() * two.abs().square().mean()
    left = 1 - float((one * two.conj()).mean().abs().square() / power)
    spread = math.sqrt(left) / step
    # What is left of one response after the other is explained is a mean over images of a power:
    # relative error 1/√images and a little more for the heavy tail, half of it in its root. The
    # next term of the series takes (2πΔσ)²·κ/24 with a kurtosis κ of the profiles below 15.
    assert spread == pytest.approx(1, abs=5 * 0.75 / math.sqrt(images) + step**2 * 15 / 24)


@pytest.mark.parametrize("model", ["A", "B", "C", "D", "E"])
def test_subcarriers_correlate_as_the_profile_says(model: str) -> None:
    """Against Sionna's own sum over the profile, which has unit power."""
    config = OfdmTdlConfig(
        model=model, delay_spread_s=DELAY_SPREAD_S, subcarriers=16, subcarrier_spacing_hz=120e3
    )
    h = responses(config, IMAGES)
    found = torch.einsum("bf,bg->fg", h, h.conj()) / IMAGES
    expected = phy.ofdm.tdl_freq_cov_mat(model, 120e3, 16, DELAY_SPREAD_S, device="cpu")
    torch.testing.assert_close(expected.diagonal().real, torch.ones(16))
    # Products of two unit-power Gaussians have variance 1: five standard errors.
    assert float((found - expected).abs().max()) < 5 / math.sqrt(IMAGES)


@pytest.mark.parametrize("model", ["A", "D"])
def test_clusters_correlate_as_the_profile_says(model: str) -> None:
    """TDL and CDL of a letter have other tables, so this sums CDL's own."""
    config = OfdmCdlConfig(
        model=model, delay_spread_s=DELAY_SPREAD_S, subcarriers=16, subcarrier_spacing_hz=120e3
    )
    images = 3000
    h = responses(config, images)
    table = phy.channel.tr38901.models.load_json(
        phy.channel.tr38901.models.parameter_file(f"CDL-{model}.json", "19.2")
    )
    powers = torch.tensor(table["powers"], dtype=torch.float64).mul(math.log(10) / 10).exp()
    delays = torch.tensor(table["delays"], dtype=torch.float64) * DELAY_SPREAD_S
    turns = 2 * math.pi * 120e3 * torch.outer(torch.arange(16, dtype=torch.float64), delays)
    expected = torch.polar(powers / powers.sum(), -turns).sum(dim=1)  # lag f - 0
    found = (h * h[:, :1].conj()).mean(dim=0)
    assert float((found - expected).abs().max()) < 5 / math.sqrt(images)
