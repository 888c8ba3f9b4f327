"""``semsim run``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsim.cli.options import Device, Json, Quiet

if TYPE_CHECKING:
    from rich.console import Console

    from semsim.report.tables import Table


def run(
    scenario: Annotated[Path, typer.Argument(help="A scenario file (YAML).", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the run's folder.")] = Path("runs"),
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Run a scenario: print its tables, keep figures, tables and a report.

    Example: `semsim run scenarios/downlink5.yaml`
    """
    from semsim.scenario import load_scenario

    checked = load_scenario(scenario)
    gc.enable()

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from semsim.cli.output import make_console

    console = make_console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=quiet
    ) as progress:
        task = progress.add_task("loading", total=None)

        from semsim.report.page import write_report
        from semsim.report.tables import tables
        from semsim.results import run_folder, write_json
        from semsim.simulation import simulate

        def report(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=what)

        results = simulate(checked, device=device, report=report)
        progress.update(task, description="writing the report", total=None)
        with run_folder(out, results.name) as (temporary, folder):
            results.write(temporary)
            write_report(results, temporary)
    for table in tables(results):
        _print(console, table)
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False)
    if json is not None:
        rows = {name: table.to_dict(orient="records") for name, table in results.tables.items()}
        write_json(json, {"summary": results.summary, "folder": str(folder)} | rows)


def _print(console: Console, table: Table) -> None:
    from rich.box import SIMPLE
    from rich.table import Table as RichTable

    shown = RichTable(title=table.title, title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0))
    for i, head in enumerate(table.columns):
        shown.add_column(head, justify="left" if i == 0 else "right", no_wrap=True)
    for row in table.rows:
        shown.add_row(*row)
    console.print(shown)
    console.print(f"[dim]{table.note}[/dim]", highlight=False)
