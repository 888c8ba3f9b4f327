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
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            help="Processes that share every batch, by Ray Train; weights as of one, but for "
            "rounding. With --device cuda each has a GPU.",
        ),
    ] = 1,
    address: Annotated[
        str | None,
        typer.Option(
            help="A running Ray cluster, such as 10.0.0.1:6379 or auto; by default Ray is started "
            "here, for several workers.",
            show_default=False,
        ),
    ] = None,
    cpus: Annotated[
        int,
        typer.Option("--cpus-per-worker", min=1, help="CPUs and threads of each of them on Ray."),
    ] = 1,
    retries: Annotated[
        int,
        typer.Option(
            min=0, help="How often all go on from the last checkpoint after a worker died."
        ),
    ] = 3,
) -> None:
    """Train what a recipe describes and write its weights with their card.

    Example: `semsim train recipes/ftsc_4_2.yaml`, or on two cores `semsim train
    recipes/deepjscc_1_6.yaml --workers 2`
    """
    from semsim.config import load
    from semsim.training.recipe import Recipe

    checked = load(recipe, Recipe)
    gc.enable()

    from semsim.channels.devices import check_device
    from semsim.cli.output import make_console
    from semsim.cli.progress import step_progress
    from semsim.results import write_json
    from semsim.training.loop import Progress as Step
    from semsim.training.run import train_recipe

    where = device or "cpu"
    alone = workers == 1 and address is None
    if alone:
        check_device(where)
    console = make_console()
    with step_progress(console, quiet) as progress:
        task = progress.add_task(checked.name, total=checked.steps)

        def report(step: Step) -> None:
            shown = " ".join(f"{name} {value:.3g}" for name, value in step.figures.items())
            text = f"{checked.name}: loss {step.loss:.3g} {shown} {step.images_per_s:.0f} images/s"
            progress.update(task, completed=step.step, total=step.steps, description=text)
            if step.evaluated and step.held_out:
                held = ", ".join(f"{name} {value:.2f}" for name, value in step.held_out.items())
                progress.console.print(f"step {step.step}: held out: {held}", highlight=False)

        runs = folder / checked.name
        if alone:
            cards = train_recipe(checked, recipe, runs, where, resume=resume, report=report)
        else:
            from semsim_agents.together.team import Team, train_together

            team = Team(workers, address, where, cpus, retries)
            cards = train_together(checked, recipe, runs, team, resume=resume, report=report)
    for card in cards:
        console.print(f"weights: {card['weights']}", soft_wrap=True, highlight=False)
    if json is not None:
        write_json(json, cards)
