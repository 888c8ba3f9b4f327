"""The objective ``classification``."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from semsim.config import load
from semsim.errors import ScenarioError
from semsim.training.loop import Mixture, Trainer, train
from semsim.training.recipe import Recipe
from semsim.types import Output, Source

TEXT = """
name: classes
objective:
  kind: classification
  codec:
    kind: rkd_sc
    weights: random
    model:
      classes: 10
      encoder: {kind: transformer, patch: 8, width: 32, depth: 1, heads: 2, positions: 4}
      channel_coder: {kind: dense}
link: {channel: awgn, snr_db: 20}
sources: [{kind: collection, name: fashion, split: train, size: 32}]
batch: 32
steps: 60
optimizer: {learning_rate: 2.0e-3, warmup_steps: 5, average: 0.9}
evaluation:
  source: {kind: collection, name: fashion, split: test, size: 32}
  count: 200
  snr_db: [20]
"""


def recipe(tmp_path: Path, text: str = TEXT) -> Recipe:
    (tmp_path / "recipe.yaml").write_text(text)
    return load(tmp_path / "recipe.yaml", Recipe)


def test_classes_are_learnt(tmp_path: Path) -> None:
    figures = train(recipe(tmp_path), tmp_path).figures
    # Guessing gets 0.1, and more than 0.2 of 200 with a probability under 1e-4.
    assert figures["accuracy at 20 dB"] > 0.4


def test_the_loss_is_the_cross_entropy_of_what_arrived(tmp_path: Path) -> None:
    algorithm = Trainer(recipe(tmp_path), tmp_path).objective
    logits, label = torch.randn(5, 10), torch.arange(5)
    loss = algorithm._loss(Output(logits=logits), Source(torch.rand(5, 3, 8, 8), label))
    by_hand = -logits.log_softmax(dim=1)[torch.arange(5), label].mean()
    assert torch.allclose(loss, by_hand)
    assert torch.allclose(loss, F.cross_entropy(logits, label))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{kind: collection, name: fashion, split: train, size: 32}", "{kind: photos, size: 32}",
         "no classes to learn"),
        ("classes: 10", "classes: 5", "tells 5 classes apart"),
    ],
)  # fmt: skip
def test_sources_that_do_not_fit(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        train(recipe(tmp_path, TEXT.replace(old, new)), tmp_path)


def test_codecs_of_images_are_refused(tmp_path: Path) -> None:
    i, j = TEXT.index("  codec:"), TEXT.index("link:")
    text = TEXT[:i] + "  codec: {kind: deepjscc, weights: random}\n" + TEXT[j:]
    with pytest.raises(ScenarioError, match="'deepjscc' delivers no classes"):
        train(recipe(tmp_path, text), tmp_path)


@pytest.mark.parametrize(
    ("old", "new"), [("sources: [", "sources: []\n#"), ("source:", "#source:")]
)
def test_data_must_be_named(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(ScenarioError, match=r"source.*missing"):
        recipe(tmp_path, TEXT.replace(old, new))


def test_batches_of_several_sources_keep_what_all_have(tmp_path: Path) -> None:
    import numpy as np

    made = recipe(tmp_path, TEXT.replace("sources: [", "sources: [{kind: scenes, size: 32}, "))
    scenes, clothes = (source.build() for source in made.sources)
    rng = np.random.default_rng(0)
    both = Mixture([scenes, clothes]).sample(40, rng)
    assert both.label is not None
    assert both.label.shape == (40,)
    assert both.caption is None
    alone = Mixture([scenes, scenes]).sample(8, rng)
    assert alone.caption is not None
    assert len(alone.caption) == len(alone.name) == 8
