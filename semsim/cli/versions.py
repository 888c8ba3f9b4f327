"""``semsim version``."""

from __future__ import annotations

import typer

from semsim.cli.options import Json


def version(json: Json = None) -> None:
    """Print semsim's version and those of the packages that results depend on."""
    from semsim.results import recorded_versions, write_json

    found = recorded_versions()
    for name, value in found.items():
        typer.echo(f"{name} {value or 'not installed'}")
    if json is not None:
        write_json(json, found)
