"""A codec that delivers classes: on a link, and where images are wanted."""

from pathlib import Path
from typing import Any

import pytest
import torch

from semsim import Link, load_channel, load_codec, load_source, simulate
from semsim.codecs import checkpoints
from semsim.errors import ScenarioError
from semsim.link.metrics import top1
from semsim.report.figures import figures
from semsim.report.tables import tables
from semsim.results import Results
from semsim.scenario import LinkScenario
from semsim.statistics import share_interval
from semsim.sweep.calibrate import calibrate
from semsim.training.recipe import LinkSettings, Recipe
from semsim.training.reconstruction import Reconstruction
from semsim.training.transmission import Transmission

MODEL = {
    "encoder": {"kind": "staged", "blocks": [1, 1, 1, 1], "positions": 1},
    "channel_coder": {"kind": "dense", "compression": [0.5, 0.0]},
}
CODEC = {"kind": "rkd_sc", "weights": "random", "model": MODEL}
FASHION = {"kind": "collection", "name": "fashion", "size": 32}
WEBP = {"kind": "classical", "format": "webp", "headers": "agreed", "rhos": [0.1171875]}


def scenario(**changes: Any) -> LinkScenario:
    fields: dict[str, Any] = {
        "task": "link",
        "name": "labels",
        "source": FASHION,
        "images": 6,
        "systems": [{"label": "classes", "codec": CODEC, "rates": ["ratio=0"]}],
        "channels": ["awgn"],
        "snr_db": [5],
    }
    return LinkScenario.model_validate(fields | changes)


@pytest.fixture(scope="module")
def mixed() -> Results:
    own = {"label": "classes", "codec": CODEC, "rates": ["ratio=0"]}
    other = {"label": "images", "codec": WEBP}
    return simulate(scenario(systems=[own, other], draws=2))


def test_accuracy_and_psnr_stand_in_one_table(mixed: Results) -> None:
    classes, images = (mixed.sweep[mixed.sweep["system"] == name] for name in ("classes", "images"))
    assert len(classes) == len(images) == 12
    assert classes["accuracy"].isin([0.0, 1.0]).all()
    assert classes["psnr_db"].isna().all()
    assert images["accuracy"].isna().all()
    assert images["psnr_db"].notna().all()
    first, second = mixed.summary["points"]
    assert first["accuracy"] == classes["accuracy"].mean()
    # Six images are six samples, however often each is sent.
    assert first["accuracy_interval"] == share_interval(first["accuracy"], 6)
    assert "accuracy_interval" not in second


def test_the_report_tells_both(mixed: Results) -> None:
    made = tables(mixed)
    assert [table.title.split(" by ")[0] for table in made if "lost" not in table.title] == [
        "Top-1 accuracy in %",
        "PSNR in dB",
    ]
    said = mixed.summary["points"][0]["accuracy"]
    assert made[0].rows == (("classes", f"{100 * said:.1f}"),)
    panels = figures(mixed)["quality"].axes
    drawn = {axis.get_ylabel(): axis.lines for axis in panels if axis.get_ylabel()}
    assert list(drawn) == ["PSNR in dB", "top-1 accuracy", "share lost"]
    accuracy = [line.get_ydata()[0] for axis in panels[2:4] for line in axis.lines]
    assert accuracy == [said]


def test_a_link_of_classes_alone_has_no_pictures() -> None:
    results = simulate(scenario())
    assert "psnr_db" not in results.sweep
    assert list(figures(results)) == ["quality"]
    assert len(tables(results)) == 2


def test_classes_need_labels_that_fit() -> None:
    with pytest.raises(ScenarioError, match="the source has no labels"):
        simulate(scenario(source={"kind": "photos", "size": 32}))
    few = CODEC | {"model": MODEL | {"classes": 2}}
    with pytest.raises(ScenarioError, match="is none of the classes 0 to 1; train the codec for"):
        simulate(scenario(systems=[{"codec": few, "rates": ["ratio=0"]}]))


def test_a_quality_curve_is_of_accuracy(tmp_path: Path) -> None:
    codec = load_codec(CODEC)
    path = tmp_path / "own.safetensors"
    checkpoints.write(path, codec.state_dict(), codec.sizes())
    trained = {"kind": "rkd_sc", "weights": {"path": str(path)}}
    asked = scenario(systems=[{"codec": trained}], images=20)
    _, found = calibrate(asked, command="test")
    assert found.delivers == "label"
    points = {point["rate"]: point for point in simulate(asked).summary["points"]}
    for point in found.fits[0].points:
        low, high = points[point.rate]["accuracy_interval"]
        assert point.quality == pytest.approx(points[point.rate]["accuracy"], abs=1e-4)
        assert point.interval == pytest.approx((high - low) / 2, abs=1e-4)
    both = scenario(systems=[{"codec": trained}, {"codec": {"kind": "classical", "rhos": [0.1]}}])
    with pytest.raises(ScenarioError, match="calibrate them apart"):
        calibrate(both, command="test")


def test_training_judges_accuracy() -> None:
    settings = LinkSettings.model_validate({"channel": "awgn", "snr_db": 5})
    transmit = Transmission(settings, judged_db=(100.0,))
    codec, source = load_codec(CODEC), load_source(FASHION).take(5)
    sent = Link(codec, load_channel("awgn")).transmit(source, 100.0).output.logits
    assert sent is not None
    assert source.label is not None
    expected = float(top1(source.label, sent).mean())
    assert transmit.judge(codec, source) == {"accuracy at 100 dB": pytest.approx(expected)}
    with pytest.raises(ScenarioError, match="no labels or captions to compare with"):
        transmit.judge(codec, load_source({"kind": "photos", "size": 32}).take(2))


def test_reconstruction_wants_images() -> None:
    recipe = Recipe.model_validate(
        {
            "name": "x",
            "objective": {"kind": "reconstruction", "codec": CODEC},
            "link": {"channel": "awgn", "snr_db": 5},
            "sources": [FASHION],
            "batch": 2,
            "steps": 1,
        }
    )
    assert recipe.link is not None
    objective = Reconstruction(recipe.objective, Transmission(recipe.link))
    with pytest.raises(ScenarioError, match="'rkd_sc' delivers no images"):
        next(objective.updates(load_source(FASHION).take(2), torch.Generator()))
