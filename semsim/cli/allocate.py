"""``semsim allocate``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.fields import checked as checked_fields
from semsim.cli.fields import mapping
from semsim.cli.options import Json, Quiet


def allocate(
    scenario: Annotated[
        Path, typer.Argument(help="A scenario file (YAML) of task 'downlink'.", show_default=False)
    ],
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="An allocator's kind, or a mapping as in scenarios; repeat it for several. "
            "The default is the scenario's own.",
            show_default=False,
        ),
    ] = None,
    drops: Annotated[int, typer.Option(min=1, help="How many drops to draw.")] = 1000,
    gains: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Solve these drops instead: power gains, one row a drop (.npy, .csv, .json).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the run's folder.")] = Path("runs"),
    workers: Annotated[int, typer.Option(min=1, help="Processes that solve side by side.")] = 1,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Solve many drops by several methods, each beside the proven optimum. Nothing is sent.

    Drop 0 is the first slot of `semsim run` with the same seed. With --json, the file holds every
    drop's gains, allocation, utility and bound.

    Example: `semsim allocate scenarios/downlink5.yaml --method exact --method equal`
    """
    from semsim.errors import ScenarioError
    from semsim.scenario import DownlinkScenario, load_scenario

    checked = load_scenario(scenario)
    if not isinstance(checked, DownlinkScenario):
        raise ScenarioError(f"{scenario}: task is {checked.task!r}; allocation needs 'downlink'")
    if method:
        first, *others = (mapping(text, "--method") for text in method)
        fields = checked.model_dump(mode="json") | {"allocator": first, "compare": others}
        checked = checked_fields(fields, DownlinkScenario)
    gc.enable()

    from semsim.cli.output import show_tables
    from semsim.cli.progress import progress_bar

    with progress_bar(quiet) as report:
        from semsim.allocating import allocate as solve
        from semsim.allocating import read_gains
        from semsim.report.allocation import allocation_figures, allocation_tables
        from semsim.report.page import write_page
        from semsim.results import run_folder

        state = None if gains is None else read_gains(gains)
        results = solve(checked, drops=drops, state=state, workers=workers, report=report)
        report(0, 0, "writing the report")
        shown = allocation_tables(results)
        with run_folder(out, f"allocate-{results.name}") as (temporary, folder):
            results.write(temporary)
            write_page(results, temporary, allocation_figures(results), shown)
    show_tables(shown, results, folder, json)
