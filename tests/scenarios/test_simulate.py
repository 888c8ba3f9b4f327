"""Whole scenarios through the Python interface and the command line."""

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from semsim import load_scenario, simulate
from semsim.cli.main import app, main
from semsim.errors import CheckpointError, DataError, DeviceError, ScenarioError

DOWNLINK = """\
task: downlink
name: small
seed: 3
slots: 2
source: {kind: photos, size: 64}
codec: {kind: classical}
channel: {kind: awgn}
cell: {bandwidth_hz: 5000, power_w: 1}
users:
  - {distance_m: 100}
  - {distance_m: 200, codec: {kind: classical, format: webp}}
allocator: {kind: alternating}
compare: [{kind: equal}, {kind: random}, {kind: random, rho_min: 0.1}]
"""
LINK = """\
task: link
name: sweep
source: {kind: photos, size: 64}
images: 3
systems: [{codec: {kind: classical, rhos: [0.1171875]}}]
channels: [awgn]
snr_db: {start: -2, stop: 4, step: 6}
"""


@pytest.fixture
def downlink(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(DOWNLINK, encoding="utf-8")
    return path


def test_a_downlink_has_one_row_a_user_slot_and_allocator(downlink: Path) -> None:
    results = simulate(downlink)
    slots = results.slots
    assert len(slots) == 2 * 2 * 4
    assert list(results.summary["allocators"]) == ["alternating", "equal", "random", "random 2"]
    states = slots.groupby("allocator")["gain_db"].apply(list)
    assert all(gains == states.iloc[0] for gains in states), "allocators faced different slots"
    assert slots.groupby(["allocator", "slot"])["bandwidth_hz"].sum().max() <= 5000 * (1 + 1e-6)


def test_utilities_are_those_of_the_rows(downlink: Path) -> None:
    slots = simulate(downlink).slots
    for _, part in slots.groupby(["allocator", "slot"]):
        delay, energy = 0.33 * part["delay_s"].max(), 0.33 * part["energy_j"].sum()
        measured = 0.33 * part["psnr_db"].sum() - delay - energy
        assert part["utility_measured"].iloc[0] == pytest.approx(measured)
        predicted = 0.33 * part["psnr_predicted_db"].sum() - delay - energy
        assert part["utility_sent"].iloc[0] == pytest.approx(predicted)


def test_a_link_degrades_below_the_modem_s_threshold(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(LINK, encoding="utf-8")
    results = simulate(path)
    at = {point["snr_db"]: point for point in results.summary["points"]}
    # QPSK with rate 1/2 needs about 1 dB: at -2 dB every block fails, at 4 dB none.
    assert at[-2.0]["block_error_rate"] > 0.99
    assert at[4.0]["block_error_rate"] == 0.0
    assert at[4.0]["psnr_db"] > at[-2.0]["psnr_db"] + 5
    assert len(results.sweep) == 2 * 3


def test_the_command_writes_the_same_table_twice(downlink: Path, tmp_path: Path) -> None:
    tables = []
    for turn in ("a", "b"):
        out = tmp_path / turn
        arguments = ["run", str(downlink), "--out", str(out), "-q", "--json", str(out / "x.json")]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0
        (folder,) = (p for p in out.iterdir() if p.is_dir())
        tables.append((folder / "slots.parquet").read_bytes())
        names = {p.name for p in folder.iterdir()}
        assert names == {
            "allocation.png",
            "images.png",
            "manifest.json",
            "report.html",
            "scenario.resolved.yaml",
            "slots.parquet",
            "summary.json",
            "utility.png",
        }
        page = (folder / "report.html").read_text(encoding="utf-8")
        assert "data:image/png;base64," in page
        assert 'src="http' not in page
        written = json.loads((out / "x.json").read_text(encoding="utf-8"))
        assert len(written["slots"]) == len(pd.read_parquet(folder / "slots.parquet"))
        assert load_scenario(folder / "scenario.resolved.yaml") == load_scenario(downlink)
    assert tables[0] == tables[1]
    assert "Users in slot 0 under 'alternating'" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("name: small", "name: small\ndevice: 'cuda:99'", DeviceError, "cuda:99"),
        (
            "{kind: photos, size: 64}",
            "{kind: folder, path: /nowhere}",
            DataError,
            "no such folder",
        ),
        (
            "codec: {kind: classical}\nchannel",
            "codec: {kind: ftsc, weights: {'[4,2]': {path: /no.safetensors}}}\nchannel",
            CheckpointError,
            "/no.safetensors: there are no weights",
        ),
    ],
)
def test_a_machine_that_lacks_something(
    downlink: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    error: type[Exception],
    message: str,
) -> None:
    assert old in DOWNLINK
    downlink.write_text(DOWNLINK.replace(old, new), encoding="utf-8")
    with pytest.raises(error, match=message):
        simulate(downlink)
    out = downlink.parent / "out"
    monkeypatch.setattr("sys.argv", ["semsim", "run", str(downlink), "--out", str(out), "-q"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err + printed.out
    assert not out.exists()


def test_images_that_the_codec_cannot_take(downlink: Path) -> None:
    text = DOWNLINK.replace("size: 64", "size: 50").replace(
        "codec: {kind: classical}\nchannel", "codec: {kind: ftsc}\nchannel"
    )
    downlink.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"cannot take images of 50×50: .* change source\.size"):
        simulate(downlink)


def test_a_rate_that_the_codec_does_not_offer(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    named = LINK.replace("[0.1171875]}}]", "[0.1171875]}, rates: [jpg 0.1171875]}]")
    path.write_text(named, encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"no rate 'jpg .*; did you mean 'jpeg 0.1171875'"):
        simulate(path)


def test_a_wrong_scenario_ends_with_2_and_writes_nothing(
    downlink: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    downlink.write_text(DOWNLINK.replace("bandwidth_hz: 5000", "bandwidth_hz: -1"))
    out = downlink.parent / "out"
    monkeypatch.setattr("sys.argv", ["semsim", "run", str(downlink), "--out", str(out)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert f"{downlink}:8: cell.bandwidth_hz" in capsys.readouterr().err
    assert not out.exists()


def test_the_table_says_when_power_is_not_constrained(downlink: Path) -> None:
    from semsim.report.figures import figures
    from semsim.report.tables import tables

    downlink.write_text(DOWNLINK.replace("slots: 2", "slots: 1\npower_constraint: none"))
    results = simulate(downlink)
    assert all("not power constrained" in table.title for table in tables(results))
    for figure in figures(results).values():
        assert any("not power constrained" in text.get_text() for text in figure.texts)
