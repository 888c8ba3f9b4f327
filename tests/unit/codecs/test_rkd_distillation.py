"""RKD's two stages: losses by hand, what learns and what stays, what is refused."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from semsim.codecs.rkd_sc.config import CodecTeacher, RkdScConfig
from semsim.codecs.rkd_sc.distillation import RkdFeatures, RkdJoint
from semsim.codecs.rkd_sc.teachers import Teacher, teacher
from semsim.config import load
from semsim.errors import ScenarioError
from semsim.training.loop import Trainer
from semsim.training.recipe import Recipe
from semsim.training.run import train_recipe

STAGED = "{kind: staged, blocks: [1, 1, 1, 1], stem: pooled, positions: 1}"
COARSE = "{kind: transformer, patch: 16, width: 16, depth: 1, heads: 2, positions: 2}"
STUDENT = f"{{kind: rkd_sc, weights: random, model: {{encoder: {STAGED}, channel_coder: CODER}}}}"
TEACHER = "{kind: codec, weights: random}"
CAT = "{kind: cat, feed_forward: 32, compression: [0.9, 0.5]}"

FEATURES = f"""
name: first
objective: {{kind: rkd_features, teacher: {TEACHER}, codec: {STUDENT.replace("CODER", CAT)}}}
sources: [{{kind: scenes, size: 32}}]
batch: 4
steps: 2
evaluation: {{source: {{kind: scenes, size: 32}}, count: 4}}
"""


def sender(name: str, source: str, more: str = "", coder: str = CAT) -> str:
    return f"""
    - name: {name}
      codec: {STUDENT.replace("CODER", coder)}
      teacher: {TEACHER}
      source: {source}
      held_out: {source}
      {more}"""


SCENES = "{kind: scenes, size: 32}"
FASHION = "{kind: collection, name: fashion, split: test, size: 32}"


def joint(senders: str, extra: str = "") -> str:
    return f"""
name: second
names: {{clothes: second-clothes}}
objective:
  kind: rkd_joint
  {extra}
  senders: {senders}
link: {{channel: awgn, snr_db: {{low: 5, high: 20}}}}
batch: 4
steps: 2
evaluation: {{count: 4, snr_db: [10]}}
"""


TWO = sender("shapes", SCENES, "ratio: 0.9") + sender("clothes", FASHION, "ratio: 0.5")


def recipe(tmp_path: Path, text: str) -> Recipe:
    (tmp_path / "recipe.yaml").write_text(text)
    return load(tmp_path / "recipe.yaml", Recipe)


def test_a_teacher_gives_an_encoders_features_and_never_learns() -> None:
    torch.manual_seed(0)
    made = teacher(CodecTeacher(weights="random"))
    image = torch.rand(2, 3, 64, 64)
    assert made(image).shape == (2, 512)
    before = {name: value.clone() for name, value in made.state_dict().items()}
    made.train()
    features = made(image)
    assert not features.requires_grad
    assert all(torch.equal(before[name], value) for name, value in made.state_dict().items())
    assert not any(weight.requires_grad for weight in made.parameters())
    codec = RkdScConfig(weights="random").build()
    assert torch.equal(Teacher(codec.semantic_encoder)(image), codec.describe(image))


def test_the_first_stage_is_eq_23_and_moves_the_encoder_alone(tmp_path: Path) -> None:
    trainer = Trainer(recipe(tmp_path, FEATURES), tmp_path)
    algorithm = trainer.objective
    assert isinstance(algorithm, RkdFeatures)
    source = trainer.recipe.evaluation.source.build().take(4)
    (update,) = algorithm.updates(source, torch.Generator())
    sent, wanted = algorithm._codec.describe(source.image), algorithm._teacher(source.image)
    by_hand = torch.stack([(w - h).square().sum() / 512 for w, h in zip(wanted, sent, strict=True)])
    assert torch.allclose(update.loss, by_hand.mean(), rtol=1e-5)

    before = {name: value.clone() for name, value in algorithm._codec.named_parameters()}
    trainer.run()
    moved = {
        name.split(".")[0]
        for name, value in algorithm._codec.named_parameters()
        if not torch.equal(before[name], value)
    }
    assert moved == {"semantic_encoder"}


def test_explained_is_one_for_the_teacher_itself_and_nothing_for_its_mean(tmp_path: Path) -> None:
    algorithm = Trainer(recipe(tmp_path, FEATURES), tmp_path).objective
    source = recipe(tmp_path, FEATURES).evaluation.source.build().take(6)
    codec = algorithm._codec.eval().requires_grad_(False)
    algorithm._teacher = Teacher(copy.deepcopy(codec.semantic_encoder))
    assert algorithm.evaluate(source)["explained"] == pytest.approx(1.0)
    mean = codec.describe(source.image).mean(dim=0).detach()
    codec.describe = lambda image: mean.expand(len(image), -1)
    assert algorithm.evaluate(source)["explained"] == pytest.approx(0.0, abs=1e-4)


def test_the_second_stage_is_eq_26(tmp_path: Path) -> None:
    extra = "knowledge: 2\n  recovery: 3\n  task: 5"
    trainer = Trainer(recipe(tmp_path, joint(TWO, extra)), tmp_path)
    algorithm: Any = trainer.objective
    assert isinstance(algorithm, RkdJoint)
    for model in algorithm.models.values():
        model.eval()
    batch = algorithm.held_out(4)
    seen: list[Any] = []
    inner = algorithm._transmit

    def listening(codec: Any, source: Any, rate: Any) -> Any:
        seen.append((codec, source, rate, inner(codec, source, rate)))
        return seen[-1][3]

    algorithm._transmit = listening
    (update,) = algorithm.updates(batch, torch.Generator())
    assert [rate.name for _, _, rate, _ in seen] == ["ratio=0.9", "ratio=0.5"]
    expected = 0.0
    for made, (_, source, _, output) in zip(algorithm.senders, seen, strict=True):
        sent = algorithm._codec(made.name).describe(source.image)
        wanted = algorithm._teachers[made.name](source.image)
        expected += 2 * ((output.features - wanted).square().mean()).item()
        expected += 3 * ((output.features - sent).square().mean()).item()
        expected += 5 * F.cross_entropy(output.logits, source.label).item()
    assert float(update.loss.detach()) == pytest.approx(expected / 2, rel=1e-4)


def test_senders_leave_a_codec_each_that_hear_by_one_decoder(tmp_path: Path) -> None:
    made = recipe(tmp_path, joint(TWO))
    cards = train_recipe(made, tmp_path / "recipe.yaml", tmp_path, "cpu")
    assert [card["name"] for card in cards] == ["second", "second-clothes"]
    codecs = [
        RkdScConfig.model_validate({"weights": {"path": tmp_path / f"{card['name']}.safetensors"}})
        for card in cards
    ]
    one, other = (codec.build() for codec in codecs)
    for a, b in zip(
        one.channel_coder.decoder.parameters(),
        other.channel_coder.decoder.parameters(),
        strict=True,
    ):
        assert torch.equal(a, b)
    assert not torch.equal(one.semantic_decoder.weight, other.semantic_decoder.weight)
    assert set(cards[0]["figures"]) == {
        "held_out_accuracy at 10 dB",
        "held_out_shapes: accuracy at 10 dB",
        "held_out_clothes: accuracy at 10 dB",
    }


@pytest.mark.parametrize(
    ("senders", "message"),
    [
        (sender("a", SCENES) + sender("a", FASHION), "two senders have the same name"),
        (sender("a", SCENES, "ratio: 0.7"), "has the ratio 0.7, its channel coder 0.9, 0.5"),
        (sender("a", SCENES) + sender("b", SCENES, coder="{kind: dense}"), "one receiver"),
    ],
)
def test_senders_that_cannot_be_are_refused(tmp_path: Path, senders: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        Trainer(recipe(tmp_path, joint(senders)), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch: 4", f"sources: [{SCENES}]\nbatch: 4", "has data of its own: remove 'sources'"),
        ("{count: 4,", f"{{source: {SCENES}, count: 4,", "held-out data of its own"),
    ],
)
def test_data_twice_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        recipe(tmp_path, joint(TWO).replace(old, new))
