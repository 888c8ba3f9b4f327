"""Options that several commands share."""

from __future__ import annotations

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
