"""VLM-CSC's Fig. 7 and 10: SSQ by hand, what is kept, and the whole with tiny networks."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from semsim.config import load
from semsim.data.scene_grammar import SHAPES
from semsim.experiments import classifier
from semsim.experiments.catalogue import find
from semsim.experiments.definition import Setting
from semsim.experiments.run import reproduce, tables
from semsim.experiments.vlm_csc import fig7, fig9, fig10, images, ssq, texts
from semsim.shortcuts import load_codec, load_source
from semsim.training.recipe import Recipe

SMALL = {"size": 32, "patch": 8, "width": 16, "heads": 2, "image_layers": 1, "text_layers": 1}
_MODEL = {"width": 8, "heads": 2, "layers": 1, "feed_forward": 8, "channel": [8, 8]}


def _rows(right: dict[str, list[int]], before: list[int], snr_db: float = 0.0) -> pd.DataFrame:
    made = [
        pd.DataFrame({"right": seen, "right_sent": before, "image": range(len(seen))}).assign(
            system=system, snr_db=snr_db, channel_uses=27.0, cbr=27 / 3072
        )
        for system, seen in right.items()
    ]
    return pd.concat(made).astype({"right": bool, "right_sent": bool})


def test_ssq_is_a_ratio_of_accuracies() -> None:
    found = ssq.ssq(_rows({"a": [1, 1, 0, 0, 0]}, [1, 1, 1, 1, 0])).iloc[0]
    # Wilson's interval of 2 out of 5 is 0.118 to 0.769; the accuracy before is 0.8.
    assert found["ssq"] == pytest.approx(0.5)
    assert tuple(found[["low", "high"]]) == pytest.approx((0.118 / 0.8, 0.769 / 0.8), abs=2e-3)
    assert found["channel_uses"] == 27.0


def test_leads_and_falls_are_of_the_same_images() -> None:
    rows = _rows({"a": [1, 1, 0, 1], "b": [1, 0, 0, 1]}, [1, 1, 1, 1])
    # The differences are 0, 1, 0, 0: a standard deviation of 1/2, and t = 3.182 of 3 degrees.
    expected = (0.25, 3.1824 * 0.5 / 2)
    assert tuple(ssq.leads(rows, "a", "b").loc[0.0]) == pytest.approx(expected, rel=1e-3)
    assert ssq.led(rows, "a", "b", [0]).outcome == "cannot be told at this scale"
    worse = _rows({"a": [1, 0, 0, 1]}, [1, 1, 1, 1], snr_db=-5.0)
    both = pd.concat([rows, worse])
    assert ssq.fall(both, "a", 0.0, -5.0) == pytest.approx(expected, rel=1e-3)


def test_a_classifier_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(classifier, "_STEPS", {"small": 2})
    setting = Setting(keep=tmp_path)
    scenes = load_source(images.SCENES).take(20)
    first = classifier.learn(scenes, "scenes", setting)

    def again(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(classifier, "_train", again)
    second = classifier.learn(scenes, "scenes", setting)
    assert scenes.label is not None
    assert torch.equal(*(one.right(scenes.image, scenes.label) for one in (first, second)))
    with pytest.raises(AssertionError):
        classifier.learn(scenes.select([0, 1, 2]), "others", setting)


@pytest.mark.slow
def test_the_classifier_sees_shapes_of_clean_scenes(tmp_path: Path) -> None:
    source = load_source(images.SCENES)
    train = source.sample(4000, np.random.default_rng(10))
    judge = classifier.learn(train, "scenes", Setting(keep=tmp_path))
    held_out = source.take(500)
    assert held_out.label is not None
    assert set(held_out.label.tolist()) == set(range(len(SHAPES)))
    # Measured on 1,000: 98.8 %; three standard errors of 500 are 1.5 %.
    assert judge.right(held_out.image, held_out.label).double().mean() > 0.97


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Few images, one step of everything."""
    monkeypatch.setattr(images, "PAINTER", {**images.PAINTER, "steps": 1, "guidance": 1.0})
    monkeypatch.setattr(images, "_TRAINED_ON", {"small": 40})
    monkeypatch.setattr(classifier, "_STEPS", {"small": 2})
    whole = texts.training

    def tiny(link: Any, steps: int, model: dict[str, Any]) -> dict[str, Any]:
        fields = whole(link, 1, {**model, **_MODEL})
        small = {**fields["evaluation"], "count": 2}
        return {**fields, "batch": 2, "evaluation": small}

    for figure in (fig7, fig9):
        monkeypatch.setattr(figure, "training", tiny)
    return monkeypatch


def _shortened(recipe: dict[str, Any]) -> dict[str, Any]:
    return {**recipe, "steps": 1, "batch": 2, "evaluation": None}


def test_without_a_channel_sentences_arrive_as_they_were_said(
    quick: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    setting = Setting(keep=tmp_path)
    random = {"kind": "blip", "weights": "random", "model": SMALL}
    found = images.without_channel({"a": random}, images.SCENES, 3, setting)["a"]
    assert found.rows["said"].tolist() == found.rows["heard"].tolist()
    assert found.image.shape == (1, 3, 3, 32, 32)
    quick.setattr(images, "load_source", None)
    fields = images.vlm_csc(images._LOSSLESS, random)
    text, folder, device = images._job(fields, images.SCENES, (60,), 3, setting)
    images.send(text, folder, device)  # kept: nothing is sent again


def test_knowledge_bases_are_not_trained() -> None:
    systems = {"own": images.vlm_csc(), "jscc": {"kind": "deepjscc", "weights": "deepjscc-1-6"}}
    found = images.sizes(systems).set_index("system")
    text = load_codec(images.TEXT)
    assert found.loc["own", "parameters"] == sum(one.numel() for one in text.parameters())
    assert tuple(found.loc["own", ["at_sender", "at_receiver"]]) > (1_000_000, 5_000_000)
    assert tuple(found.loc["jscc"]) == (676_259, 0, 0)


def test_captioners_are_those_of_the_committed_recipes() -> None:
    folder = Path(__file__).parents[3] / "recipes"
    for name, fields in fig7.captioner_recipes().items():
        committed = load(folder / f"{name.replace('-', '_')}.yaml", Recipe)
        assert Recipe.model_validate({"name": name, **fields}) == committed


def test_fig7_judges_its_claims(quick: pytest.MonkeyPatch, tmp_path: Path) -> None:
    quick.setattr(fig7, "_COUNT", {"small": 3})
    quick.setattr(fig7, "_SNRS_DB", (0, 10))
    quick.setattr(fig7, "_TAGGED", 60)
    quick.setattr(fig7, "_SIZES", SMALL)
    recipes = {name: _shortened(one) for name, one in fig7.captioner_recipes().items()}
    quick.setattr(fig7, "captioner_recipes", lambda: recipes)
    experiment = find("vlmcsc-fig7")
    results, measured = reproduce(experiment, Setting(keep=tmp_path))
    assert len(tables(experiment, results, measured)[-1].rows) == 3
    assert len(measured.tables["images"]) == 3 * 2 * 3
    assert len(measured.tables["attributes"]) == 2 * 3 * 2
    assert {"vlm-text", "vlm-tags", "vlm-scenes-tagger"} < set(measured.weights)
    assert set(experiment.plot(measured)) == {"fig7"}


def test_fig10_judges_its_claims(quick: pytest.MonkeyPatch, tmp_path: Path) -> None:
    quick.setattr(fig10, "_COUNT", {"small": 3})
    whole = fig10.recipes
    quick.setattr(
        fig10, "recipes", lambda scale: {n: _shortened(one) for n, one in whole(scale).items()}
    )
    experiment = find("vlmcsc-fig10")
    results, measured = reproduce(experiment, Setting(keep=tmp_path))
    verdicts = tables(experiment, results, measured)[-1].rows
    assert len(verdicts) == 7
    costs = measured.tables["costs"].set_index("system")
    assert len(costs) == 8
    assert costs.loc[fig10.TINY, "channel_uses"] == 32
    assert costs.loc[fig10.OWN, "cbr"] < costs.loc[fig10.JSCC, "cbr"] == pytest.approx(1 / 6)
    assert set(experiment.plot(measured)) == {"fig10a", "fig10b", "fig10c"}
