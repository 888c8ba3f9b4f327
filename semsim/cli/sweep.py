"""``semsim sweep``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import CORES, Device, Json, Quiet, Resume


def sweep(
    scenario: Annotated[Path, typer.Argument(help="A scenario file (YAML).", show_default=False)],
    over: Annotated[
        list[str],
        typer.Option(
            metavar="PATH=VALUES",
            help="What to vary: a path into the file (seed, cell.power_w, users[0].distance_m; "
            "users for users.count) and values with commas; a:b and a:b:step are ranges without "
            "b. Repeat it for a grid.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the run's folder.")] = Path("runs"),
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help=f"Points that run side by side, one core each; by default {CORES} here, and as "
            "many as there is room for on a cluster.",
            show_default=False,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="A running Ray cluster, such as 10.0.0.1:6379 or auto; by default Ray is started "
            "here.",
            show_default=False,
        ),
    ] = None,
    cpus: Annotated[
        float,
        typer.Option("--cpus-per-task", min=0.01, help="CPUs to reserve for a point."),
    ] = 1.0,
    gpus: Annotated[
        float,
        typer.Option(
            "--gpus-per-task",
            min=0.0,
            help="GPUs to reserve for a point; 0.25 has four points share one.",
        ),
    ] = 0.0,
    retries: Annotated[
        int, typer.Option(min=0, help="Tries again of a point whose worker or machine died.")
    ] = 3,
    resume: Resume = True,
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Run a scenario of any task over a grid of its values, on many cores or machines by Ray.

    The tables are the same whatever the number of workers. Interrupt it whenever you like: the same
    command goes on with the points that are missing.

    Example: `semsim sweep scenarios/downlink5.yaml --over users=5,10 --over seed=0:20`
    """
    from semsim_agents.sweeping.grid import read_grid

    grid = read_grid(scenario, over, device=device)
    gc.enable()

    from semsim.cli.output import show_tables
    from semsim.cli.progress import progress_bar

    with progress_bar(quiet) as report:
        from semsim.report.grid import grid_figures, grid_tables
        from semsim.report.page import write_page
        from semsim.results import run_folder
        from semsim_agents.sweeping.points import Kept
        from semsim_agents.sweeping.run import Workers, sweep_grid

        here = CORES if address is None else None
        kept = Kept(out, grid.base)
        if not resume:
            kept.forget(grid.points)
        who = Workers(workers or here, address, cpus, gpus, retries)
        results = sweep_grid(grid, who, kept=kept, report=report)
        report(0, 0, "writing the report")
        shown = grid_tables(results)
        with run_folder(out, f"sweep-{results.name}") as (temporary, folder):
            results.write(temporary)
            write_page(results, temporary, grid_figures(results), shown)
        kept.forget(grid.points)
    show_tables(shown, results, folder, json)
