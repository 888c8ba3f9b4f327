"""The way to the paper's scale: everything is trained and a bank made, with tiny networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from semsim.codecs.lamosc.config import LamoscConfig
from semsim.experiments.definition import Setting
from semsim.experiments.mmsemcom import full_scale
from semsim.experiments.mmsemcom.systems import OWN, all_systems, data_sets
from semsim.shortcuts import load_codec
from tests.unit.codecs.mmsemcom.conftest import MODEL, SAMPLER


@pytest.mark.parametrize("name", full_scale.PUBLISHED)
def test_lamosc_knows_the_words_of_the_prompts(name: str) -> None:
    made = full_scale.recipes(name)[f"{name}-lamosc"]["objective"]["codec"]
    config = LamoscConfig.model_validate(made)
    assert config.captioner is not None
    assert config.model is not None
    said = " ".join(full_scale.PUBLISHED[name]["prompts"]).replace("-", " ").split()
    assert set(said) < set(config.model.words)


def test_what_was_trained_is_what_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"classes": ["bag", "sneaker"], "size": 16, "prompts": list(MODEL.prompts)}
    for module in ("full_scale", "systems"):
        monkeypatch.setattr(f"semsim.experiments.mmsemcom.{module}.PUBLISHED", {"tiny": data})
    monkeypatch.setattr(
        full_scale, "_source", lambda _, split: {"kind": "tinted", "split": split, "size": 16}
    )
    monkeypatch.setattr(full_scale, "PER_CLASS", 3)
    monkeypatch.setattr(full_scale, "SAMPLING_STEPS", 2)
    whole = full_scale.recipes
    sizes = {"sampler": SAMPLER, "features": MODEL}

    def tiny(name: str) -> dict:
        made = whole(name)
        for label, recipe in made.items():
            recipe |= {"steps": 1, "batch": 4, "evaluation": None}
            if part := sizes.get(label.removeprefix(f"{name}-")):
                recipe["objective"]["model"] = part.model_dump(mode="json")
            else:
                codec = {"kind": "deepjscc", "weights": "random"}
                codec["model"] = {"cbr": "1/6", "filters": [4, 4, 4, 4]}
                recipe["objective"]["codec"] = codec
        return made

    monkeypatch.setattr(full_scale, "recipes", tiny)
    setting = Setting(scale="paper", keep=tmp_path)
    (found,) = data_sets(setting)
    codec = load_codec(found.codec)
    assert [rate.name for rate in codec.rates((3, 16, 16))] == [
        "image",
        "simultaneous",
        "sequential",
    ]
    assert codec.bank.images.shape == (2, 3, 3, 16, 16)
    labels = [system["label"] for system in all_systems(found)]
    assert set(OWN.values()) < set(labels)
    assert len(labels) == len(set(labels)) == 3 + 4 + 2 + 2
    # What is there is not made again.
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    assert data_sets(setting) == [found]
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
