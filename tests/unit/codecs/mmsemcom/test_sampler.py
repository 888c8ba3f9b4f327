"""The class-conditional diffusion model: its size, its loss, and what it learns."""

from __future__ import annotations

import math

import pytest
import torch

from semsim.codecs.mmsemcom.sampler import ClassDenoising, ClassDiffusion, ClassUnet
from semsim.codecs.mmsemcom.sampler_config import (
    ClassDenoisingConfig,
    ClassDiffusionConfig,
    ClassUnetModel,
)
from semsim.errors import ScenarioError
from semsim.types import Source

TINY = ClassUnetModel(size=8, channels=(8, 8), layers=1, attention=1, groups=4, head_width=4)


def test_the_paper_size_has_as_many_parameters_as_the_paper_states() -> None:
    with torch.device("meta"):
        network = ClassUnet(ClassUnetModel())
    count = sum(weight.numel() for weight in network.parameters())
    assert count == pytest.approx(7.71e6, rel=0.05)
    assert len(network.unet.down_blocks) == 4
    assert all(len(block.resnets) == 2 for block in network.unet.down_blocks)


def test_the_loss_of_who_finds_nothing_is_that_of_the_noise() -> None:
    """E|z| = √(2/π) and E z² = 1 for z ~ N(0, 1), where the network answers 0."""

    class Silent(ClassUnet):
        def forward(self, noisy: torch.Tensor, when: torch.Tensor, label: torch.Tensor):
            return torch.zeros_like(noisy)

    images = torch.rand(400, 3, 8, 8)
    label = torch.zeros(400, dtype=torch.long)
    loss = float(Silent(TINY).loss(images, label, torch.Generator().manual_seed(0)))
    spread = math.sqrt(2.0 / images.numel())  # of the mean of z², the greater part of it
    assert loss == pytest.approx(0.5 * math.sqrt(2 / math.pi) + 0.5, abs=5 * spread)


class Known(torch.nn.Module):
    """Tells the noise exactly, where every image of class c is one grey g_c."""

    def __init__(self, network: ClassUnet, greys: torch.Tensor) -> None:
        super().__init__()
        self.model, self._greys = network.model, greys
        self._kept = network.noise_schedule.alphas_cumprod

    def forward(self, noisy: torch.Tensor, when: torch.Tensor, label: torch.Tensor):
        kept = self._kept[when].view(-1, 1, 1, 1)
        image = (2 * self._greys[label] - 1).view(-1, 1, 1, 1)
        return (noisy - kept.sqrt() * image) / (1 - kept).sqrt()


def test_sampling_with_the_exact_noise_draws_the_exact_images() -> None:
    config = ClassDiffusionConfig(weights="random", model=TINY, steps=40)
    sampler = ClassDiffusion(config)
    greys = torch.tensor([0.2, 0.7])
    sampler.network = Known(sampler.network, greys)
    label = torch.tensor([0, 1, 1])
    drawn = sampler.draw(label, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        drawn, greys[label].view(-1, 1, 1, 1).expand_as(drawn), atol=2e-3, rtol=0
    )


def test_images_follow_the_generator_alone() -> None:
    sampler = ClassDiffusion(ClassDiffusionConfig(weights="random", model=TINY, steps=3))
    label = torch.tensor([0, 1])
    one, same, other = (
        sampler.draw(label, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        sampler.draw(torch.tensor([2]), torch.Generator())


def test_the_objective_reaches_every_weight() -> None:
    objective = ClassDenoising(ClassDenoisingConfig(model=TINY))
    source = Source(torch.rand(4, 3, 8, 8), torch.tensor([0, 1, 0, 1]))
    (update,) = objective.updates(source, torch.Generator().manual_seed(0))
    update.loss.backward()
    for name, weight in objective.models["sampler"].named_parameters():
        assert weight.grad is not None, name


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (Source(torch.rand(1, 3, 8, 8)), "no classes"),
        (Source(torch.rand(1, 3, 8, 8), torch.tensor([2])), "at least 3"),
        (Source(torch.rand(1, 3, 16, 16), torch.tensor([0])), "16×16"),
    ],
)
def test_sources_that_do_not_fit_are_refused(source: Source, told: str) -> None:
    objective = ClassDenoising(ClassDenoisingConfig(model=TINY))
    with pytest.raises(ScenarioError, match=told):
        next(objective.updates(source, torch.Generator()))
