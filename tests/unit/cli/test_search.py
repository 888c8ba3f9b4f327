"""`semsim search` at the command line."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from semsim.cli.main import app
from semsim.codecs.rkd_sc.config import RkdScModel
from semsim.config import load
from semsim.errors import ScenarioError
from semsim.training.search.recipe import SearchRecipe

ROOT = Path(__file__).parents[3]
RECIPE = """
name: tiny
method: {kind: darts}
model: {candidates: nested, positions: 1}
sources: [{kind: collection, name: fashion, split: train, size: 16}]
images: 8
batch: 4
epochs: 2
"""


def test_what_is_found_can_be_pasted_into_a_codec(tmp_path: Path) -> None:
    path, told = tmp_path / "tiny.yaml", tmp_path / "told.json"
    path.write_text(RECIPE)
    command = ["search", str(path), "--out", str(tmp_path), "-q", "--json", str(told)]
    done = CliRunner().invoke(app, command, catch_exceptions=False)
    assert done.exit_code == 0
    written = (tmp_path / "tiny" / "architecture.yaml").read_text()
    assert written.splitlines()[-1] in done.output
    encoder = RkdScModel.model_validate(yaml.safe_load(written)).encoder
    assert encoder.model_dump(mode="json") == json.loads(told.read_text())["encoder"]
    kept = {file.name for file in (tmp_path / "tiny").iterdir()}
    assert kept == {
        "architecture.yaml",
        "checkpoint.pt",
        "epochs.csv",
        "epochs.parquet",
        "search.png",
        "stages.csv",
        "stages.parquet",
    }
    before = (tmp_path / "tiny" / "stages.csv").read_text()
    again = CliRunner().invoke(app, [*command, "--resume"], catch_exceptions=False)
    assert again.exit_code == 0
    assert (tmp_path / "tiny" / "stages.csv").read_text() == before


def test_mistakes_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(RECIPE.replace("epochs: 2", "epoch: 2").replace("darts", "dart"))
    done = CliRunner().invoke(app, ["search", str(path)])
    assert isinstance(done.exception, ScenarioError)
    first, second = str(done.exception).splitlines()
    assert first.startswith(f"{path}:3: method")
    assert second.startswith(f"{path}:8: epoch")
    assert "epochs" in second


@pytest.mark.parametrize("path", sorted((ROOT / "recipes" / "searches").glob("*.yaml")))
def test_shipped_search_recipes_are_valid(path: Path) -> None:
    assert load(path, SearchRecipe).name == f"fashion-{'darts' if 'darts' in path.stem else 'kdl'}"
