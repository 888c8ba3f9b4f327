"""DeepJSCC starts as the linear code that it says it starts as."""

import numpy as np
import pytest
import torch

from semsim.codecs.jscc import block_start
from semsim.codecs.jscc.config import DeepJsccConfig
from semsim.codecs.jscc.deepjscc import DeepJscc

#: 4×4 blocks that follow the model of the start, and nothing else.
_BLOCKS = 4000


def covariance() -> np.ndarray:
    places = np.arange(4)
    line = 0.95 ** np.abs(places[:, None] - places[None, :])
    colours = 0.9 * np.ones((3, 3)) + 0.1 * np.eye(3)
    return np.kron(colours, np.kron(line, line))


def blocks(seed: int) -> torch.Tensor:
    values = np.random.default_rng(seed).multivariate_normal(np.zeros(48), covariance(), _BLOCKS)
    return torch.tensor(values, dtype=torch.float32).view(_BLOCKS, 3, 4, 4)


def start(monkeypatch: pytest.MonkeyPatch, random: float, **model: object) -> DeepJscc:
    monkeypatch.setattr(block_start, "_RANDOM", random)
    torch.manual_seed(0)
    codec: DeepJscc = DeepJsccConfig(weights="random", model=model).build()
    return codec.eval()


@torch.no_grad()
def distortion(codec: DeepJscc, noise: float, seed: int = 1) -> float:
    """Mean squared error a value before the sigmoid, with noise of ``noise`` on unit power."""
    image = blocks(seed)
    sent = codec.encoder(image)
    scale = sent.square().mean().sqrt()
    noisy = sent + noise**0.5 * scale * torch.randn(
        sent.shape, generator=torch.Generator().manual_seed(seed)
    )
    restored = codec.decoder[:-1](noisy) / 1.35
    return float((restored - image).square().mean())


@pytest.mark.parametrize(("cbr", "count"), [("1/6", 16), ("1/12", 8)])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_the_distortion_is_that_of_the_linear_code(
    monkeypatch: pytest.MonkeyPatch, cbr: str, count: int, noise: float
) -> None:
    """Gains λ^(-1/4) at unit power, decoder gains for noise of 1/10: all in closed form."""
    lam = np.sort(np.linalg.eigvalsh(covariance()))[::-1]
    gain_squared = lam[:count] ** -0.5
    gain_squared *= count / (gain_squared * lam[:count]).sum()
    power = gain_squared * lam[:count]
    back = power / (power + 0.1)
    kept = (lam[:count] * (1 - back) ** 2 + noise * back**2 / gain_squared).sum()
    expected = (kept + lam[count:].sum()) / 48
    codec = start(monkeypatch, 0.0, cbr=cbr, filters=(12, 48, 48, 48))
    # Independent blocks; the largest of 48 energies dominates: its χ² has a deviation of √(2/N).
    assert distortion(codec, noise) == pytest.approx(expected, rel=5 * (2 / _BLOCKS) ** 0.5)


def test_the_random_part_breaks_symmetry_and_disturbs_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = block_start._RANDOM
    exact = start(monkeypatch, 0.0, cbr="1/6", filters=(64, 64, 64, 64))
    disturbed = start(monkeypatch, usual, cbr="1/6", filters=(64, 64, 64, 64))
    assert distortion(disturbed, 0.1) < 2 * distortion(exact, 0.1)
    spare = disturbed.encoder[2].weight[48:]
    assert spare.std() > 0
    assert len(torch.unique(spare.flatten(1), dim=0)) == len(spare)


@pytest.mark.parametrize("filters", [(16, 32, 32, 32), (8, 8, 8, 8), (4, 12, 6, 20)])
def test_few_filters_take_what_fits(
    monkeypatch: pytest.MonkeyPatch, filters: tuple[int, ...]
) -> None:
    codec = start(monkeypatch, 0.0, cbr="1/6", filters=filters)
    energy = np.trace(covariance()) / 48
    assert distortion(codec, 0.1) < 0.2 * energy
