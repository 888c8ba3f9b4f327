"""``semsim run``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import Device, Json, Quiet


def run(
    scenario: Annotated[Path, typer.Argument(help="A scenario file (YAML).", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the run's folder.")] = Path("runs"),
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Run a scenario: print its tables, keep figures, tables and a report.

    Scenarios of task 'link' run here as well; `semsim link` adds workers and goes on after an
    interruption.

    Example: `semsim run scenarios/downlink5.yaml`
    """
    from semsim.scenario import load_scenario

    checked = load_scenario(scenario)
    gc.enable()

    from semsim.cli.output import show_results
    from semsim.cli.progress import progress_bar

    with progress_bar(quiet) as report:
        from semsim.report.page import write_report
        from semsim.results import run_folder
        from semsim.simulation import simulate

        results = simulate(checked, device=device, report=report)
        report(0, 0, "writing the report")
        with run_folder(out, results.name) as (temporary, folder):
            results.write(temporary)
            write_report(results, temporary)
    show_results(results, folder, json)
