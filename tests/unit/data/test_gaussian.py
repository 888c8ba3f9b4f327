"""Gaussian images have the covariance that they claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from semsim import load_source
from semsim.data.config import GaussianConfig
from semsim.data.gaussian import Gaussian, correlations


def test_images_are_in_range_and_always_the_same() -> None:
    source = load_source({"kind": "gaussian", "size": 24})
    images = source.take(3)
    assert images.image.shape == (3, 3, 24, 24)
    assert images.image.dtype == torch.float32
    assert images.image.min() >= 0
    assert images.image.max() <= 1
    assert images.name == ("gaussian/0", "gaussian/1", "gaussian/2")
    torch.testing.assert_close(source.take(5).image[:3], images.image, rtol=0, atol=0)
    assert not torch.equal(source.sample(3, np.random.default_rng(1)).image, images.image)
    # Not rounded to 8 bit.
    assert ((images.image * 255).frac() != 0).float().mean() > 0.9


def test_draws_follow_the_generator() -> None:
    source = Gaussian(GaussianConfig(size=8))
    first, again, other = (
        source.sample(2, np.random.default_rng(seed)).image for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    with pytest.raises(ValueError, match="positive"):
        source.take(0)


def test_sample_covariance_is_the_kronecker_product() -> None:
    config = GaussianConfig(size=8, rho=0.9, colour_correlation=0.5, std=0.08)
    count = 20_000
    images = Gaussian(config).sample(count, np.random.default_rng(3)).image.double().numpy()
    values = images.reshape(count, -1) - 0.5
    found = values.T @ values / count
    colours, rows, columns = correlations((3, 8, 8), 0.9, 0.5)
    exact = 0.08**2 * np.kron(np.kron(colours, rows), columns)
    # Each entry is a mean over images of variance (1 + r²)·std⁴; 192² entries: six deviations.
    tolerance = 6 * 0.08**2 * math.sqrt(2 / count)
    np.testing.assert_allclose(found, exact, atol=tolerance)
    mean = values.mean()
    assert abs(mean) < 5 * 0.08 / math.sqrt(count)


def test_variances_are_the_eigenvalues_of_the_covariance() -> None:
    source = Gaussian(GaussianConfig(size=8, rho=0.9, colour_correlation=0.5, std=0.05))
    colours, rows, columns = correlations((3, 8, 8), 0.9, 0.5)
    whole = 0.05**2 * np.kron(np.kron(colours, rows), columns)
    np.testing.assert_allclose(
        np.sort(source.variances), np.linalg.eigvalsh(whole), rtol=1e-8, atol=1e-12
    )
    assert source.variances.mean() == pytest.approx(0.05**2)
    white = Gaussian(GaussianConfig(size=8, rho=0, colour_correlation=0))
    np.testing.assert_allclose(white.variances, 0.01)


def test_clipping_is_as_rare_as_said() -> None:
    images = Gaussian(GaussianConfig(size=64, rho=0, colour_correlation=0)).take(200).image
    clipped = int(((images == 0) | (images == 1)).sum())
    # 2.46 million values beyond five sigma with probability 5.7e-7: Poisson of mean 1.4.
    assert clipped <= 10


@pytest.mark.parametrize("options", [{"rho": 1.0}, {"std": 0.2}, {"size": 4}, {"sigma": 1}])
def test_bad_options(options: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        GaussianConfig.model_validate(options)
