"""Fig. 7 to 10: statistics and path loss by hand, and the whole with tiny networks."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import torch

from semsim.codecs.mmsemcom.bank import read_bank
from semsim.experiments.catalogue import find
from semsim.experiments.definition import Setting
from semsim.experiments.mmsemcom import fig8, fig10, quality
from semsim.experiments.mmsemcom.full_scale import PUBLISHED, recipes
from semsim.experiments.mmsemcom.systems import (
    BPG,
    EQUAL,
    SEQUENTIAL,
    SIMULTANEOUS,
    WEBP,
    WITHOUT_CLIP,
    DataSet,
)
from semsim.experiments.mmsemcom.yardsticks import BEST, CHECKS, RANDOM, TRAINING, yardsticks
from semsim.experiments.run import reproduce, tables
from semsim.link.metrics import psnr_db
from semsim.shortcuts import load_source
from semsim.training.recipe import Recipe

NEEDS_HEVC = pytest.mark.skipif(find_spec("pillow_heif") is None, reason="needs pillow-heif")


def test_distance_is_free_space() -> None:
    # 20 dBm - 20 log10(d) + 26 dBm.
    for distance in (50.0, 100.0, 200.0):
        expected = 46.0 - 20.0 * math.log10(distance)
        assert quality.snr_at_db(distance) == pytest.approx(expected, abs=0.005)
    # Four times the distance is a sixteenth of the power.
    apart = max(quality.PLACES) - quality.FARTHEST_DB
    assert apart == pytest.approx(10 * math.log10(16), abs=0.02)


def _images(first: list[float], second: list[float]) -> pd.DataFrame:
    rows = [
        {"dataset": "d", "channel": "awgn", "snr_db": 0.0, "system": system, "image": i}
        | {"psnr_db": value, "ssim": value / 100, "ms_ssim": math.nan, "channel_uses": 9}
        for system, values in ((SEQUENTIAL, first), (SIMULTANEOUS, second))
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_leads_are_of_images() -> None:
    images = _images([20, 21, 20, 21], [20, 20, 20, 20])
    row = quality.lead(images, (SEQUENTIAL, SIMULTANEOUS), [0.0]).iloc[0]
    # Differences 0, 1, 0, 1: a standard deviation of 0.577, and t = 3.182 of 3 degrees.
    assert row["lead"] == pytest.approx(0.5)
    assert row["half_width"] == pytest.approx(3.1824 * 0.57735 / 2, rel=1e-3)
    told = quality.compare(images, (SEQUENTIAL, SIMULTANEOUS), [0.0])
    assert told.outcome == "cannot be told at this scale"
    far = quality.compare(_images([25, 26, 25, 26], [20] * 4), (SEQUENTIAL, SIMULTANEOUS), [0.0])
    assert far.outcome == "holds"


def test_small_images_are_judged_by_ssim() -> None:
    images = _images([20, 22], [20, 20])
    assert quality.judged_by(images, similarity=True) == "ssim"
    assert quality.judged_by(images.assign(ms_ssim=0.5), similarity=True) == "ms_ssim"
    first = quality.curves(images, similarity=True).iloc[0]
    assert (first["figure"], first["mean"]) == ("ssim", pytest.approx(0.21))


def test_few_training_images_are_no_nearer_than_all(data: DataSet) -> None:
    """Where a source is endless, only so many of its images are looked at."""
    nearest = [
        found.loc[found["check"] == TRAINING, "psnr_db"]
        for found in (yardsticks(data), yardsticks(replace(data, known=20)))
    ]
    assert (nearest[0] >= nearest[1]).all()
    assert (nearest[0] > nearest[1]).any()


def test_yardsticks_are_of_the_images_class(data: DataSet) -> None:
    found = yardsticks(data)
    assert list(found["check"].drop_duplicates()) == list(CHECKS)
    assert len(found) == 3 * data.images
    sent, bank = load_source(data.test).take(data.images), read_bank(data.codec["bank"])
    own = found[found["check"] == BEST].set_index("image")["psnr_db"]
    for i, name in enumerate(sent.name):
        images = bank.images[sent.label[i]].float() / 255
        each = psnr_db(sent.image[i].expand_as(images), images)
        assert own[name] == pytest.approx(float(each.max()), abs=1e-3)
    best, drawn = (found[found["check"] == check]["psnr_db"].mean() for check in (BEST, RANDOM))
    assert best > drawn


@NEEDS_HEVC
def test_four_figures_share_a_sweep(
    data: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = {quality.snr_at_db(distance): distance for distance in (50.0, 200.0)}
    for module in (quality, fig8, fig10):
        monkeypatch.setattr(module, "PLACES", ends)
    swept = []
    run = quality.run_sweep
    monkeypatch.setattr(quality, "run_sweep", lambda *a: swept.append(a) or run(*a))
    setting = Setting(keep=tmp_path)
    torch.manual_seed(0)  # the rivals' random weights
    for name, claims in (("fig7", 4), ("fig8", 3), ("fig9", 3), ("fig10", 2)):
        experiment = find(f"mmsemcom-{name}")
        results, measured = reproduce(experiment, setting)
        shown = tables(experiment, results, measured)
        assert len(shown[-1].rows) == claims
        assert len(shown) == 1 + len(quality.CHANNELS)
        assert set(experiment.plot(measured)) == {name}
    assert len(list(tmp_path.iterdir())) == 1
    images = measured.tables["images"]
    assert {SEQUENTIAL, SIMULTANEOUS, WITHOUT_CLIP, BPG, WEBP, *EQUAL.values()} < set(
        images["system"]
    )
    uses = images.groupby("system")["channel_uses"].max()
    # Two prompts of 16 values and 6 of the image, in pairs, and a bit of the class.
    assert uses[SEQUENTIAL] == (2 * 16 + 6) // 2 + 1
    assert uses[EQUAL["webp"]] == uses[SEQUENTIAL] < uses[WEBP]
    assert "SSIM" in shown[0].note


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_the_recipes_at_full_scale_are_whole(name: str) -> None:
    made = {
        label: Recipe.model_validate({"name": label, **r}) for label, r in recipes(name).items()
    }
    assert made[f"{name}-sampler"].optimizer.learning_rate == 2e-4
    assert {recipe.batch for recipe in made.values()} == {64}
