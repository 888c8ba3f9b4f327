"""The objective ``classification``."""

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from semsim.config import load
from semsim.errors import ScenarioError
from semsim.rng import Streams
from semsim.training.loop import Mixture, Trainer, train
from semsim.training.recipe import LinkSettings, Recipe
from semsim.training.transmission import Transmission
from semsim.types import BitPayload, Csi, ImageShape, Output, Rate, ReceivedBits, Source
from semsim.units import db_to_linear

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


class Bits:
    """A codec that sends random bits and delivers where they arrived wrong."""

    config = None

    def __init__(self) -> None:
        self.bits = torch.randint(2, (50, 4000), generator=torch.Generator().manual_seed(0))

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        return (Rate("bits", shape, "bits", 4000, 0.1),)

    def encode(self, source: Source, csi: Csi, rate: Rate) -> BitPayload:
        return BitPayload(self.bits.to(torch.uint8))

    def decode(self, received: ReceivedBits, csi: Csi, rate: Rate) -> Output:
        return Output(features=(received.bits != self.bits).float())


def test_bits_travel_by_the_modem_of_the_recipe() -> None:
    def error_rate(**fields: object) -> float:
        link = LinkSettings.model_validate({"channel": {"kind": "awgn"}, "snr_db": 12, **fields})
        transmit = Transmission(link)
        transmit.seed(Streams(0))
        return float(transmit(Bits(), Source(torch.zeros(50, 3, 8, 8))).features.mean())

    def tail(x: float) -> float:
        return 0.5 * math.erfc(x / math.sqrt(2.0))

    # Gray-coded 16-QAM (Cho and Yoon 2002) with levels ±1 and ±3 over √10.
    step = math.sqrt(db_to_linear(12.0) / 5)
    theory = 0.75 * tail(step) + 0.5 * tail(3 * step) - 0.25 * tail(5 * step)
    # Four standard deviations of 200,000 bits, pairs of which share a noise: 4·√(2p/n).
    within = 4 * math.sqrt(2 * theory / 200_000)
    bare = error_rate(modem={"modulation": "16qam", "coding": "none"})
    assert bare == pytest.approx(theory, abs=within)
    assert error_rate() == 0.0
