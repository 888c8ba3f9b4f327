"""From a recipe to weights with a card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from semsim.codecs import checkpoints
from semsim.results import recorded_versions
from semsim.training.logs import Logs
from semsim.training.loop import Progress, Trained, train
from semsim.training.recipe import Recipe
from semsim.types import Product


def train_recipe(
    recipe: Recipe,
    path: Path,
    folder: Path,
    device: str,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Train, then write ``NAME.safetensors`` and its card ``NAME.yaml`` into ``folder``.

    Args:
        recipe: the checked recipe.
        path: its file, named on the card.
        folder: for the checkpoint, the logs and the weights.
        device: where to train.
        resume: go on from the folder's checkpoint.
        report: told about every step.

    Returns:
        the cards: one for each set of weights that the recipe's objective leaves.
    """
    with Logs(folder) as log:

        def told(progress: Progress) -> None:
            log(progress)
            report(progress)

        trained = train(recipe, folder, device=device, resume=resume, report=told)
    return write_products(recipe, path, folder, trained)


def write_products(
    recipe: Recipe, path: Path, folder: Path, trained: Trained
) -> list[dict[str, Any]]:
    """Write the weights of a finished run and their cards into ``folder``; return the cards."""
    return [
        _write(recipe, path, folder / f"{name}.safetensors", trained, product)
        for name, product in zip(_names(recipe, trained), trained.products, strict=True)
    ]


def _names(recipe: Recipe, trained: Trained) -> list[str]:
    further = [p.part.rpartition(".")[2] or p.model for p in trained.products[1:]]
    return [recipe.name, *(recipe.names.get(name, f"{recipe.name}-{name}") for name in further)]


def _write(
    recipe: Recipe, path: Path, weights: Path, trained: Trained, product: Product
) -> dict[str, Any]:
    model = trained.models[product.model].get_submodule(product.part)
    card = {
        "name": weights.stem,
        "codec": product.codec,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "sha256": checkpoints.write(weights, model.state_dict(), product.sizes),
        "recipe": path.name,
        "steps": trained.steps,
        "batch": recipe.batch,
        "seed": recipe.seed,
        "needs": recipe.needs,
        "figures": {f"held_out_{name}": round(v, 3) for name, v in trained.figures.items()},
        "versions": recorded_versions(),
    }
    if product.room != "codecs":
        card["room"] = product.room
    checkpoints.write_card(weights.with_suffix(".yaml"), card)
    return card | {"weights": str(weights)}
