"""``semsim link``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import CORES, Device, Json, Quiet, Resume, Workers


def link(
    scenario: Annotated[
        Path, typer.Argument(help="A scenario file (YAML) of task 'link'.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for the run's folder.")] = Path("runs"),
    workers: Workers = CORES,
    resume: Resume = True,
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

    from semsim.cli.sweeping import sweep_and_show

    if device is not None:
        checked = checked.model_copy(update={"device": device})
    sweep_and_show(checked, out=out, workers=workers, resume=resume, json=json, quiet=quiet)
