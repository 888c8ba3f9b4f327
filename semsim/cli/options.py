"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Also write what is printed to FILE as JSON."),
]
Device = Annotated[
    str | None,
    typer.Option(help="cpu, cuda, cuda:N or mps; instead of the file's own choice."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
Workers = Annotated[
    int, typer.Option(min=1, help="Processes that measure side by side, one core each.")
]
#: The default of ``--workers``.
CORES = os.cpu_count() or 1
#: The same words for all that can be interrupted. Points of a sweep are kept with all that decides
#: them, so that going on is always right, and the default; a checkpoint of a training knows its
#: recipe, but not the code that made it, so that going on has to be said.
Resume = Annotated[
    bool,
    typer.Option(
        "--resume/--fresh", help="Go on with what an interrupted run has left, or begin anew."
    ),
]
