"""``semsim continual``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import Device, Json, Quiet, Resume


def continual(
    recipe: Annotated[
        Path, typer.Argument(help="A recipe of several tasks (YAML).", show_default=False)
    ],
    folder: Annotated[
        Path, typer.Option(help="Folder for weights, maps and tables; a sub-folder by name.")
    ] = Path("runs/continual"),
    resume: Resume = False,
    seeds: Annotated[
        int, typer.Option(min=1, help="How many runs, with the recipe's seed and those after it.")
    ] = 1,
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Learn one task after another, with a memory or without, and show what is forgotten.

    Example: `semsim continual recipes/continual/vlm_text_novel.yaml`
    """
    from semsim.config import load
    from semsim.continual.recipe import ContinualRecipe

    checked = load(recipe, ContinualRecipe)
    gc.enable()

    from semsim.channels.devices import check_device
    from semsim.cli.output import make_console, show_table
    from semsim.cli.progress import progress_bar
    from semsim.continual.forgetting import FIGURES, continual_tables, learning_map, map_figure
    from semsim.continual.run import learn, memory_by_round
    from semsim.results import write_json

    where = device or "cpu"
    check_device(where)
    console, runs = make_console(), folder / checked.name
    with progress_bar(quiet) as report:
        rows = learn(checked, runs, where, seeds=seeds, resume=resume, report=report)
    rows.to_csv(runs / "sentences.csv", index=False)
    memory = memory_by_round(checked, runs, seeds=seeds)
    memory.to_csv(runs / "memory.csv", index=False)
    maps = {title: learning_map(rows, name) for name, title in FIGURES.items()}
    map_figure(maps).savefig(runs / "map.png", dpi=150)
    for table in continual_tables(rows, memory):
        show_table(console, table)
    console.print(f"map: {runs / 'map.png'}", soft_wrap=True, highlight=False)
    if json is not None:
        write_json(json, {title: means.to_dict("index") for title, means in maps.items()})
