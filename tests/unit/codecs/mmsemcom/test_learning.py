"""How features learn: what they should be like, and that all of them do learn."""

from __future__ import annotations

import pytest
import torch

from semsim.channels.config import AwgnConfig
from semsim.codecs.mmsemcom.config import FeaturesObjectiveConfig
from semsim.codecs.mmsemcom.learning import MmsemcomFeatures, contrast, likeness
from semsim.errors import ScenarioError
from semsim.rng import Streams
from semsim.training.recipe import LinkSettings
from semsim.training.transmission import Transmission
from semsim.types import Source
from tests.unit.codecs.mmsemcom.conftest import MODEL

LABEL = torch.tensor([0, 0, 0, 1, 1, 2])


def test_likeness_is_of_others_of_the_same_class() -> None:
    image = torch.rand(6, 3, 4, 4)
    found = likeness(image, LABEL, 0.05)
    error = (image[0] - image[1:3]).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(found[0, 1:3], (-error / 0.05).softmax(dim=0))
    assert found[3].tolist() == [0, 0, 0, 0, 1, 0]
    torch.testing.assert_close(found.sum(dim=1), torch.tensor([1.0, 1, 1, 1, 1, 0]))
    assert float(found.diagonal().abs().sum()) == 0


def test_no_features_do_better_than_the_entropy_of_likeness() -> None:
    """Gibbs: a cross-entropy is least where both laws agree, and then the entropy."""
    label = torch.zeros(8, dtype=torch.long)
    wanted = likeness(torch.rand(8, 3, 4, 4), label, 0.05)
    entropy = -(wanted * wanted.clamp_min(1e-30).log()).sum(dim=1).mean()
    values = torch.randn(8, 4, requires_grad=True)
    optimizer = torch.optim.Adam([values], lr=0.05)
    first = float(contrast(values, values, wanted, label, 0.5).detach())
    for _ in range(200):
        optimizer.zero_grad()
        loss = contrast(values, values, wanted, label, 0.5)
        loss.backward()
        optimizer.step()
    assert float(entropy) <= float(loss.detach()) < first


def _objective() -> MmsemcomFeatures:
    transmit = Transmission(LinkSettings(channel=AwgnConfig(), snr_db=10))
    transmit.seed(Streams(0))
    return MmsemcomFeatures(FeaturesObjectiveConfig(model=MODEL), transmit)


def _source() -> Source:
    captions = ("a red bag", "a blue shoe") * 4
    return Source(torch.rand(8, 3, 8, 8), torch.tensor([0, 1] * 4), captions)


def test_every_part_learns() -> None:
    objective = _objective()
    torch.manual_seed(0)
    (update,) = objective.updates(_source(), torch.Generator().manual_seed(0))
    update.loss.backward()
    for name, weight in objective.models["features"].named_parameters():
        assert weight.grad is not None, name
    assert set(update.figures) == {"image", "fused", "clip"}


def test_held_out_figures_lie_between_the_worst_and_the_best() -> None:
    objective = _objective()
    objective.models["features"].eval()
    figures = objective.evaluate(_source())
    assert figures["best_db"] >= max(figures["fused_db"], figures["image_db"])
    assert figures["best_db"] >= figures["random_db"]
    assert 0 <= figures["prompts"] <= 1


def test_captions_are_needed() -> None:
    with pytest.raises(ScenarioError, match="no captions"):
        next(_objective().updates(Source(torch.rand(2, 3, 8, 8)), torch.Generator()))
