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

    from semsim.cli.running import run_and_show

    run_and_show(checked, out=out, device=device, json=json, quiet=quiet)
