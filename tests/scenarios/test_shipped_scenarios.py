"""Every scenario and recipe that ships is valid, and the schema beside them is up to date."""

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from semsim.config import load
from semsim.scenario import Scenario, load_scenario
from semsim.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.name)
def test_scenarios_are_valid(path: Path) -> None:
    assert load_scenario(path).name == path.stem
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=scenario.schema.json"


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.name)
def test_recipes_are_valid(path: Path) -> None:
    assert load(path, Recipe).name.replace("-", "_") == path.stem


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.name)
def test_recipes_never_see_the_test_images(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    held_out = ("aitzgorri", "friends", "Picture_0B", "sunset", "astronaut", "coffee", "china")
    for source in load(path, Recipe).sources:
        data = source.model_dump(mode="json")
        if data["kind"] == "scenes":  # drawn anew for every batch
            continue
        if data["kind"] != "folder":
            assert data["split"] == "train"
        else:
            assert not any(name in str(data["include"]) for name in held_out)
            assert "*" not in data["include"]
    assert "split: all" not in text


def test_the_schema_file_is_current() -> None:
    written = json.loads((ROOT / "scenarios/scenario.schema.json").read_text(encoding="utf-8"))
    current = TypeAdapter(Scenario).json_schema()
    assert written == json.loads(json.dumps(current)), (
        "run: python -m semsim schema --json scenarios/scenario.schema.json"
    )
