"""Sources that recipes share: the same recipe as with the list, and clear mistakes."""

from pathlib import Path

import pytest

from semsim.config import load
from semsim.errors import ScenarioError
from semsim.training.recipe import Recipe

LISTED = """\
name: one
objective: {kind: vqvae2}
steps: 1
sources:
  - {kind: photos, split: train, crop: random, size: 64, least: 0.5}
  - {kind: scenes, size: 64}
"""
SHARED = """\
name: one
objective: {kind: vqvae2}
steps: 1
sources: {file: sources/two.yaml, each: {size: 64}}
"""
TWO = """\
- {kind: photos, split: train, crop: random, least: 0.5}
- {kind: scenes, size: 32}
"""


def write(folder: Path, recipe: str, sources: str | None = TWO) -> Path:
    path = folder / "one.yaml"
    path.write_text(recipe, encoding="utf-8")
    if sources is not None:
        (folder / "sources").mkdir()
        (folder / "sources" / "two.yaml").write_text(sources, encoding="utf-8")
    return path


def test_shared_sources_are_the_list_that_they_stand_for(tmp_path: Path) -> None:
    shared = load(write(tmp_path, SHARED), Recipe)
    assert shared == load(write(tmp_path, LISTED, None), Recipe)
    # What a checkpoint keeps needs no file.
    assert Recipe.model_validate_json(shared.model_dump_json()) == shared


@pytest.mark.parametrize(
    ("recipe", "sources", "message"),
    [
        (SHARED, None, r"sources/two\.yaml"),
        (SHARED, "kind: photos\n", r"two\.yaml:1: expected a list of sources"),
        (SHARED, "- photos\n", r"two\.yaml:1: expected a list of sources"),
        (SHARED, "- {kind: photographs}\n", r"one\.yaml:4: sources.*photos"),
        (SHARED.replace("each:", "every:"), TWO, r"one\.yaml:4: sources.*every"),
    ],
)
def test_mistakes_name_the_file(
    tmp_path: Path, recipe: str, sources: str | None, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        load(write(tmp_path, recipe, sources), Recipe)


def test_a_recipe_without_a_file_lists_its_sources() -> None:
    fields = {"name": "one", "objective": {"kind": "vqvae2"}, "steps": 1}
    with pytest.raises(ValueError, match="list the sources here"):
        Recipe.model_validate({**fields, "sources": {"file": "two.yaml"}})


def test_the_schema_shows_both_forms() -> None:
    either = Recipe.model_json_schema()["properties"]["sources"]["anyOf"]
    assert either[0]["type"] == "array"
    assert set(either[1]["properties"]) == {"file", "each"}
