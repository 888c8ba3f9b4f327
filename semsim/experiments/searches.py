"""Architecture searches of an experiment, each once, several side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from semsim.errors import ScenarioError
from semsim.experiments.definition import Setting
from semsim.experiments.identity import with_weights
from semsim.experiments.side_by_side import side_by_side
from semsim.training.search.recipe import SearchRecipe
from semsim.training.search.run import ARCHITECTURE, EPOCHS, STAGES, search_recipe


@dataclass(frozen=True)
class Searched:
    """What a search left.

    Attributes:
        blocks: bottlenecks of each stage.
        epochs: its course, one row an epoch.
        stages: likewise, one row an epoch, stage and candidate.
    """

    blocks: tuple[int, ...]
    epochs: pd.DataFrame
    stages: pd.DataFrame


def search_all(recipes: Mapping[str, dict[str, Any]], setting: Setting) -> dict[str, Searched]:
    """Run every search that has not been run before; go on where one was interrupted.

    Args:
        recipes: fields of a search recipe (without its name) by label.
        setting: where to keep results, how many at a time, on which device.

    Raises:
        ScenarioError: if a recipe is wrong, or its images do not suit it.
        SemsimError: for missing weights or images, or if a search fails.
    """
    checked = {label: _recipe(label, fields) for label, fields in recipes.items()}
    folders = {label: _folder(recipe, setting) for label, recipe in checked.items()}
    missing = [label for label, folder in folders.items() if not (folder / ARCHITECTURE).is_file()]
    done = len(checked) - len(missing)
    setting.report(done, len(checked), "searching" if missing else "searched before")
    jobs = {
        label: (checked[label].model_dump_json(), folders[label], setting.device)
        for label in missing
    }
    for label in side_by_side(_one, jobs, setting.workers):
        done += 1
        setting.report(done, len(checked), f"searched {label}")
    return {label: _read(folder) for label, folder in folders.items()}


def _recipe(label: str, fields: dict[str, Any]) -> SearchRecipe:
    try:
        return SearchRecipe.model_validate({"name": label, **fields})
    except ValidationError as error:
        raise ScenarioError(f"search {label}: {error}") from error


def _folder(recipe: SearchRecipe, setting: Setting) -> Path:
    return setting.folder("searches", recipe.name, with_weights(recipe))


def _one(text: str, folder: Path, device: str) -> None:
    search_recipe(SearchRecipe.model_validate_json(text), folder, device, resume=True)


def _read(folder: Path) -> Searched:
    epochs = pd.read_parquet(folder / f"{EPOCHS}.parquet")
    stages = pd.read_parquet(folder / f"{STAGES}.parquet")
    last = stages[(stages["epoch"] == stages["epoch"].max()) & stages["selected"]]
    return Searched(tuple(last.sort_values("stage")["blocks"].tolist()), epochs, stages)
