"""``semsim list``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import Json

#: Rooms of networks that ship.
_LEARNT = ("codecs", "captioners", "generators")


class What(StrEnum):
    """What can be listed."""

    codecs = "codecs"
    channels = "channels"
    allocators = "allocators"
    sources = "sources"
    captioners = "captioners"
    generators = "generators"
    samplers = "samplers"
    scenarios = "scenarios"


def list_plugins(
    what: Annotated[What, typer.Argument(help="What to list.", show_default=False)],
    folder: Annotated[Path, typer.Option(help="Where scenarios are looked for.")] = Path(
        "scenarios"
    ),
    json: Json = None,
) -> None:
    """List what scenarios can name, with the options of each, or the scenarios themselves."""
    rows = _scenarios(folder) if what is What.scenarios else _plugins(what.value)

    from rich.table import Table

    from semsim.cli.output import make_console

    table = Table(box=None, padding=(0, 2, 0, 0))
    for i, head in enumerate(rows[0]):
        table.add_column(head, overflow="fold", no_wrap=i == 0)
    for row in rows:
        table.add_row(*row.values())
    make_console().print(table)
    if json is not None:
        from semsim.results import write_json

        write_json(json, rows)


def _plugins(room: str) -> list[dict[str, str]]:
    from semsim import registry

    return [
        {
            "kind": plugin.name,
            "what": plugin.summary,
            **({"parameters": _parameters(plugin.name)} if room in _LEARNT else {}),
            "options": ", ".join(
                name for name in plugin.load_config().model_fields if name != "kind"
            ),
        }
        for plugin in registry.plugins(room).values()
    ]


def _parameters(kind: str) -> str:
    """Return the parameter counts of a plug-in's shipped networks."""
    from semsim import zoo

    counts = {card.parameters for card in map(zoo.card, zoo.names()) if card.codec["kind"] == kind}
    return ", ".join(f"{count:,}" for count in sorted(counts))


def _scenarios(folder: Path) -> list[dict[str, str]]:
    from semsim.documents import read_yaml
    from semsim.errors import ScenarioError

    paths = sorted(folder.glob("*.y*ml"))
    if not paths:
        raise ScenarioError(f"{folder}: no scenarios here; give --folder")
    rows = []
    for path in paths:
        data = read_yaml(path).data
        named = data if isinstance(data, dict) else {}
        rows.append(
            {
                "scenario": str(path),
                "task": str(named.get("task", "?")),
                "what": " ".join(str(named.get("description", "")).split()),
            }
        )
    return rows
