"""VLM-CSC's experiments: statistics by hand, and the whole of fig. 8 and 9 with tiny networks."""

from pathlib import Path

import pandas as pd
import pytest

from semsim.config import load
from semsim.continual.recipe import ContinualRecipe
from semsim.experiments.catalogue import find
from semsim.experiments.definition import Setting
from semsim.experiments.run import reproduce, tables
from semsim.experiments.vlm_csc import fig8, fig9, texts

_MODEL = {"width": 8, "heads": 2, "layers": 1, "feed_forward": 8, "channel": [8, 8]}


def test_leads_and_intervals_are_of_sentences() -> None:
    rows = [
        {"system": system, "snr_db": 0.0, "image": image, "bleu_1": value, "channel_uses": 30.0}
        for system, values in {"a": [1, 1, 0, 1], "b": [1, 0, 0, 1]}.items()
        for image, value in enumerate(values)
    ]
    made = pd.DataFrame(rows).assign(bleu_2=0.0, attributes_right=0.0, sentence_right=0.0)
    found = texts.lead(made, "bleu_1", "a", "b").loc[0.0]
    # The differences are 0, 1, 0, 0: a standard deviation of 1/2, and t = 3.182 of 3 degrees.
    assert tuple(found) == pytest.approx((0.25, 3.1824 * 0.5 / 2), rel=1e-3)
    first = texts.curves(made).iloc[0]
    assert (first["mean"], first["channel_uses"]) == (0.75, 30.0)


def test_fig9_judges_its_claim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fig9, "_STEPS", {"paper": 1})
    monkeypatch.setattr(fig9, "_SENTENCES", {"paper": 4})
    monkeypatch.setattr(fig9, "_TRAINED_DB", (0, 8))
    whole = texts.training

    def tiny(link, steps, model):
        fields = whole(link, steps, {**model, **_MODEL})
        return {**fields, "batch": 2, "evaluation": None}

    monkeypatch.setattr(fig9, "training", tiny)
    experiment = find("vlmcsc-fig9")
    results, measured = reproduce(experiment, Setting(scale="paper", keep=tmp_path))
    verdicts = tables(experiment, results, measured)[-1]
    assert len(verdicts.rows) == 2
    systems = set(measured.tables["curves"]["system"])
    assert systems == {fig9.NAM, fig9.SPREAD, "NNA, 0 dB", "NNA, 8 dB"}
    assert set(experiment.plot(measured)) == {"fig9"}


def test_fig8_is_the_committed_recipe() -> None:
    path = Path(__file__).parents[3] / "recipes/continual/vlm_text_novel.yaml"
    assert load(path, ContinualRecipe) == fig8.recipe("novel", "small")


def test_fig8_judges_its_claims(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = fig8.recipe

    def tiny(keep, scale):
        fields = whole(keep, scale).model_dump(mode="json")
        model = {"symbols": 1, **_MODEL}
        small = {"steps": 1, "rounds": 1, "batch": 2, "judged": 4, "hidden": 4}
        memory = {"keep": keep, "short": 6, "first": 2}
        codec = {"kind": "deepsc_text", "model": model}
        return ContinualRecipe.model_validate({**fields, **small, "memory": memory, "codec": codec})

    monkeypatch.setattr(fig8, "recipe", tiny)
    experiment = find("vlmcsc-fig8")
    results, measured = reproduce(experiment, Setting(keep=tmp_path))
    assert len(tables(experiment, results, measured)[-1].rows) == 4
    rows = measured.tables["sentences"]
    assert len(rows) == 3 * 3 * 3 * 4
    memory = measured.tables["memory"].set_index(["system", "round"])["long"]
    assert memory[fig8.SYSTEMS["none"]].tolist() == [0, 0, 0]
    assert (memory[fig8.SYSTEMS["novel"]] >= 2).all()
    assert set(experiment.plot(measured)) == {"fig8"}
