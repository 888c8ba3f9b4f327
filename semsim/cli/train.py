"""``semsim train``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import Device, Json, Quiet, Resume


def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe file (YAML).", show_default=False)],
    folder: Annotated[
        Path, typer.Option(help="Folder for checkpoints and weights; a sub-folder by name.")
    ] = Path("runs/training"),
    resume: Resume = False,
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Train what a recipe describes and write its weights with their card.

    Example: `semsim train recipes/ftsc_4_2.yaml`
    """
    from semsim.config import load
    from semsim.training.recipe import Recipe

    checked = load(recipe, Recipe)
    gc.enable()

    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from semsim.channels.devices import check_device
    from semsim.cli.output import make_console
    from semsim.results import write_json
    from semsim.training.loop import Progress as Step
    from semsim.training.run import train_recipe

    check_device(device or "cpu")
    console = make_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=quiet) as progress:
        task = progress.add_task(checked.name, total=checked.steps)

        def report(step: Step) -> None:
            shown = " ".join(f"{name} {value:.3g}" for name, value in step.figures.items())
            text = f"{checked.name}: loss {step.loss:.3g} {shown} {step.images_per_s:.0f} images/s"
            progress.update(task, completed=step.step, total=step.steps, description=text)
            if step.evaluated and step.held_out:
                held = ", ".join(f"{name} {value:.2f}" for name, value in step.held_out.items())
                progress.console.print(f"step {step.step}: held out: {held}", highlight=False)

        cards = train_recipe(
            checked, recipe, folder / checked.name, device or "cpu", resume=resume, report=report
        )
    for card in cards:
        console.print(f"weights: {card['weights']}", soft_wrap=True, highlight=False)
    if json is not None:
        write_json(json, cards)
