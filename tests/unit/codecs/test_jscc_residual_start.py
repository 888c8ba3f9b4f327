"""ADJSCC-V starts as the linear code that it says it starts as, cut anywhere."""

import numpy as np
import pytest
import torch

from semsim.codecs.jscc import residual_start
from semsim.codecs.jscc.adjscc_v import AdjsccV
from semsim.codecs.jscc.config import AdjsccVConfig
from semsim.types import Csi

_BLOCKS = 4000


def covariance() -> np.ndarray:
    places = np.arange(4)
    line = 0.95 ** np.abs(places[:, None] - places[None, :])
    colours = 0.9 * np.ones((3, 3)) + 0.1 * np.eye(3)
    return np.kron(colours, np.kron(line, line))


@pytest.fixture
def codec(monkeypatch: pytest.MonkeyPatch) -> AdjsccV:
    """The start without anything random, and without GDN."""
    monkeypatch.setattr(residual_start, "_RANDOM", 0.0)
    monkeypatch.setattr(residual_start, "_ROOT_GAMMA", 0.0)
    model = {"filters": 48, "channels": 48, "shortest": 4, "step": 4}
    built: AdjsccV = AdjsccVConfig(weights="random", model=model).build()
    for part in built.modules():
        if type(part).__name__ == "Gdn":
            part.root_gamma.data.zero_()
    return built.eval()


@torch.no_grad()
@pytest.mark.parametrize("count", [4, 16, 48])
def test_the_distortion_is_that_of_the_linear_code_cut_there(codec: AdjsccV, count: int) -> None:
    """Unit power over all 48 channels, gains λ^(-1/4), decoder gains for noise of 1/10."""
    lam = np.sort(np.linalg.eigvalsh(covariance()))[::-1]
    power = lam**0.5 / (lam**0.5).mean()
    back = power / (power + 0.1)
    expected = ((lam * (1 - back) ** 2)[:count].sum() + lam[count:].sum()) / 48

    values = np.random.default_rng(1).multivariate_normal(np.zeros(48), covariance(), _BLOCKS)
    # The networks centre pixels: 0.5 + 0.25 z.
    image = torch.tensor(values, dtype=torch.float32).view(_BLOCKS, 3, 4, 4)
    csi = Csi(torch.full((_BLOCKS,), 10.0))
    rate = next(r for r in codec.rates((3, 4, 4)) if r.name == f"c={count}")
    code = codec.features(0.5 + 0.25 * image, csi, codec.rates((3, 4, 4))[-1])
    code = code / torch.sigmoid(torch.tensor(2.0)) ** 5  # five attentions, wide open
    restored = codec.restore(code[:, :count], csi, rate)
    linear = torch.logit(restored) / 1.35
    found = (linear - image).square().mean(dim=(1, 2, 3))
    # Three standard errors of the mean over the blocks.
    error = 3 * float(found.std()) / _BLOCKS**0.5
    assert float(found.mean()) == pytest.approx(expected, abs=error + 0.01 * expected)


def test_a_random_part_is_left_in_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    codec: AdjsccV = AdjsccVConfig(
        weights="random", model={"filters": 48, "channels": 48, "shortest": 4, "step": 4}
    ).build()
    codec.requires_grad_(False)
    for block in (*codec.encoder, *codec.decoder):
        assert float(block.conv.weight.std()) > 0
        assert float(block.mix.weight.flatten(1).std(dim=1).min()) > 0
