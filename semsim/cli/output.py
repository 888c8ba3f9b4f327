"""Where and how commands print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from semsim.report.cells import Table
    from semsim.results import Results

#: Columns of what goes into a file or a pipe.
_WIDTH = 130
#: Letters of a cell above which its column is prose.
_LONGEST_CELL = 40


def make_console() -> Console:
    """Return a console as wide as the terminal, or wide enough for the tables elsewhere."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


def show_results(results: Results, folder: Path, json: Path | None) -> None:
    """Print the tables of a run and where its report is; also write all of it to ``json``."""
    from semsim.report.tables import tables

    show_tables(tables(results), results, folder, json)


def show_tables(tables: Sequence[Table], results: Results, folder: Path, json: Path | None) -> None:
    """Print ``tables`` and where the report is; also write all of the results to ``json``."""
    from semsim.results import write_json

    console = make_console()
    for table in tables:
        show_table(console, table)
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False)
    if json is not None:
        rows = {name: table.to_dict(orient="records") for name, table in results.tables.items()}
        write_json(json, {"summary": results.summary, "folder": str(folder)} | rows)


def show_table(console: Console, table: Table) -> None:
    """Print one table."""
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table as RichTable

    console.print(f"[italic]{escape(table.title)}[/italic]", highlight=False)
    shown = RichTable(box=SIMPLE, padding=(0, 1, 0, 0))
    for i, head in enumerate(table.columns):
        # Sentences wrap; numbers do not.
        words = any(len(row[i]) > _LONGEST_CELL for row in table.rows)
        left = i == 0 or words
        shown.add_column(head, justify="left" if left else "right", no_wrap=not words)
    for row in table.rows:
        shown.add_row(*row)
    console.print(shown)
    console.print(f"[dim]{escape(table.note)}[/dim]\n", highlight=False)
