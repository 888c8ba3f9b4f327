"""Curve files: round trip, damage, and which curve holds for whose codec and images."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from semsim import zoo
from semsim.allocation.calibration import Calibration, fitted, read, write
from semsim.allocation.config import UtilityConfig
from semsim.allocation.curves import CodecInUse, quality_curve
from semsim.codecs.classical.config import ClassicalConfig
from semsim.codecs.ftsc.config import FtscConfig
from semsim.codecs.rkd_sc.config import RkdScConfig
from semsim.data.config import CollectionConfig, PhotosConfig
from semsim.errors import ScenarioError, SemsimError

SHAPE = (3, 64, 64)
SOURCE = PhotosConfig(size=64)
WEBP = CodecInUse(ClassicalConfig(format="webp"), SOURCE)
HASHES = {"[4,2]": "a" * 64, "[2,2]": "b" * 64}
FTSC = CodecInUse(FtscConfig(scalings=("[4,2]", "[2,2]")), SOURCE, HASHES)


def fit_at(snr_db: float, a: float, b: float, lost: int = 0, rates: int = 3) -> Any:
    points = [
        {
            "codec": "webp",
            "rate": f"r{i}",
            "rho": rho,
            # A bump, so that there is something to misfit.
            "quality": round(a + b * math.log(rho) + 0.5 * (i == 1), 4),
            "interval": 1.5,
            "lost": lost * (i == 0),
        }
        for i, rho in enumerate((0.01, 0.03, 0.1)[:rates])
    ]
    entry = {"snr_db": snr_db, "offset": 0, "slope": 0, "rmse": 0, "r2": 0}
    whole = Calibration.model_validate(FIELDS | {"fits": [entry | {"points": points}]})
    return fitted(snr_db, whole.fits[0].points)


FIELDS: dict[str, Any] = {
    "command": "semsim calibrate …",
    "codecs": [{"name": "webp", "config": WEBP.config, "weights": {}}],
    "source": SOURCE,
    "shape": SHAPE,
    "delivers": "image",
    "images": 3,
    "draws": 1,
    "channel": "awgn",
    "seed": 0,
    "versions": {"torch": "2.9", "cvxpy": None},
}


def calibration(**fields: Any) -> Calibration:
    fits = {"fits": [fit_at(20, 40, 3), fit_at(4, 30, 1)]}
    return Calibration.model_validate(FIELDS | fits | fields)


def owner(user: CodecInUse) -> list[dict[str, Any]]:
    return [{"name": "webp", "config": user.config, "weights": user.weights}]


def saved(path: Path, **fields: Any) -> Path:
    write(path, calibration(**fields))
    return path


def curve(chosen: object, users: list[CodecInUse], source: Any = SOURCE, shape: Any = SHAPE) -> Any:
    checked = UtilityConfig.model_validate({"quality_curve": chosen}).quality_curve
    return quality_curve(checked, [replace(user, source=source) for user in users], shape)


def test_a_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = calibration(codecs=owner(FTSC), fits=[fit_at(20, 40, 3), fit_at(4, 30, 1, lost=2)])
    path = tmp_path / "new" / "curve.yaml"
    write(path, written)
    assert read(path) == written
    assert read(path).curve == written.curve
    assert [item.name for item in path.parent.iterdir()] == ["curve.yaml"]
    # The rate that lost two stays out of the fit at 4 dB: two points, an exact line.
    assert written.fits[1].r2 is None
    assert written.fits[1].rmse is None
    assert written.fits[0].r2 is not None


def test_a_fit_of_fewer_than_two_rates_is_none() -> None:
    assert fit_at(4, 30, 1, lost=2, rates=2).fitted is None


@pytest.mark.parametrize(
    ("fits", "message"),
    [
        ([fit_at(20, 40, 3, lost=2)], r"at 20 dB, the highest SNR.* r0 \(2 lost\)"),
        ([fit_at(20, 40, -1)], r"does not rise with ρ \(slope -1\.\d+ at 20 dB\)"),
    ],
)
def test_what_allocation_cannot_use(tmp_path: Path, fits: Any, message: str) -> None:
    made = calibration(fits=fits)
    with pytest.raises(SemsimError, match=message):
        _ = made.curve
    with pytest.raises(ScenarioError, match=r"c\.yaml: .*" + message):
        read(saved(tmp_path / "c.yaml", fits=fits))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("command:", "comand:", r"comand: unknown key; did you mean 'command'"),
        ("kind: classical", "kind: clasical", r"did you mean 'classical'"),
        ("shape: [3, 64, 64]", "shape: [3, 64]", r"shape"),
        ("slope: 2.", "slope: 4.", r"20 dB is not that of its points.*semsim calibrate"),
        ("lost: 0", "lost: 1", r"is not that of its points"),
        ("r2: 0.9", "r2: null # 0.9", r"is not that of its points"),
        ("snr_db: 4.0", "snr_db: 24.0", r"the SNRs do not fall"),
        ("fits:", "fits: [", r"not valid YAML"),
    ],
)
def test_damage_is_found(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = saved(tmp_path / "curve.yaml")
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ScenarioError, match=rf"curve\.yaml.*{message}"):
        curve({"path": str(path)}, [WEBP])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"curve\.yaml: there is no such file"):
        curve({"path": str(tmp_path / "curve.yaml")}, [WEBP])
    with pytest.raises(ScenarioError, match=r"no curve is for codec 'classical'"):
        curve({"path": str(tmp_path)}, [WEBP])


def test_words_and_numbers() -> None:
    paper = curve("paper", [WEBP, FTSC])
    assert (paper.offset, paper.slope) == (41.22, 3.035)
    given = curve({"offset_db": 38.5, "slope_db": 2}, [WEBP])
    assert (given.offset, given.slope) == (38.5, 2.0)
    assert "as given" in given.origin


def test_each_user_s_codec_finds_its_own_curve(tmp_path: Path) -> None:
    saved(tmp_path / "webp.yaml")
    saved(tmp_path / "ftsc.yaml", codecs=owner(FTSC), fits=[fit_at(20, 38, 2)])
    found = curve({"path": str(tmp_path)}, [FTSC, WEBP, FTSC])
    a, b = read(tmp_path / "ftsc.yaml").curve, read(tmp_path / "webp.yaml").curve
    np.testing.assert_array_equal(found.offset, [a.offset, b.offset, a.offset])
    np.testing.assert_array_equal(found.slope, [a.slope, b.slope, a.slope])
    assert "(ftsc.yaml); Q" in found.origin
    # One file speaks for one codec only.
    with pytest.raises(ScenarioError, match=r"ftsc\.yaml: no curve is for codec 'classical'"):
        curve({"path": str(tmp_path / "ftsc.yaml")}, [FTSC, WEBP])


def test_a_curve_of_several_codecs_holds_for_each(tmp_path: Path) -> None:
    path = saved(tmp_path / "both.yaml", codecs=[*owner(FTSC), *owner(WEBP)])
    assert np.unique(curve({"path": str(path)}, [FTSC, WEBP]).slope).size == 1


def test_the_same_weights_under_another_name_are_the_same(tmp_path: Path) -> None:
    path = saved(tmp_path / "ftsc.yaml", codecs=owner(FTSC))
    renamed = FtscConfig.model_validate(
        {"scalings": ["[4,2]", "[2,2]"], "weights": {"[4,2]": {"path": "copy.safetensors"}}}
    )
    found = curve({"path": str(path)}, [CodecInUse(renamed, SOURCE, HASHES)])
    usual = curve({"path": str(path)}, [FTSC])
    assert (found.offset, found.slope) == (usual.offset, usual.slope)


@pytest.mark.parametrize(
    ("user", "images", "message"),
    [
        (
            CodecInUse(FTSC.config, SOURCE, HASHES | {"[2,2]": "c" * 64}),
            {},
            r"ftsc\.yaml \(photos of 64×64\): measured with other weights of codec 'ftsc'",
        ),
        (
            CodecInUse(FtscConfig(), SOURCE, HASHES),
            {},
            r"no curve is for codec 'ftsc' with these options",
        ),
        (FTSC, {"shape": (3, 128, 128)}, r"another size than the scenario's, 128×128"),
    ],
)
def test_curves_of_something_else_are_refused(
    tmp_path: Path, user: CodecInUse, images: dict[str, Any], message: str
) -> None:
    path = saved(tmp_path / "ftsc.yaml", codecs=owner(FTSC))
    with pytest.raises(ScenarioError, match=message + r".*semsim calibrate"):
        curve({"path": str(path)}, [user], **images)


def test_a_folder_with_two_curves_for_one_codec_asks_for_one(tmp_path: Path) -> None:
    saved(tmp_path / "a.yaml")
    saved(tmp_path / "b.yaml", seed=1)
    with pytest.raises(ScenarioError, match=r"a\.yaml .*, b\.yaml .* all hold .*; name one file"):
        curve({"path": str(tmp_path)}, [WEBP])


def test_a_named_file_may_speak_for_other_images_of_its_size(tmp_path: Path) -> None:
    path = saved(tmp_path / "webp.yaml")
    found = curve({"path": str(path)}, [WEBP], source=PhotosConfig(size=64, crop="random"))
    saved_curve = read(path).curve
    assert (found.offset, found.slope) == (saved_curve.offset, saved_curve.slope)


# What ships.
DEFAULT = CodecInUse(
    FtscConfig(),
    SOURCE,
    {name: zoo.card(f"ftsc-{name[1]}-2").sha256 for name in FtscConfig().scalings},
)
SHIPPED = {"source": PhotosConfig(size=256), "shape": (3, 256, 256)}


def test_the_default_ftsc_has_a_curve_of_its_shipped_weights() -> None:
    """If this fails, weights changed: make the curve again as docs/calibration.md says."""
    found = curve("calibrated", [DEFAULT] * 2, **SHIPPED)
    # The card's own held-out figure of [4,2], by the training's evaluation, is near the curve.
    measured = zoo.card("ftsc-4-2").figures["held_out_psnr_db"]
    assert found.quality(np.full(2, 0.029296875)) == pytest.approx(measured, abs=2.5)


@pytest.mark.parametrize(
    ("user", "images", "message"),
    [
        (CodecInUse(FtscConfig(), SOURCE, HASHES), SHIPPED, "measured with other weights"),
        (WEBP, SHIPPED, "the shipped curves: no curve is for codec 'classical'"),
        (DEFAULT, {}, "another size than the scenario's, 64×64"),
        (
            DEFAULT,
            SHIPPED | {"source": PhotosConfig(split="train")},
            "other images than the user's; to use it all the same, name the file",
        ),
    ],
)
def test_the_shipped_curve_holds_for_its_own_images_and_weights_only(
    user: CodecInUse, images: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError, match=rf"utility\.quality_curve: .*{message}"):
        curve("calibrated", [user], **images)


def test_labels_have_curves_of_accuracy(tmp_path: Path) -> None:
    images = saved(tmp_path / "images.yaml", codecs=owner(WEBP))
    labels = replace(FTSC, delivers="label")
    for chosen in ("paper", {"offset_db": 40, "slope_db": 3}):
        with pytest.raises(ScenarioError, match="user 1 gets labels by codec 'ftsc'"):
            curve(chosen, [WEBP, labels])
    fits = [fit_at(20, 0.9, 0.01)]
    saved(tmp_path / "labels.yaml", codecs=owner(FTSC), delivers="label", fits=fits)
    both = curve({"path": str(tmp_path)}, [WEBP, labels])
    assert both.slope == pytest.approx([read(images).curve.slope, fits[0].slope])
    assert "of accuracy" in both.origin


def test_the_scenario_file_says_it_in_every_form(tmp_path: Path) -> None:
    for form in ("paper", "calibrated", {"path": "x.yaml"}, {"offset_db": 1.0, "slope_db": 2.0}):
        config = UtilityConfig.model_validate({"quality_curve": form})
        dumped = yaml.safe_dump(config.model_dump(mode="json"))
        assert UtilityConfig.model_validate(yaml.safe_load(dumped)) == config


def test_what_ships_for_labels_belongs_to_its_weights() -> None:
    """If this fails, weights changed: make the curve again by the command in its head."""
    config = RkdScConfig(weights="rkd-sc-fashion")
    user = CodecInUse(
        config,
        CollectionConfig(name="fashion", size=32),
        {"rkd-sc-fashion": zoo.card("rkd-sc-fashion").sha256},
        "label",
    )
    found = curve("calibrated", [user], source=user.source, shape=(3, 32, 32))
    measured = zoo.card("rkd-sc-fashion").figures["held_out_accuracy at 5 dB"]
    assert found.quality(np.array([0.0166015625])) == pytest.approx(measured, abs=0.03)
    assert np.array_equal(found.highest, [0.0166015625])
