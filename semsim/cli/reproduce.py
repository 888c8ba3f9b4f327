"""``semsim reproduce``."""

from __future__ import annotations

import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import CORES, Device, Json, Quiet, Workers


class Scale(StrEnum):
    """How large a reproduction is."""

    small = "small"
    paper = "paper"


def reproduce(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="An experiment, or `list`.", show_default=False)
    ],
    scale: Annotated[
        Scale,
        typer.Option(
            help=(
                "small: minutes on two cores, with what ships; paper: the paper's data, sizes and "
                "epochs, for a GPU."
            )
        ),
    ] = Scale.small,
    out: Annotated[Path, typer.Option(help="Folder for the run's folder.")] = Path("runs"),
    workers: Workers = CORES,
    power_w: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Power in W of a busy core, where no energy meter can be read.",
        ),
    ] = 65.0,
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Reproduce a figure or table of a paper: a table beside its numbers, a plot, verdicts.

    Interrupt it whenever you like: what is finished is kept, and the same command goes on.

    Example: `semsim reproduce trangdeepsc-fig3`; `semsim reproduce list` shows all.
    """
    if name == "list":
        _list(json)
        return
    gc.enable()

    from semsim.experiments.catalogue import find

    experiment = find(name)

    import matplotlib as mpl

    from semsim.channels.devices import check_device
    from semsim.cli.output import make_console, show_tables
    from semsim.cli.progress import progress_bar
    from semsim.experiments.definition import Setting
    from semsim.experiments.run import reproduce as run
    from semsim.experiments.run import tables
    from semsim.report.figures import STYLE
    from semsim.report.page import write_page
    from semsim.results import run_folder

    check_device(device or "cpu")
    make_console().print(f"{experiment.title}: {experiment.takes[scale.value]}", highlight=False)
    with progress_bar(quiet) as report:
        setting = Setting(
            scale.value, workers, device or "cpu", out / ".reproduce", power_w, report
        )
        results, measured = run(experiment, setting)
        shown = tables(experiment, results, measured)
        with mpl.rc_context(STYLE):
            drawn = experiment.plot(measured)
        with run_folder(out, results.name) as (temporary, folder):
            results.write(temporary)
            write_page(results, temporary, drawn, shown)
    show_tables(shown, results, folder, json)


def _list(json: Path | None) -> None:
    from rich.table import Table

    from semsim.cli.output import make_console
    from semsim.experiments.catalogue import find, ids
    from semsim.results import write_json

    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("id", "what", "paper", "small takes"):
        table.add_column(head, no_wrap=head == "id", overflow="fold")
    rows = [find(name) for name in ids()]
    for row in rows:
        table.add_row(row.id, row.title, f"{row.paper}, {row.item}", row.takes["small"])
    make_console().print(table)
    if json is not None:
        write_json(
            json,
            [
                {"id": row.id, "title": row.title, "paper": row.paper, "item": row.item}
                | {"takes": row.takes}
                for row in rows
            ],
        )
