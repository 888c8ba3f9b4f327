"""From a search recipe to an architecture on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from semsim.results import write_text
from semsim.training.search.recipe import SearchRecipe
from semsim.training.search.searcher import Found, Searcher, SearchProgress

#: Written last: where it is, the search has ended.
ARCHITECTURE, EPOCHS, STAGES = "architecture.yaml", "epochs", "stages"


def search_recipe(
    recipe: SearchRecipe,
    folder: Path,
    device: str,
    *,
    resume: bool = False,
    report: Callable[[SearchProgress], None] = lambda _: None,
) -> Found:
    """Search, then write the trajectory and the architecture into ``folder``.

    Args:
        recipe: the checked recipe.
        folder: for the checkpoint, ``epochs`` and ``stages`` (Parquet and CSV) and
            ``architecture.yaml``.
        device: where to search.
        resume: go on from the folder's checkpoint.
        report: told about every step.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        (folder / ARCHITECTURE).unlink(missing_ok=True)
    found = Searcher(recipe, folder, device).run(resume=resume, report=report)
    for name, table in ((EPOCHS, found.epochs), (STAGES, found.stages)):
        table.to_parquet(folder / f"{name}.parquet")
        table.to_csv(folder / f"{name}.csv", index=False)
    write_text(folder / ARCHITECTURE, architecture_yaml(recipe, found))
    return found


def architecture_yaml(recipe: SearchRecipe, found: Found) -> str:
    """Return a file that names the architecture as a codec's ``encoder``."""
    encoder = recipe.model.encoder(found.blocks)
    options = ", ".join(
        f"{name}: {list(value) if isinstance(value, tuple) else value}"
        for name, value in encoder.model_dump().items()
    )
    accuracy = found.epochs["accuracy"].iloc[-1]
    return (
        f"# Found by {recipe.method.kind} (recipe {recipe.name}, seed {recipe.seed}) in "
        f"{recipe.epochs} epochs.\n"
        f"# {found.parameters:,} parameters in the stages; the supernet's validation accuracy: "
        f"{accuracy:.3f}.\n"
        f"encoder: {{{options}}}\n"
    )
