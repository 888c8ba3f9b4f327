"""``semsim validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import Json
from semsim.errors import ScenarioError


def validate(
    scenarios: Annotated[
        list[Path], typer.Argument(help="Scenario files (YAML).", show_default=False)
    ],
    json: Json = None,
) -> None:
    """Check scenario files and list every mistake, without running anything."""
    from semsim.scenario import load_scenario

    found: list[dict[str, object]] = []
    for path in scenarios:
        mistakes: list[str] = []
        try:
            load_scenario(path)
        except ScenarioError as error:
            mistakes = str(error).splitlines()
        found.append({"file": str(path), "valid": not mistakes, "mistakes": mistakes})
        typer.echo("\n".join(mistakes) if mistakes else f"{path}: valid", err=bool(mistakes))
    if json is not None:
        from semsim.results import write_json

        write_json(json, found)
    if not all(row["valid"] for row in found):
        raise typer.Exit(2)
