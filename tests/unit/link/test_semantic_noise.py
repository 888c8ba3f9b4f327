"""Noise on the source image: its power, its independence, and what it leaves alone."""

import math

import pytest
import torch
from pydantic import ValidationError

from semsim.link.semantic_noise import SemanticNoise
from semsim.link.stages import SemanticNoiseConfig
from semsim.types import Source

SIZE = 128
VALUES = 3 * SIZE * SIZE


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grey(*levels: float) -> Source:
    """Images of one level each, with a slight pattern."""
    pattern = 0.02 * torch.rand(len(levels), 3, SIZE, SIZE, generator=seeded())
    image = torch.tensor(levels).view(-1, 1, 1, 1) + pattern
    count = len(levels)
    return Source(
        image,
        torch.arange(count),
        tuple(f"caption {i}" for i in range(count)),
        tuple(f"name {i}" for i in range(count)),
    )


def noisy(source: Source, snr_db: float, seed: int = 5) -> Source:
    return SemanticNoise(SemanticNoiseConfig(snr_db=snr_db)).apply(source, seeded(seed))


@pytest.mark.parametrize("snr_db", [20.0, 30.0])
def test_each_image_has_its_own_noise_power(snr_db: float) -> None:
    source = grey(0.3, 0.45, 0.6)  # five deviations and more from black and white: no clipping
    noise = noisy(source, snr_db).image - source.image
    power = source.image.square().mean(dim=(1, 2, 3))
    snr = power / noise.square().mean(dim=(1, 2, 3))
    # w² has mean σ² and variance 2 σ⁴: a relative standard error of √(2/m).
    tolerance = 5 * math.sqrt(2 / VALUES)
    assert ((snr / 10 ** (snr_db / 10) - 1).abs() < tolerance).all()
    assert (
        noise.mean(dim=(1, 2, 3)).abs() < 5 * (power / 10 ** (snr_db / 10) / VALUES).sqrt()
    ).all()


def test_the_noise_is_gaussian_and_white() -> None:
    source = grey(0.5)
    noise = (noisy(source, 20.0).image - source.image)[0]
    z = noise / noise.std()
    # Sample skewness and kurtosis of m normal values have variances 6/m and 24/m; the
    # correlation of neighbours and of colours has variance 1/m.
    assert z.pow(3).mean().abs() < 5 * math.sqrt(6 / VALUES)
    assert (z.pow(4).mean() - 3).abs() < 5 * math.sqrt(24 / VALUES)
    for a, b in ((z[:, 1:], z[:, :-1]), (z[..., 1:], z[..., :-1]), (z[1:], z[:-1])):
        assert (a * b).mean().abs() < 5 / math.sqrt(a.numel())


def test_images_have_independent_noise() -> None:
    source = grey(0.5, 0.5)
    one, two = (noisy(source, 20.0).image - source.image).flatten(1)
    correlation = (one * two).mean() / (one.std() * two.std())
    assert correlation.abs() < 5 / math.sqrt(VALUES)


def test_values_stay_in_range() -> None:
    source = grey(0.0, 0.5, 0.98)
    image = noisy(source, 0.0).image
    assert image.min() == 0
    assert image.max() == 1
    # The images themselves: 0 dB noise on mid grey clips about a third of the values.
    clipped = ((image[1] == 0) | (image[1] == 1)).float().mean()
    level = 0.51
    expected = (math.erfc(0.49 / level / 2**0.5) + math.erfc(1 / 2**0.5)) / 2
    assert clipped.item() == pytest.approx(expected, abs=0.01)


def test_a_black_image_stays_black() -> None:
    black = Source(torch.zeros(1, 3, 8, 8))
    assert torch.equal(noisy(black, 10.0).image, black.image)


def test_the_original_and_all_else_stay() -> None:
    source = grey(0.3, 0.5)
    before = source.image.clone()
    after = noisy(source, 10.0)
    assert torch.equal(source.image, before)
    assert not torch.equal(after.image, before)
    assert after.image.dtype == before.dtype
    assert after.label is source.label
    assert after.caption == source.caption
    assert after.name == source.name


def test_equal_generators_give_equal_noise() -> None:
    source = grey(0.4, 0.6)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    assert torch.equal(noisy(source, 10.0).image, noisy(source, 10.0).image)
    assert not torch.equal(noisy(source, 10.0).image, noisy(source, 10.0, seed=6).image)
    assert torch.equal(torch.get_rng_state(), state)
    generator = seeded()
    noise = SemanticNoise(SemanticNoiseConfig(snr_db=10.0))
    first, second = noise.apply(source, generator), noise.apply(source, generator)
    assert not torch.equal(first.image, second.image)


def test_gradients_reach_the_clean_image() -> None:
    source = grey(0.5)
    source.image.requires_grad_()
    noisy(source, 30.0).image.sum().backward()
    # The noise scales with the image, but has mean zero: the gradient is one on average.
    assert source.image.grad.mean().item() == pytest.approx(1, abs=0.01)


def test_a_generator_elsewhere_is_refused() -> None:
    source = Source(torch.zeros(1, 3, 8, 8, device="meta"))
    with pytest.raises(ValueError, match=r"generator is on cpu, the images on meta.*Generator\("):
        noisy(source, 10.0)


@pytest.mark.parametrize(
    "wrong", [{}, {"snr_db": float("inf")}, {"snr_db": 10.0, "kind": "masked"}, {"snr": 10.0}]
)
def test_configuration_refuses_nonsense(wrong) -> None:
    with pytest.raises(ValidationError):
        SemanticNoiseConfig(**wrong)


@pytest.mark.gpu
def test_noise_on_cuda() -> None:
    source = grey(0.4).to("cuda")
    noise = SemanticNoise(SemanticNoiseConfig(snr_db=10.0))
    one, two = (noise.apply(source, torch.Generator("cuda").manual_seed(1)).image for _ in range(2))
    assert one.is_cuda
    assert torch.equal(one, two)
