"""``semsim schema``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from semsim.cli.options import Json


class Kind(StrEnum):
    """What a schema can be printed of."""

    scenario = "scenario"
    recipe = "recipe"
    search = "search"


def schema(
    kind: Annotated[Kind, typer.Argument(help="What to describe.")] = Kind.scenario,
    json: Json = None,
) -> None:
    """Print the JSON Schema of scenario, recipe or search recipe files, for editors.

    Put `# yaml-language-server: $schema=scenario.schema.json` on a file's first line.
    """
    import json as json_text

    from pydantic import TypeAdapter

    if kind is Kind.scenario:
        from semsim.scenario import Scenario

        described = TypeAdapter(Scenario).json_schema()
    elif kind is Kind.search:
        from semsim.training.search.recipe import SearchRecipe

        described = SearchRecipe.model_json_schema()
    else:
        from semsim.training.recipe import Recipe

        described = Recipe.model_json_schema()
    typer.echo(json_text.dumps(described, indent=2, ensure_ascii=False))
    if json is not None:
        from semsim.results import write_json

        write_json(json, described)
