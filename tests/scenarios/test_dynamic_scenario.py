"""Downlinks in time through the Python interface and the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from semsim import load_scenario, simulate
from semsim.cli.main import app
from semsim.errors import ScenarioError
from semsim.scenario import DownlinkScenario

SCENARIO = """\
task: downlink
name: dynamic
seed: 3
slots: 12
source: {kind: photos, size: 64}
codec: {kind: classical, rhos: [0.03, 0.1171875]}
channel: {kind: awgn}
cell: {bandwidth_hz: 5000, power_w: 1}
users: [{distance_m: 100}, {distance_m: 200, codec: {kind: classical, format: webp}}]
dynamics:
  slot_s: 0.25
  mobility: {model: random_waypoint, radius_m: 300}
  traffic: {model: poisson, requests_per_s: 1.5, deadline_s: 1, queue: 2}
  energy: {capacity_j: 0.2, harvest_w: 0.05}
  population: {arrivals_per_s: 1, mean_stay_s: 3}
utility: {weight: [1, 2]}
allocator: {kind: exact}
compare: [{kind: equal}, {kind: random}]
"""
DYNAMICS = SCENARIO[SCENARIO.index("dynamics:") : SCENARIO.index("utility:")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "dynamic.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


def test_a_run_from_the_command_line(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["run", str(path), "--out", str(out), "-q", "--json", str(out / "x.json")]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    (folder,) = (p for p in out.iterdir() if p.is_dir())
    assert {"dynamics.png", "utility.png", "images.png", "slots.parquet"} <= {
        p.name for p in folder.iterdir()
    }
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("Slot by slot", "delivered", "Users under &#39;exact&#39;"):
        assert words in page
    again = simulate(path)
    again.write(tmp_path)
    assert (tmp_path / "slots.parquet").read_bytes() == (folder / "slots.parquet").read_bytes()
    assert load_scenario(folder / "scenario.resolved.yaml") == load_scenario(path)

    slots, rows = again.slots, again.summary["allocators"]
    worlds = slots.groupby("allocator")[["arrived", "present", "gain_db"]].apply(
        lambda part: part.to_numpy().tolist()
    )
    assert all(world == worlds.iloc[0] for world in worlds), "allocators faced different worlds"
    for name, part in slots.groupby("allocator"):
        row = rows[name]
        ends = ("delivered", "expired", "overflowed", "abandoned", "queued")
        assert row["arrived"] == sum(row[end] for end in ends) == part["arrived"].sum()
        nothing = part[part["waiting"] == 0]
        assert (nothing[["bandwidth_hz", "power_w", "energy_j"]] == 0).all(axis=None)
        for _, slot in part.groupby("slot"):
            sent = slot[slot["delivered"] > 0]
            weight = np.array([1, 2])[sent["user"]]
            slowest_s = sent["delay_s"].max() if len(sent) else 0.0
            quality_db = (weight * sent["psnr_db"]).sum()
            expected = 0.33 * (quality_db - slowest_s - slot["energy_j"].sum())
            assert slot["utility_measured"].iloc[0] == pytest.approx(expected)
    assert json.loads((folder / "summary.json").read_text())["allocators"] == rows


def test_dynamics_are_optional_part_by_part(path: Path) -> None:
    text = SCENARIO.replace(DYNAMICS, "dynamics: {slot_s: 60}\n").replace("slots: 12", "slots: 1")
    path.write_text(text, encoding="utf-8")
    dynamic = simulate(path).slots
    path.write_text(text.replace("dynamics: {slot_s: 60}\n", ""), encoding="utf-8")
    static = simulate(path).slots
    for name in ("gain_db", "psnr_db", "delay_s", "utility_measured"):
        ours = dynamic.loc[dynamic["allocator"] == "exact", name]
        theirs = static.loc[static["allocator"] == "exact", name]
        assert ours.to_numpy() == pytest.approx(theirs.to_numpy(), rel=1e-9), name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  slot_s: 0.25\n", "", "'dynamics.slot_s' is missing"),
        (
            "power_w: 1}",
            "power_w: 1, fading: {model: jakes, slot_s: 0.5}}",
            r"'dynamics.slot_s' is 0.25, but 'cell.fading.slot_s' is 0.5; leave the former out",
        ),
        ("radius_m: 300", "radius_m: 150", "radius_m' is 150, but users start up to 200 m"),
        (
            "power_w: 1}",
            "power_w: 1, propagation: {model: umi, indoor_share: 0.5}}",
            "moves users outdoors",
        ),
        ("capacity_j: 0.2", "capacity_j: 0.2, start_j: 1", "'start_j' .* lower it"),
        ("mean_stay_s: 3", "mean_stay_s: 3, start_users: 3", "'users' has only 2 places"),
        ("model: random_waypoint", "model: levy_flight", "random_waypoint"),
        (
            "power_w: 1}",
            "power_w: 1, rate: mcs}\nmodem: {mcs: 5, retransmissions: 1}",
            "know no 'modem.retransmissions'",
        ),
    ],
)
def test_mistakes_are_told(path: Path, old: str, new: str, message: str) -> None:
    assert old in SCENARIO
    path.write_text(SCENARIO.replace(old, new), encoding="utf-8")
    with pytest.raises(ScenarioError, match=message):
        load_scenario(path)


def test_a_moving_fading_s_slot_is_the_slot(path: Path) -> None:
    text = SCENARIO.replace("  slot_s: 0.25\n", "")
    fading = "power_w: 1, fading: {model: jakes, slot_s: 0.5}}"
    path.write_text(text.replace("power_w: 1}", fading), encoding="utf-8")
    scenario = load_scenario(path)
    assert isinstance(scenario, DownlinkScenario)
    assert scenario.slot_s == 0.5
