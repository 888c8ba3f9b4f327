"""Link scenarios: sweeps that resume, equal channel uses, and lines that nothing passes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from semsim import load_codec
from semsim.cli.main import app
from semsim.codecs import checkpoints
from semsim.errors import ScenarioError
from semsim.report.figures import figures
from semsim.report.tables import tables
from semsim.scenario import LinkScenario, load_scenario
from semsim.sweep.run import folder_of_points, sweep

SMALL = """\
task: link
name: small
seed: 4
source: {kind: photos, size: 64}
images: 2
systems:
  - {label: WebP, codec: {kind: classical, format: webp, rhos: [0.1171875]}}
  - {label: JPEG separation, separation: jpeg, match: WebP}
channels: [awgn, {kind: rayleigh, block: 500}]
modem: {modulation: qpsk, code_rate: 0.5}
snr_db: [-4, 8]
limits: {match: WebP, opta: [image], at_capacity: [jpeg]}
"""


def scenario(tmp_path: Path, text: str = SMALL, old: str = "", new: str = "") -> LinkScenario:
    path = tmp_path / "link.yaml"
    path.write_text(text.replace(old, new) if old else text, encoding="utf-8")
    loaded = load_scenario(path)
    assert isinstance(loaded, LinkScenario)
    return loaded


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[LinkScenario, pd.DataFrame]:
    loaded = scenario(tmp_path_factory.mktemp("whole"))
    return loaded, sweep(loaded).sweep


class KilledError(Exception):
    pass


def test_a_killed_sweep_goes_on_with_what_is_missing(whole, tmp_path: Path) -> None:
    loaded, uninterrupted = whole
    keep = folder_of_points(tmp_path, loaded)
    said: list[tuple[int, int]] = []

    def kill(done: int, total: int, _what: str) -> None:
        said.append((done, total))
        if done == 5:
            raise KilledError

    with pytest.raises(KilledError):
        sweep(loaded, keep=keep, report=kill)
    first = {path.name: path.stat().st_mtime_ns for path in keep.rglob("*.parquet")}
    assert len(first) == 5
    # A file that was being written when the process died is no point.
    (folder,) = keep.iterdir()
    (folder / "0123.tmp").write_bytes(b"half")
    said.clear()
    resumed = sweep(loaded, keep=keep, report=lambda *call: said.append(call[:2])).sweep
    assert said[0] == (5, 12)
    assert len(said) == 1 + 7
    second = {path.name: path.stat().st_mtime_ns for path in keep.rglob("*.parquet")}
    assert len(second) == 12
    assert {name: second[name] for name in first} == first
    pd.testing.assert_frame_equal(resumed, uninterrupted)


def test_other_weights_under_the_same_name_are_measured_anew(tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    sizes = {"cbr": "1/6", "filters": [4, 4, 4, 4]}

    def train(seed: int) -> None:
        torch.manual_seed(seed)
        codec = load_codec({"kind": "deepjscc", "weights": "random", "model": sizes})
        checkpoints.write(own, codec.state_dict(), sizes)

    scenario = LinkScenario.model_validate(
        {
            "task": "link",
            "name": "again",
            "source": {"kind": "photos", "size": 32},
            "systems": [{"codec": {"kind": "deepjscc", "weights": {"path": str(own)}}}],
            "channels": ["awgn"],
            "images": 2,
            "snr_db": [0, 10],
        }
    )
    keep = folder_of_points(tmp_path, scenario)
    train(0)
    first = sweep(scenario, keep=keep).sweep
    train(1)
    second = sweep(scenario, keep=keep).sweep
    assert (first["psnr_db"] != second["psnr_db"]).all()
    pd.testing.assert_frame_equal(second, sweep(scenario).sweep)
    train(0)
    measured: list[tuple[int, int]] = []
    again = sweep(scenario, keep=keep, report=lambda *call: measured.append(call[:2])).sweep
    assert measured == [(2, 2)]  # those of the first weights are still there
    pd.testing.assert_frame_equal(again, first)


def test_points_kept_without_what_is_kept_today_are_measured_again(whole, tmp_path: Path) -> None:
    loaded, uninterrupted = whole
    sweep(loaded, keep=tmp_path)
    old = sorted(tmp_path.rglob("*.safetensors"))
    first = {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    with safe_open(old[0], "pt") as file:
        captions = {"captions": file.metadata()["captions"]}
    save_file(load_file(old[0]), old[0], captions)
    resumed = sweep(loaded, keep=tmp_path).sweep
    second = {path.name: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    again = {name for name in first if second[name] != first[name]}
    assert again == {old[0].with_suffix(".parquet").name}
    with safe_open(old[0], "pt") as file:
        assert set(file.metadata()) == {"captions", "sentences"}
    pd.testing.assert_frame_equal(resumed, uninterrupted)


def test_the_table_does_not_depend_on_the_number_of_workers(whole) -> None:
    loaded, alone = whole
    pd.testing.assert_frame_equal(sweep(loaded, workers=2).sweep, alone)


def test_a_sweep_is_known_by_all_that_decides_its_results(tmp_path: Path) -> None:
    one = folder_of_points(tmp_path, scenario(tmp_path))
    assert one == folder_of_points(tmp_path, scenario(tmp_path))
    for new in ("seed: 5", "seed: 4\npower_constraint: none"):
        assert one != folder_of_points(tmp_path, scenario(tmp_path, old="seed: 4", new=new))


def test_separation_gets_the_same_channel_uses_and_uses_the_snr(whole) -> None:
    _, table = whole
    measured = table[table["kind"] == "measured"]
    uses = measured.groupby(["channel", "snr_db"])["channel_uses"].nunique()
    assert (uses == 1).all()
    psnr = table.groupby(["channel", "system", "snr_db"])["psnr_db"].mean()
    for channel in ("awgn", "rayleigh"):
        separation, limit = psnr[channel, "JPEG separation"], psnr[channel, "jpeg at capacity"]
        assert separation[8.0] > separation[-4.0] + 3
        assert (separation <= limit).all()
    # The fixed modem is lost at -4 dB and gains nothing from a better SNR once it works.
    lost = measured[(measured["system"] == "WebP") & (measured["snr_db"] == -4)]
    assert lost["outage"].all()
    assert (lost["block_error_rate"] == 1).all()


def only(text: str, **lines: str) -> str:
    """Give lines of a scenario other values; an empty one takes the line out."""
    for key, value in lines.items():
        start = text.index(f"\n{key}:")
        end = text.index("\n", start + 1)
        text = text[:start] + (f"\n{key}: {value}" if value else "") + text[end:]
    return text


def test_the_separation_baseline_shows_its_outages(tmp_path: Path) -> None:
    """One gain an image: no MCS is safe, and what fails its CRC is grey."""
    text = only(SMALL, channels="[rayleigh]\ndraws: 8", snr_db="[8]", limits="")
    table = sweep(scenario(tmp_path, text)).sweep
    rows = table[table["system"] == "JPEG separation"]
    assert len(rows) == 16
    # A block whose CRC alone is damaged makes an outage as well.
    assert (rows["outage"] >= (rows["block_error_rate"] > 0)).all()
    assert 0 < rows["outage"].sum() < 16
    assert rows[rows["outage"]]["psnr_db"].max() < rows[~rows["outage"]]["psnr_db"].min()


GAUSSIAN = """\
task: link
name: gaussian
source: {kind: gaussian, size: 32}
images: 40
systems:
  - {label: linear, codec: {kind: linear, cbrs: ["1/6"]}}
  - {label: JPEG separation, separation: jpeg, match: linear}
channels: [awgn]
snr_db: [0, 10, 20]
limits: {match: linear, opta: [source], linear: true, at_capacity: [jpeg]}
"""


def test_a_linear_code_reaches_its_closed_form_and_nothing_passes_opta(tmp_path: Path) -> None:
    table = sweep(scenario(tmp_path, GAUSSIAN)).sweep
    mse = table.groupby(["snr_db", "system"])["mse"]
    for snr_db in (0.0, 10.0, 20.0):
        measured = mse.get_group((snr_db, "linear"))
        closed_form = mse.get_group((snr_db, "linear source")).item()
        # Four standard errors of the mean over images.
        error = 4 * measured.std() / len(measured) ** 0.5
        assert measured.mean() == pytest.approx(closed_form, abs=error)
        bound = mse.get_group((snr_db, "OPTA source")).item()
        for system in ("linear", "JPEG separation", "jpeg at capacity", "linear source"):
            assert mse.get_group((snr_db, system)).mean() > bound
    assert set(table.loc[table["system"] == "OPTA source", "kind"]) == {"bound"}


def test_tables_and_figures_name_bounds_references_and_departures(tmp_path: Path) -> None:
    results = sweep(scenario(tmp_path, old="seed: 4", new="seed: 4\nsnr_convention: batch_power"))
    assert not results.summary["power_constrained"]
    for table in tables(results):
        assert "SNR is not Es/N0 but batch_power" in table.title
    first = tables(results)[0]
    assert [row[0] for row in first.rows] == [
        "WebP",
        "JPEG separation",
        "OPTA image (reference)",
        "jpeg at capacity (reference)",
    ]
    assert "images" in first.note
    drawn = figures(results)["quality"]
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert "OPTA image (reference)" in labels
    assert any("batch_power" in text.get_text() for text in drawn.texts)


def test_spreading_is_part_of_a_sweep(tmp_path: Path) -> None:
    text = only(SMALL, channels="[awgn]", snr_db="[-4]", limits="")
    one = sweep(scenario(tmp_path, text)).sweep
    four = sweep(scenario(tmp_path, text + "spreading: {length: 4, users: 2}\n")).sweep
    uses = one.groupby("system")["channel_uses"].first()
    assert (four.groupby("system")["channel_uses"].first() == 4 * uses).all()
    # Despreading collects four chips: the modem of 1 dB threshold works at -4 dB + 6 dB.
    assert four.loc[four["system"] == "WebP", "block_error_rate"].max() == 0
    assert four.loc[four["system"] == "JPEG separation", "outage"].sum() == 0


def test_semantic_noise_is_judged_against_the_clean_image(tmp_path: Path) -> None:
    text = only(SMALL, channels="[awgn]", snr_db="[8]", limits="")
    clean = sweep(scenario(tmp_path, text)).sweep
    noisy = sweep(scenario(tmp_path, text + "semantic_noise: {snr_db: 10}\n")).sweep
    assert (noisy["psnr_db"] < clean["psnr_db"] - 1).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("match: WebP}\n", "match: WepB}\n", "'match' names 'WepB'"),
        ("label: JPEG separation, ", "label: WebP, ", "two systems are called 'WebP'"),
        ("separation: jpeg, match: WebP", "separation: jpeg", "go together"),
        ("separation: jpeg, match: WebP", "match: WebP", "either 'codec' or 'separation'"),
        ("images: 2", "images: 3\nspreading: {length: 4, users: 2}", "multiple"),
        ("opta: [image]", "opta: [source]", "source: gaussian"),
        ("rhos: [0.1171875]}}", "rhos: [0.1171875]}, rates: [nothing]}", "no rate 'nothing'"),
        ("rhos: [0.1171875]", "rhos: [0.001]", "change source.size"),
    ],
)
def test_mistakes_are_told_before_anything_is_measured(tmp_path, old, new, message) -> None:
    with pytest.raises(ScenarioError, match=message):
        sweep(scenario(tmp_path, old=old, new=new), report=lambda *_: pytest.fail("measured"))


def test_the_command_keeps_points_only_until_all_are_there(tmp_path: Path) -> None:
    path = tmp_path / "link.yaml"
    path.write_text(SMALL, encoding="utf-8")
    arguments = ["link", str(path), "--out", str(tmp_path / "runs"), "--workers", "1", "-q"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    names = {item.name for item in folder.iterdir()}
    assert {"sweep.parquet", "quality.png", "images.png", "report.html"} <= names
    assert "jpeg at capacity (reference)" in done.stdout
    assert load_scenario(folder / "scenario.resolved.yaml") == load_scenario(path)


def test_a_downlink_is_sent_to_the_right_command(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="semsim run"):
        CliRunner().invoke(app, ["link", "scenarios/downlink5.yaml", "-q"], catch_exceptions=False)
