"""Sources of a recipe, as a list or from a file that several recipes share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import core_schema

from semsim.config import Strict
from semsim.documents import read_yaml
from semsim.errors import ScenarioError


class SharedSources(Strict):
    """Sources listed in a file of their own."""

    file: str = Field(pattern=r"^[\w./-]+\.yaml$")
    """YAML list of sources, beside the recipe or below its folder."""
    each: dict[str, Any] = Field(default_factory=dict)
    """Options that every one of them gets, such as `size`."""


def _listed(value: object, info: ValidationInfo) -> object:
    """Turn ``{file, each}`` into the list that it stands for.

    Raises:
        ScenarioError: if the file is missing or no list of mappings.
        ValueError: outside a recipe's file, where there is no folder to look in.
    """
    if not isinstance(value, dict):
        return value
    shared = SharedSources.model_validate(value)
    folder = (info.context or {}).get("folder")
    if folder is None:
        raise ValueError("'file' can be named in a recipe's file only; list the sources here")
    document = read_yaml(Path(folder) / shared.file)
    entries = document.data
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ScenarioError(f"{document.path}:1: expected a list of sources, each with 'kind'")
    return [{**entry, **shared.each} for entry in entries]


class _Schema:
    """Both forms, for editors."""

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [handler(schema), SharedSources.model_json_schema()]}


#: Annotations of a field that takes either form.
LISTED, BOTH_FORMS = BeforeValidator(_listed), _Schema()
