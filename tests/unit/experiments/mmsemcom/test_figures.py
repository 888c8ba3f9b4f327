"""Fig. 5, 6, 11, 12 and Table I with tiny networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from semsim.experiments.catalogue import find
from semsim.experiments.definition import Measured, Setting
from semsim.experiments.mmsemcom import fig5, fig6, multiuser, table1
from semsim.experiments.mmsemcom.systems import SEQUENTIAL, SIMULTANEOUS, DataSet
from semsim.experiments.mmsemcom.yardsticks import RANDOM
from semsim.experiments.run import reproduce, tables
from tests.unit.codecs.mmsemcom.conftest import MODEL, SAMPLER


def _whole(name: str, keep: Path, claims: int) -> Measured:
    experiment = find(f"mmsemcom-{name}")
    results, measured = reproduce(experiment, Setting(keep=keep))
    assert len(tables(experiment, results, measured)[-1].rows) == claims
    assert name in experiment.plot(measured)
    return measured


def test_fig6_shows_images_of_each_class(data: DataSet, tmp_path: Path) -> None:
    measured = _whole("fig6", tmp_path, 1)
    assert len(measured.pictures) == 3
    shown = measured.pictures[f"{SEQUENTIAL}, tiny"]
    assert len(shown.original) == 2 * 2
    assert torch.equal(shown.candidates[0][0], shown.received[0])
    figure = find("mmsemcom-fig6").plot(measured)["candidates"]
    # Three systems; the image that was sent, and seven of the bank.
    assert len([axis for axis in figure.axes if axis.images]) == 3 * (1 + 7)


def test_fig5_lays_every_prompts_weights_over_its_image(data: DataSet, tmp_path: Path) -> None:
    measured = _whole("fig5", tmp_path, 1)
    maps = measured.tables["maps"]
    by_prompt = maps.groupby(["image", "nth"])["weight"].sum()
    assert len(by_prompt) == 4 * MODEL.best
    np.testing.assert_allclose(by_prompt, 1.0, atol=1e-5)
    figure = find("mmsemcom-fig5").plot(measured)["fig5"]
    assert len([axis for axis in figure.axes if axis.images]) == 4 * (1 + MODEL.best)


def test_what_is_covered_is_what_is_lit() -> None:
    image = torch.zeros(1, 3, 8, 8)
    image[..., :2, :] = 1.0
    covered = fig5._covered(image, torch.zeros(1, 2, 2, 2))
    assert covered.tolist() == [[[0.5, 0.5], [0.0, 0.0]]]


def test_fig11_and_12_share_their_sweeps(
    data: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = _whole("fig11", tmp_path, 3)
    folders = len(list(tmp_path.iterdir()))
    _whole("fig12", tmp_path, 1)
    assert folders == len(list(tmp_path.iterdir())) == len(multiuser.SHARED)
    users = measured.tables["users"]
    counts = users.groupby("shared")["user"].max()
    assert counts.to_dict() == {name: shared[0] for name, shared in multiuser.SHARED.items()}
    uses = users[users["system"] == SEQUENTIAL].groupby("shared")["channel_uses"].first()
    # d chips a symbol for the 19 symbols; the class's bit is not spread.
    assert uses.to_dict() == {name: 19 * d + 1 for name, (_, d) in multiuser.SHARED.items()}


def _users(lost_db: float, spread_db: float) -> pd.DataFrame:
    rows = [
        {"dataset": "d", "shared": shared, "system": SIMULTANEOUS, "snr_db": 0.0, "image": i}
        | {"psnr_db": 20.0 - less + (spread_db if i % 2 else 0.0), "ssim": 0.5, "ms_ssim": 0.5}
        for shared, less in ((multiuser.LONE, 0.0), (multiuser.CROWD, lost_db))
        for i in range(8)
    ]
    made = pd.DataFrame(rows).assign(channel_uses=9, user=1)
    flipped = (made["shared"] == multiuser.LONE) & (made["image"] % 2 == 1)
    return made.assign(psnr_db=made["psnr_db"].where(~flipped, made["psnr_db"] - spread_db))


@pytest.mark.parametrize(
    ("lost_db", "spread_db", "outcome"),
    [
        (0.1, 0.0, "holds"),
        (2.0, 0.0, "does not hold"),
        # Differences of ±2 dB around nothing: an interval of ± 1.8 dB.
        (2.0, 4.0, "cannot be told at this scale"),
    ],
)
def test_other_users_are_judged_by_intervals(
    lost_db: float, spread_db: float, outcome: str
) -> None:
    found = multiuser.orthogonal({"users": _users(lost_db, spread_db)}, similarity=False)
    assert found.outcome == outcome


def test_table1_counts_and_times(
    data: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table1, "_UNET", SAMPLER)
    monkeypatch.setattr(table1, "_FEATURES", MODEL)
    monkeypatch.setattr(table1, "PER_CLASS", 50)
    monkeypatch.setattr(table1, "SAMPLING_STEPS", 2)
    monkeypatch.setattr(table1, "_RUNS", {"small": 2})
    rival = {"kind": "deepjscc", "weights": "random", "model": {"cbr": "1/6", "filters": [4] * 4}}
    monkeypatch.setattr(table1, "_RIVALS", {"WITT": rival, "DeepJSCC": rival})
    measured = _whole("table1", tmp_path, 4)
    table = measured.tables["table1"].set_index("system")
    assert table.loc[table1._IMAGE, "gflops"] == pytest.approx(
        2 * table.loc[table1._GENERATOR, "gflops"]
    )
    assert (table["gflops"] > 0).all()
    sent = measured.tables["overhead"].set_index("system")
    # Eq. (31) and (32) at 2 prompts of 16 values, 6 image features, 8 fused ones.
    assert sent["bytes"].to_dict() == {SEQUENTIAL: 4 * (2 * 16 + 6), SIMULTANEOUS: 4 * 8}
    assert sent["channel_uses"].to_dict() == {SEQUENTIAL: 20, SIMULTANEOUS: 5}


def _attention(on_it: float) -> pd.DataFrame:
    rows = [{"dataset": "d", "image": i, "on_it": on_it + 0.01 * (-1) ** i} for i in range(8)]
    return pd.DataFrame(rows).assign(prompt="bag", covered=0.4)


def test_focus_is_more_than_a_trace() -> None:
    outcomes = [
        fig5._focused({"weights": _attention(share)}).outcome for share in (0.7, 0.45, 0.405)
    ]
    assert outcomes == ["holds", "cannot be told at this scale", "does not hold"]
    nobody = _attention(0.7).assign(covered=np.nan)
    assert fig5._focused({"weights": nobody}).outcome == "cannot be told at this scale"


def test_nearer_is_by_a_decibel() -> None:
    def judged(lead_db: float) -> str:
        rows = [
            {"dataset": "d", "image": i, "system": system, "psnr_db": 15 + lead * (1 + 0.01 * i)}
            for system, lead in ((SEQUENTIAL, lead_db), (SIMULTANEOUS, lead_db), (RANDOM, 0.0))
            for i in range(6)
        ]
        return fig6._like({"fig6": pd.DataFrame(rows)}).outcome

    assert [judged(lead_db) for lead_db in (3.0, 0.5)] == ["holds", "does not hold"]
