"""Users who get labels beside users who get images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

import semsim_envs  # noqa: F401
from semsim import load_codec, load_source, simulate
from semsim.codecs import checkpoints
from semsim.errors import AllocationError, ScenarioError
from semsim.report.figures import figures
from semsim.report.tables import tables
from semsim.scenario import DownlinkScenario
from semsim.simulation import DownlinkRun
from semsim.statistics import share_interval
from semsim.types import Allocation, Csi, DownlinkState

PARTS = {
    "encoder": {"kind": "transformer", "patch": 16, "width": 16, "depth": 1, "heads": 2},
    "channel_coder": {"kind": "dense", "compression": [0.9, 0.5]},
}
FASHION = {"kind": "collection", "name": "fashion", "size": 32}


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    torch.manual_seed(0)
    codec = load_codec({"kind": "rkd_sc", "weights": "random", "model": PARTS})
    path = tmp_path_factory.mktemp("labels") / "labels.safetensors"
    checkpoints.write(path, codec.state_dict(), codec.sizes())
    return {"kind": "rkd_sc", "weights": {"path": str(path)}}


@pytest.fixture(scope="module")
def curves(labels: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up curves for both codecs."""
    from semsim.allocation.calibration import Calibration, fitted, write

    folder = tmp_path_factory.mktemp("curves")
    weights = load_codec(labels).weight_hashes
    for name, config, kind, values, hashes in (
        ("image", {"kind": "classical", "rhos": [0.1, 0.5]}, "image", (20.0, 30.0), {}),
        ("label", labels, "label", (0.5, 0.9), weights),
    ):
        points = [
            {"codec": name, "rate": f"r{i}", "rho": rho, "quality": value, "interval": 0.1}
            for i, (rho, value) in enumerate(zip((0.01, 0.1), values, strict=True))
        ]
        entry = {"snr_db": 20, "offset": 0, "slope": 1, "rmse": None, "r2": None}
        fields = {
            "command": "test",
            "codecs": [{"name": name, "config": config, "weights": hashes}],
            "source": FASHION,
            "shape": (3, 32, 32),
            "delivers": kind,
            "images": 1,
            "draws": 1,
            "channel": "awgn",
            "seed": 0,
            "versions": {},
            "fits": [entry | {"points": points}],
        }
        whole = Calibration.model_validate(fields)
        fit = fitted(20.0, whole.fits[0].points)
        write(folder / f"{name}.yaml", whole.model_copy(update={"fits": (fit,)}))
    return folder


@pytest.fixture
def fields(labels: dict[str, Any], curves: Path) -> dict[str, Any]:
    return {
        "task": "downlink",
        "name": "mixed",
        "slots": 3,
        "source": FASHION,
        "channel": "awgn",
        "codec": {"kind": "classical", "rhos": [0.1, 0.5]},
        "cell": {"bandwidth_hz": 5000, "power_w": 50},
        "users": [{"distance_m": 20}, {"distance_m": 40, "codec": labels}],
        "utility": {"quality_curve": {"path": str(curves)}, "weight": [1, 30]},
        "allocator": "exact",
    }


def run(fields: dict[str, Any], **changes: Any) -> Any:
    return simulate(DownlinkScenario.model_validate(fields | changes))


def test_each_user_is_judged_by_what_it_gets(fields: dict[str, Any]) -> None:
    slots = run(fields).slots
    images, classes = slots[slots["user"] == 0], slots[slots["user"] == 1]
    assert images["psnr_db"].notna().all()
    assert images["accuracy"].isna().all()
    assert classes["psnr_db"].isna().all()
    right = classes["label"] == classes["predicted"]
    assert (classes["accuracy"] == right.astype(float)).all()
    # The curves, by hand: a line through two points over ln rho.
    slope = 0.4 / np.log(10)
    expected = 0.9 + slope * np.log(classes["rho_sent"] / 0.1)
    assert np.allclose(classes["accuracy_predicted"], expected, atol=1e-3)
    assert classes["psnr_predicted_db"].isna().all()


def test_the_labels_are_the_sources_and_the_answers_the_codecs(
    fields: dict[str, Any], labels: dict[str, Any]
) -> None:
    """At some 70 dB an answer is that of the codec without any channel."""
    classes = run(fields).slots.query("user == 1")
    everything = load_source(FASHION).take(1000)
    codec = load_codec(labels)
    for row in classes.itertuples():
        image = everything.select([everything.name.index(row.image)])
        assert int(image.label) == row.label
        rate = next(r for r in codec.rates((3, 32, 32)) if r.name == row.rate)
        csi = Csi(torch.tensor([10 ** (row.snr_db / 10)]))
        with torch.no_grad():
            values = codec.features(image.image, csi, rate)
            values = values / values.square().mean().sqrt()
            answer = codec.output(values, csi, rate).logits.argmax(dim=1)
        assert int(answer) == row.predicted


def test_utility_weighs_both_kinds(fields: dict[str, Any]) -> None:
    slots = run(fields).slots
    weights = DownlinkScenario.model_validate(fields).utility
    for _, slot in slots.groupby("slot"):
        rest = weights.lambda_delay * slot["delay_s"].max()
        rest += weights.lambda_energy * slot["energy_j"].sum()
        for name, psnr, accuracy in (
            ("measured", "psnr_db", "accuracy"),
            ("sent", "psnr_predicted_db", "accuracy_predicted"),
        ):
            quality = slot[psnr].iloc[0] + 30 * slot[accuracy].iloc[1]
            expected = weights.lambda_quality * quality - rest
            assert slot[f"utility_{name}"].iloc[0] == pytest.approx(expected)


def test_tables_and_figures_show_both(fields: dict[str, Any]) -> None:
    results = run(fields)
    users, qualities, allocators = tables(results)
    assert "class sent\nand got" in users.columns
    assert [row[1] for row in qualities.rows] == ["image", "label"]
    right = results.slots.query("user == 1")["accuracy"]
    low, high = share_interval(float(right.mean()), 3)
    assert qualities.rows[1][-1] == f"{100 * low:.0f} to {100 * high:.0f}"
    assert "accuracy\n%" in allocators.columns
    summary = results.summary["allocators"]["exact"]
    assert summary["accuracy"] == pytest.approx(float(right.mean()))
    assert summary["accuracy_interval"] == (low, high)
    captions = results.pictures["exact"].captions
    assert "dB" in captions[0]
    assert ", sent " in captions[1]
    names = load_source(FASHION).classes
    got = int(results.slots.query("user == 1")["predicted"].iloc[0])
    assert results.pictures["exact"].words == (None, names[got])
    drawn = [text.get_text() for axis in figures(results)["images"].axes for text in axis.texts]
    assert names[got] in drawn


def test_labels_alone(fields: dict[str, Any], labels: dict[str, Any]) -> None:
    results = run(
        fields,
        users=[{"distance_m": 20, "codec": labels}],
        utility=fields["utility"] | {"weight": 30},
    )
    assert "psnr_db" not in results.summary["allocators"]["exact"]
    assert len(tables(results)) == 3


def test_requests_over_time(fields: dict[str, Any]) -> None:
    dynamics = {"traffic": {"model": "poisson", "requests_per_s": 5.0}}
    fading = {"model": "gauss_markov", "rician_k": 10, "slot_s": 0.5}
    cell = fields["cell"] | {"fading": fading}
    results = run(fields, slots=10, cell=cell, dynamics=dynamics)
    served = results.slots[results.slots["delivered"] > 0]
    assert served.query("user == 1")["accuracy"].isin([0.0, 1.0]).all()
    allocators, users = tables(results)
    assert "accuracy\n%" in allocators.columns
    assert "accuracy\n%" in users.columns
    words = results.pictures["exact"].words
    assert words[0] is None
    assert words[1] in load_source(FASHION).classes


def test_a_promise_of_accuracy_ends_with_the_codec_s_rates(fields: dict[str, Any]) -> None:
    """The line through 0.5 and 0.9 would be above 0.92 at the largest ρ of images."""
    results = run(fields, compare=["equal", "random"])
    asked = results.slots.query("user == 1")["rho"]
    assert (asked <= 0.1 * (1 + 1e-9)).all()
    assert (results.slots.query("user == 0 and allocator == 'equal'")["rho"] > 0.11).all()
    problem = DownlinkRun(DownlinkScenario.model_validate(fields)).problem
    image, label = problem.curve.quality(np.array([0.1171875, 0.1171875]))
    assert image > 30.0
    assert label == pytest.approx(0.9, abs=1e-3)
    for row in results.summary["allocators"].values():
        assert row["gap"] > -1e-6
    with pytest.raises(
        AllocationError, match=r"rho of user 1 is 0\.11.*\(0\.1, its highest rate\)"
    ):
        problem.check(
            Allocation(np.full(2, 0.11), np.full(2, 100.0), np.full(2, 1.0)),
            DownlinkState(np.full(2, 1e-9), np.full(2, 100.0)),
        )


@pytest.mark.parametrize("quality", ["fitted", "measured"])
def test_environments_reward_both(fields: dict[str, Any], quality: str) -> None:
    scenario = DownlinkScenario.model_validate(fields)
    env = gymnasium.make(
        "semsim/Downlink-v0", scenario=scenario, quality=quality, render_mode="rgb_array"
    )
    env.reset(seed=0)
    _, _, _, _, info = env.step(env.action_space.sample())
    found = info["user_quality"]
    assert found[0] > 2
    assert found[1] in (0.0, 1.0) if quality == "measured" else found[1] < 1.0
    # 50 dB, and an accuracy of 1, are seen as 1.
    seen = env.unwrapped.observation()[2:]
    assert seen == pytest.approx([found[0] / 50, found[1]])
    assert env.render().shape == (500, 900, 3)
    env.close()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": {"kind": "photos", "size": 32}}, "user 1 .*: it has no labels to compare"),
        (
            {"utility": {"quality_curve": "paper", "quality": "min"}},
            "PSNR does not compare with accuracy",
        ),
        ({"utility": {"quality_curve": "paper"}}, "user 1 gets labels by codec 'rkd_sc'"),
    ],
)
def test_what_cannot_be_is_said(
    fields: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        run(fields, **changes)


def test_the_true_label_never_travels(fields: dict[str, Any], monkeypatch: Any) -> None:
    built = DownlinkRun(DownlinkScenario.model_validate(fields))
    codec = built.user_codecs[1]
    seen: list[Any] = []
    inner = codec.encode

    def listening(source: Any, csi: Any, rate: Any) -> Any:
        blind = inner(type(source)(source.image), csi, rate)
        seen.append(torch.equal(blind.x, inner(source, csi, rate).x))
        return blind

    monkeypatch.setattr(codec, "encode", listening)
    built.run(lambda *_: None)
    assert seen
    assert all(seen)
