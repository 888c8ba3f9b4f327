"""Training what an experiment needs, once, several side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semsim.errors import ScenarioError
from semsim.experiments.definition import Setting
from semsim.experiments.identity import with_weights
from semsim.experiments.side_by_side import side_by_side
from semsim.training.recipe import Recipe
from semsim.training.run import train_recipe
from semsim.zoo import card_of


@dataclass(frozen=True)
class Trained:
    """Weights that a recipe left.

    Attributes:
        weights: the main file.
        figures: held-out figures on its card.
    """

    weights: Path
    figures: dict[str, float]

    @property
    def codec(self) -> dict[str, Any]:
        """How a scenario names the codec with these weights."""
        return card_of(self.weights).codec


def train_all(recipes: Mapping[str, dict[str, Any]], setting: Setting) -> dict[str, Trained]:
    """Train every recipe that has not been trained before; go on where one was interrupted.

    Args:
        recipes: fields of a recipe (without its name) by label.
        setting: where to keep weights, how many at a time, on which device.

    Raises:
        ScenarioError: if a recipe is wrong.
        SemsimError: if training fails.
    """
    checked = {label: _recipe(label, fields) for label, fields in recipes.items()}
    folders = {label: _folder(recipe, setting) for label, recipe in checked.items()}
    missing = [label for label in checked if not _weights(checked[label], folders[label]).is_file()]
    done = len(checked) - len(missing)
    setting.report(done, len(checked), "training" if missing else "trained before")
    jobs = {
        label: (checked[label].model_dump_json(), folders[label], setting.device)
        for label in missing
    }
    for label in side_by_side(_one, jobs, setting.workers):
        done += 1
        setting.report(done, len(checked), f"trained {label}")
    return {
        label: Trained(path, card_of(path).figures)
        for label, recipe in checked.items()
        for path in [_weights(recipe, folders[label])]
    }


def _recipe(label: str, fields: dict[str, Any]) -> Recipe:
    try:
        return Recipe.model_validate({"name": label, **fields})
    except ValueError as error:
        raise ScenarioError(f"recipe {label}: {error}") from error


def _folder(recipe: Recipe, setting: Setting) -> Path:
    return setting.folder("trainings", recipe.name, with_weights(recipe))


def _weights(recipe: Recipe, folder: Path) -> Path:
    return folder / f"{recipe.name}.safetensors"


def _one(text: str, folder: Path, device: str) -> None:
    recipe = Recipe.model_validate_json(text)
    train_recipe(recipe, Path("reproduce"), folder, device, resume=True)
