"""``semsim search``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsim.cli.options import Device, Json, Quiet, Resume

if TYPE_CHECKING:
    from semsim.training.search.recipe import SearchRecipe
    from semsim.training.search.searcher import Found


def search(
    recipe: Annotated[
        Path, typer.Argument(help="A search recipe file (YAML).", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option(help="Folder for checkpoint, trajectory and result; a sub-folder by name."),
    ] = Path("runs/search"),
    resume: Resume = False,
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Search the architecture of a semantic encoder: KDL-DARTS or DARTS, of RKD-SC.

    What is found is printed, and written to architecture.yaml as the `encoder` of an `rkd_sc`
    codec, beside the course of the search as tables and a picture.

    Example: `semsim search recipes/searches/fashion.yaml`
    """
    from semsim.config import load
    from semsim.training.search.recipe import SearchRecipe

    checked = load(recipe, SearchRecipe)
    gc.enable()

    from semsim.channels.devices import check_device
    from semsim.cli.output import make_console
    from semsim.cli.progress import step_progress
    from semsim.results import write_json
    from semsim.training.search.run import ARCHITECTURE, search_recipe
    from semsim.training.search.searcher import SearchProgress

    where = device or "cpu"
    check_device(where)
    console = make_console()
    folder = out / checked.name
    with step_progress(console, quiet) as progress:
        task = progress.add_task(checked.name, total=None)

        def report(step: SearchProgress) -> None:
            text = f"{checked.name}: epoch {step.epoch + (step.row is None)} loss {step.loss:.3g}"
            progress.update(task, completed=step.step, total=step.steps, description=text)
            if step.row is not None:
                progress.console.print(
                    f"epoch {step.epoch}: accuracy {step.row['accuracy']:.3f}, blocks "
                    f"{step.row['blocks']}, {step.row['selected_parameters']:,} parameters",
                    highlight=False,
                )

        found = search_recipe(checked, folder, where, resume=resume, report=report)
    _draw(checked, found, folder)
    console.print((folder / ARCHITECTURE).read_text(encoding="utf-8"), end="", highlight=False)
    console.print(f"course: {folder / 'search.png'}", soft_wrap=True, highlight=False)
    if json is not None:
        last = found.epochs.iloc[-1].to_dict()
        encoder = checked.model.encoder(found.blocks).model_dump(mode="json")
        write_json(json, {"encoder": encoder, "folder": str(folder)} | _plain(last))


def _plain(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "blocks"}


def _draw(recipe: SearchRecipe, found: Found, folder: Path) -> None:
    import matplotlib as mpl

    from semsim.report.figures import STYLE
    from semsim.report.searches import search_figure

    named = {"method": recipe.method.kind, "seed": recipe.seed}
    with mpl.rc_context(STYLE):
        figure = search_figure(found.epochs.assign(**named), found.stages.assign(**named))
        figure.savefig(folder / "search.png", dpi=150)
