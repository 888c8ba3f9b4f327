"""RKD-SC's experiments: statistics by hand, and the whole of fig. 6 and 8 with tiny networks."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from semsim.codecs import checkpoints
from semsim.codecs.rkd_sc.config import RkdScConfig, RkdScModel
from semsim.experiments.catalogue import find
from semsim.experiments.definition import Setting
from semsim.experiments.rkd_sc import accuracy, fig6, fig8, senders, systems, table2
from semsim.experiments.run import reproduce, tables
from semsim.statistics import share_interval

COARSE = {"kind": "transformer", "patch": 16, "width": 16, "depth": 1, "heads": 2, "positions": 2}


def made_up(rights: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        {
            "dataset": "fashion",
            "channel": "awgn",
            "system": system,
            "snr_db": 25.0,
            "image": image,
            "right": right,
            "channel_uses": 51.0,
        }
        for system, values in rights.items()
        for image, right in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_accuracies_have_wilsons_intervals() -> None:
    found = accuracy.curves(made_up({"a": [1, 1, 0, 1]})).iloc[0]
    assert found["accuracy"] == 0.75
    assert (found["low"], found["high"]) == share_interval(0.75, 4)


def test_a_lead_is_of_pairs() -> None:
    """Systems that differ on one image of four: a lead of 25 points and Student's interval."""
    found = accuracy.lead(made_up({"a": [1, 1, 0, 1], "b": [1, 0, 0, 1]}), "awgn", "a", "b")
    assert found.loc[25.0, "lead"] == pytest.approx(25.0)
    # The differences are 0, 100, 0, 0: a standard deviation of 50, and t = 3.182 of 3 degrees.
    assert found.loc[25.0, "half_width"] == pytest.approx(3.1824 * 50 / 2, rel=1e-3)
    alike = accuracy.lead(made_up({"a": [1, 1], "b": [1, 1]}), "awgn", "a", "b")
    assert list(alike.loc[25.0]) == [0.0, 0.0]


def test_what_is_kept_covers_the_truth() -> None:
    """The interval of a ratio of accuracies holds it in 95 of 100 draws (within 3 sigma)."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(80):
        teacher = rng.random(400) < 0.9
        # Right where the teacher is right nine times in ten, and never else.
        student = teacher & (rng.random(400) < 0.9)
        rows = made_up({"t": teacher.astype(float).tolist(), "s": student.astype(float).tolist()})
        share, low, high = accuracy.kept(rows, "awgn", "s", "t", 25.0)
        assert low <= share <= high
        inside += low <= 90.0 <= high
    assert abs(inside - 76) < 3 * (80 * 0.95 * 0.05) ** 0.5


def test_of_several_data_sets_each_has_a_figure() -> None:
    rows = accuracy.curves(made_up({"a": [1, 0]}))
    both = pd.concat([rows, rows.assign(dataset="cifar10")])
    assert set(accuracy.accuracy_figures("fig6", rows)) == {"fig6"}
    assert set(accuracy.accuracy_figures("fig6", both)) == {"fig6-fashion", "fig6-cifar10"}
    assert [table.title for table in accuracy.accuracy_tables(both)] == [
        "Top-1 accuracy in % by SNR in dB: fashion, awgn",
        "Top-1 accuracy in % by SNR in dB: cifar10, awgn",
    ]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sizes = RkdScModel.model_validate({"encoder": COARSE, "channel_coder": {"kind": "dense"}})
    teacher = RkdScConfig(model=sizes).build()
    path = tmp_path / "teacher.safetensors"
    checkpoints.write(path, teacher.state_dict(), teacher.sizes())

    def shipped() -> list[dict[str, Any]]:
        dense = {"encoder": COARSE, "channel_coder": {"kind": "dense"}}
        return [
            {"label": label, "codec": {"kind": "rkd_sc", "weights": "random", "model": dense}}
            for label in systems.LABELS
        ]

    monkeypatch.setattr(fig6, "shipped", shipped)
    for module in (fig6, fig8):
        monkeypatch.setattr(module, "_IMAGES", {"small": 20})
    monkeypatch.setattr(accuracy, "SNRS_DB", [-10, 0, 25])
    monkeypatch.setattr(fig8, "_ENCODER", COARSE)
    monkeypatch.setattr(fig8, "_FEED_FORWARD", 16)
    monkeypatch.setattr(fig8, "_TEACHER", {"kind": "codec", "weights": {"path": path}})
    monkeypatch.setattr(systems, "JUDGED", 20)
    for name in ("_FIRST", "_SECOND"):
        settings = {**getattr(fig8, name), "steps": 2, "batch": 4}
        monkeypatch.setattr(fig8, name, settings)


@pytest.mark.parametrize(("name", "claims"), [("rkdsc-fig6", 7), ("rkdsc-fig8", 2)])
def test_every_claim_has_a_verdict(tiny: None, tmp_path: Path, name: str, claims: int) -> None:
    experiment = find(name)
    results, measured = reproduce(experiment, Setting(keep=tmp_path))
    verdicts = tables(experiment, results, measured)[-1]
    assert len(verdicts.rows) == claims
    outcomes = {"holds", "holds in part", "does not hold", "cannot be told at this scale"}
    assert {row[2] for row in verdicts.rows} <= outcomes
    assert set(experiment.plot(measured)) == {name.removeprefix("rkdsc-")}
    if name == "rkdsc-fig8":
        uses = measured.tables["curves"].groupby("system")["channel_uses"].first()
        # 102, 409 and 460 values, two a channel use.
        assert uses.to_dict() == {"ratio 0.8": 51, "ratio 0.2": 205, "ratio 0.1": 230}


def test_table_2_counts_and_times(monkeypatch: pytest.MonkeyPatch) -> None:
    # CLIP's own size takes seconds and has tests of its own.
    coarse = {"encoder": COARSE, "channel_coder": {"kind": "dense"}}
    codec = {"kind": "rkd_sc", "weights": "random", "model": coarse}
    small = [systems.TEACHER, f"{systems.RKD_SC} tiny-imagenet", f"{systems.STUDENT} tiny-imagenet"]
    full = [
        sender._replace(codec=codec, side=32) if sender.name in small else sender
        for sender in senders.full_size()
    ]
    shipped = [senders.Sender(systems.RTSC, "fashion", codec, 32, "ratio=0")]
    monkeypatch.setattr(table2, "full_size", lambda: full)
    monkeypatch.setattr(table2, "as_shipped", lambda: shipped)
    monkeypatch.setattr(senders, "_RUNS", {"small": 2})
    monkeypatch.setattr(senders, "_WARM", 0)
    monkeypatch.setattr(senders, "MATRIX", 64)
    experiment = find("rkdsc-table2")
    results, measured = reproduce(experiment, Setting())
    table = measured.tables["table2"].set_index("name")
    # Sums of the layers are in the tests of the codecs.
    assert table.loc[systems.T_DEEPSC, "parameters"] == 8_878_080
    assert table.loc[systems.RTSC, "parameters"] == 717_312
    assert table.loc["RKD-SC cifar10", "payload"] == 51
    assert (table["p5_ms"] <= table["median_ms"]).all()
    assert (table["multiply_adds_of_layers"] <= table["multiply_adds"]).all()
    published, own, verdicts = tables(experiment, results, measured)
    assert len(published.rows) == 18
    assert published.rows[-3][0] == "T-DeepSC (paper)"
    assert [row[0] for row in own.rows] == ["RTSC fashion"]
    parameters, operations = (row[3] for row in verdicts.rows[:2])
    assert "T-DeepSC -0.2%, RTSC -0.4%" in parameters
    assert "T-DeepSC +0.0%, RTSC +0.3%" in operations
    assert "RKD-SC cifar100 -0.2%" in parameters
    assert len(verdicts.rows) == 6
    assert table2.plot(measured)["table2"].axes
