"""From a recipe to weights with a card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from semsim.codecs import checkpoints
from semsim.results import recorded_versions
from semsim.training.loop import Progress, train
from semsim.training.recipe import Recipe


def train_recipe(
    recipe: Recipe,
    path: Path,
    folder: Path,
    device: str,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Train, then write ``NAME.safetensors`` and its card ``NAME.yaml`` into ``folder``.

    Args:
        recipe: the checked recipe.
        path: its file, named on the card.
        folder: for the checkpoint and the weights.
        device: where to train.
        resume: go on from the folder's checkpoint.
        report: told about every step.

    Returns:
        the card.
    """
    model, figures = train(recipe, folder, device=device, resume=resume, report=report)
    weights = folder / f"{recipe.name}.safetensors"
    config = recipe.objective.model_dump(mode="json")["model"]
    card = {
        "name": recipe.name,
        "sha256": checkpoints.write(weights, model.state_dict(), config),
        "recipe": path.name,
        "steps": recipe.steps,
        "batch": recipe.batch,
        "seed": recipe.seed,
        "needs": recipe.needs,
        "figures": {f"held_out_{name}": round(value, 3) for name, value in figures.items()},
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "versions": recorded_versions(),
    }
    checkpoints.write_card(weights.with_suffix(".yaml"), card)
    return card | {"weights": str(weights)}
