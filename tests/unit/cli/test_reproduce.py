"""`semsim reproduce` and `semsim zoo rebuild` at the command line."""

import html
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semsim.cli.main import app
from semsim.errors import SemsimError
from semsim.experiments.trangdeepsc import table5


def test_the_list_says_what_and_how_long(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    done = CliRunner().invoke(app, ["reproduce", "list", "--json", str(path)])
    assert done.exit_code == 0
    rows = json.loads(path.read_text())
    assert {row["id"] for row in rows} >= {"trangdeepsc-fig3", "trangdeepsc-table5"}
    assert all(row["takes"]["small"] for row in rows)


def test_a_reproduction_leaves_tables_verdicts_and_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table5, "_RUNS", {"small": 2})
    monkeypatch.setattr(table5, "_WARM", 0)
    path = tmp_path / "out.json"
    command = ["reproduce", "trangdeepsc-table5", "--out", str(tmp_path), "-q"]
    done = CliRunner().invoke(app, [*command, "--json", str(path)], catch_exceptions=False)
    assert done.exit_code == 0
    assert "Claims of Do et al., TranGDeepSC" in done.output
    verdicts = json.loads(path.read_text())["summary"]["verdicts"]
    assert len(verdicts) == 3
    (folder,) = tmp_path.glob("trangdeepsc-table5-*")
    assert {p.name for p in folder.iterdir()} >= {
        "report.html",
        "table5.parquet",
        "table5.png",
        "summary.json",
        "manifest.json",
    }
    page = html.unescape((folder / "report.html").read_text())
    assert verdicts[0]["because"] in page
    assert "power constrained" not in page


def test_an_unknown_experiment_ends_without_a_traceback() -> None:
    done = CliRunner().invoke(app, ["reproduce", "trangdeepsc-fig33"])
    assert isinstance(done.exception, SemsimError)
    assert "did you mean 'trangdeepsc-fig3'" in str(done.exception)
    assert CliRunner().invoke(app, ["reproduce", "list", "--scale", "huge"]).exit_code == 2


def test_a_checkpoint_is_rebuilt_by_the_recipe_on_its_card(tmp_path: Path) -> None:
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "ftsc_2_2.yaml").write_text(
        "name: ftsc-2-2\n"
        "objective: {kind: vqvae2, model: {bottom: 2, filters: 8, residual_filters: 4, dim: 4}}\n"
        "sources: [{kind: photos, split: train, size: 16, crop: random}]\n"
        "batch: 2\nsteps: 2\n"
    )
    command = ["zoo", "rebuild", "ftsc-2-2", "--recipes", str(recipes), "-q"]
    done = CliRunner().invoke(app, [*command, "--folder", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "ftsc-2-2" / "ftsc-2-2.safetensors").is_file()
    assert "shipped: SHA-256" in done.output


_STAGE = (
    "objective: {kind: reconstruction, codec: {kind: deepjscc, weights: WEIGHTS}}\n"
    "link: {channel: awgn, snr_db: 10}\n"
    "sources: [{kind: photos, split: train, size: 16, crop: random}]\n"
    "batch: 2\nsteps: 2\n"
)


def test_a_recipe_that_starts_from_another_is_rebuilt_after_it(tmp_path: Path) -> None:
    first = tmp_path / "first" / "first.safetensors"
    (tmp_path / "first.yaml").write_text("name: first\n" + _STAGE.replace("WEIGHTS", "random"))
    (tmp_path / "ftsc_2_2.yaml").write_text(
        "name: second\nafter: first.yaml\n" + _STAGE.replace("WEIGHTS", f"{{path: '{first}'}}")
    )
    command = ["zoo", "rebuild", "ftsc-2-2", "--recipes", str(tmp_path), "-q", "--folder"]
    done = CliRunner().invoke(app, [*command, str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    written = first.stat().st_mtime_ns
    assert (tmp_path / "second" / "second.safetensors").is_file()
    again = CliRunner().invoke(app, [*command, str(tmp_path)], catch_exceptions=False)
    assert again.exit_code == 0, again.output
    assert first.stat().st_mtime_ns == written, "the first stage was there already"


def test_recipes_that_come_after_each_other_are_refused(tmp_path: Path) -> None:
    stage = _STAGE.replace("WEIGHTS", "random")
    (tmp_path / "ftsc_2_2.yaml").write_text("name: one\nafter: two.yaml\n" + stage)
    (tmp_path / "two.yaml").write_text("name: two\nafter: ftsc_2_2.yaml\n" + stage)
    done = CliRunner().invoke(app, ["zoo", "rebuild", "ftsc-2-2", "--recipes", str(tmp_path)])
    assert "leads back to itself" in str(done.exception)
