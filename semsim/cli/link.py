"""``semsim link``."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import Device, Json, Quiet


def link(
    scenario: Annotated[
        Path, typer.Argument(help="A scenario file (YAML) of task 'link'.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for the run's folder.")] = Path("runs"),
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that measure side by side, one core each.")
    ] = os.cpu_count() or 1,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what an interrupted run has left.")
    ] = False,
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Sweep systems × channels × rates × SNRs, beside bounds and the separation baseline.

    Interrupt it whenever you like: the same command goes on with what is missing, and the table is
    the same whatever the number of workers.

    Example: `semsim link scenarios/link_limits.yaml`
    """
    from semsim.errors import ScenarioError
    from semsim.scenario import LinkScenario, load_scenario

    checked = load_scenario(scenario)
    if not isinstance(checked, LinkScenario):
        raise ScenarioError(
            f"{scenario}: task is {checked.task!r}; run it with: semsim run {scenario}"
        )
    gc.enable()

    from semsim.cli.output import show_results
    from semsim.cli.progress import progress_bar

    with progress_bar(quiet) as report:
        from semsim.channels.devices import check_device
        from semsim.report.page import write_report
        from semsim.results import run_folder
        from semsim.sweep.run import folder_of_points, forget, sweep

        if device is not None:
            checked = checked.model_copy(update={"device": device})
        check_device(checked.device)
        keep = folder_of_points(out, checked)
        if fresh:
            forget(keep)
        results = sweep(checked, workers=workers, keep=keep, report=report)
        report(0, 0, "writing the report")
        with run_folder(out, results.name) as (temporary, folder):
            results.write(temporary)
            write_report(results, temporary)
        forget(keep)
    show_results(results, folder, json)
