"""The whole of Fig. 3 with networks of a few hundred weights."""

from pathlib import Path

import pytest

from semsim.experiments.catalogue import find
from semsim.experiments.definition import Measured, Setting
from semsim.experiments.run import reproduce, tables
from semsim.experiments.trangdeepsc import control, fig3, systems

TRANG = {"hidden": 8, "symbols": 16, "channel_hidden": 8, "blocks": 1}
VIT = {**TRANG, "heads": 1}


@pytest.fixture(scope="module")
def tiny() -> pytest.MonkeyPatch:
    patch = pytest.MonkeyPatch()
    trang = {"kind": "trangdeepsc", "weights": "random", "model": TRANG}
    vit = {"kind": "vitdeepsc", "weights": "random", "model": VIT}
    semvit = {"filters": 8, "head": 8, "cbr": "2/3"}
    codecs = {
        "vitdeepsc": vit,
        "semvit": {"kind": "semvit", "weights": "random", "model": semvit},
        "adjscc-v": {"kind": "adjscc_v", "weights": "random", "model": {"filters": 4}},
    }
    patch.setattr(fig3, "shipped", lambda: {n: codecs.get(n, trang) for n in systems.LABELS})
    patch.setattr(fig3, "_SNRS_DB", [6, 18])
    patch.setattr(fig3, "_IMAGES", {"small": 8, "paper": 8})
    patch.setattr(systems, "_TRANGDEEPSC", trang)
    patch.setattr(systems, "_VITDEEPSC", vit)
    patch.setattr(control, "_STEPS", 2)
    yield patch
    patch.undo()


@pytest.fixture(scope="module")
def found(tiny: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory):
    keep = tmp_path_factory.mktemp("keep")
    told: list[str] = []
    setting = Setting(keep=keep, report=lambda done, total, what: told.append(what))
    results, measured = reproduce(find("trangdeepsc-fig3"), setting)
    return keep, setting, told, results, measured


def test_every_claim_has_a_verdict_with_figures(found) -> None:
    _, _, _, results, measured = found
    shown = tables(find("trangdeepsc-fig3"), results, measured)
    verdicts = shown[-1]
    assert len(verdicts.rows) == 6
    for _, _, outcome, because in verdicts.rows:
        assert outcome in (
            "holds",
            "holds in part",
            "does not hold",
            "cannot be told at this scale",
        )
        assert any(letter.isdigit() for letter in because)
    assert "CBR 0.667" in verdicts.note


def test_all_systems_and_limits_stand_beside_the_paper(found) -> None:
    _, _, _, results, measured = found
    psnr = tables(find("trangdeepsc-fig3"), results, measured)[0]
    names = [row[0] for row in psnr.rows]
    assert names[: len(systems.LABELS)] == list(systems.LABELS)
    assert "OPTA image (reference)" in names
    assert "linear image (reference)" in names
    assert next(row for row in psnr.rows if row[0] == "trangdeepsc")[-1] == "51.06 at 18 dB"
    curves = measured.tables["curves"]
    sent = curves[(curves["kind"] == "measured") & curves["system"].isin(["trangdeepsc", "semvit"])]
    assert sent["cbr"].unique() == pytest.approx([2 / 3])


def test_the_legacy_definition_is_apart_and_says_so(found) -> None:
    _, _, _, results, measured = found
    curves = measured.tables["curves"]
    own = curves[curves["system"] == "trangdeepsc"].set_index(["snr_is", "snr_db"])["psnr_db"]
    assert own["variance_as_std", 18] != own["Es/N0", 18]
    titles = [table.title for table in tables(find("trangdeepsc-fig3"), results, measured)]
    assert sum("legacy, not Es/N0" in title for title in titles) == 1


def test_the_control_counts_batches_and_updates(found) -> None:
    table = found[4].tables["control"]
    counts = table.groupby("arm")[["batches", "updates"]].first()
    assert counts.loc["single, equal batches"].tolist() == [2, 2]
    assert counts.loc["single, equal updates"].tolist() == [2, 4]
    assert counts.loc["co-trained"].tolist() == [2, 4]
    assert set(table["seed"]) == set(control.SEEDS)


def test_what_is_finished_is_not_done_again(found, monkeypatch: pytest.MonkeyPatch) -> None:
    keep, setting, _, _, measured = found
    assert len(list(Path(keep).rglob("*.safetensors"))) >= 9

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("semsim.experiments.trainings.train_recipe", refuse)
    again = control.control(setting)
    assert again.equals(measured.tables["control"])


def test_the_figure_draws(found) -> None:
    _, _, _, _, measured = found
    (figure,) = fig3.plot(Measured(measured.tables)).values()
    left, right = figure.axes
    labels = left.get_legend_handles_labels()[1]
    assert "trangdeepsc (variance_as_std, legacy)" in labels
    assert right.get_ylabel() == "SSIM"
