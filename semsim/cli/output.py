"""Where commands print."""

from __future__ import annotations

from rich.console import Console

#: Columns of what goes into a file or a pipe.
_WIDTH = 130


def make_console() -> Console:
    """Return a console as wide as the terminal, or wide enough for the tables elsewhere."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)
