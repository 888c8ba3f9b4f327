"""`semsim bank`: a recipe to a bank."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from semsim.cli.main import app
from semsim.codecs import checkpoints
from semsim.codecs.mmsemcom.bank import read_bank
from semsim.codecs.mmsemcom.bank_config import BankRecipe
from semsim.codecs.mmsemcom.sampler import ClassUnet
from semsim.codecs.mmsemcom.sampler_config import ClassUnetModel
from semsim.config import load
from semsim.errors import ScenarioError

RECIPE = """
name: tiny
sampler: {{kind: class_diffusion, weights: {{path: {path}}}, steps: 1}}
classes: [bag, sneaker]
per_class: 2
"""


def test_a_recipe_becomes_a_bank(tmp_path: Path) -> None:
    model = ClassUnetModel(size=8, channels=(8,), layers=1, attention=0, groups=4, head_width=4)
    network, path = ClassUnet(model), tmp_path / "tiny.safetensors"
    checkpoints.write(path, network.state_dict(), network.sizes())
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(RECIPE.format(path=path), encoding="utf-8")
    told = tmp_path / "told.json"
    options = ["--folder", str(tmp_path / "banks"), "--quiet", "--json", str(told)]
    done = CliRunner().invoke(app, ["bank", str(recipe), *options], catch_exceptions=False)
    bank = read_bank(tmp_path / "banks" / "tiny")
    assert "2 images of each: bag, sneaker" in done.output
    assert bank.images.shape == (2, 2, 3, 8, 8)
    assert json.loads(told.read_text())["identity"] == bank.identity


def test_the_recipe_in_the_repository_is_valid() -> None:
    folder = Path(__file__).parents[3] / "recipes" / "banks"
    assert load(folder / "mmsemcom_fashion.yaml", BankRecipe).classes == ("bag", "sneaker")


def test_mistakes_name_the_place(tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(RECIPE.format(path="x").replace("class_diffusion", "diffusion"))
    with pytest.raises(ScenarioError, match="class_diffusion"):
        load(recipe, BankRecipe)
