"""YAML to checked, frozen models: every mistake at once, with file, line and path.

Plug-in fields look up ``kind`` in the registry and validate with that plug-in's own model.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic_core import PydanticCustomError, core_schema

from semsim import registry
from semsim.documents import Document, Location, dotted, read_yaml
from semsim.errors import RegistryError, ScenarioError

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item", bound=Hashable)


class Strict(BaseModel):
    """Base of all configuration: frozen, unknown keys are errors, infinities and NaN too."""

    # Models are built when first used: a scenario needs few of them.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        # pydantic can collect these itself, but does so at import, where commands that need no
        # schema would pay for it.
        described = handler(schema)
        properties = handler.resolve_ref_schema(described).get("properties", {})
        for name, text in _field_docstrings(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return described


def _field_docstrings(model: type) -> dict[str, str]:
    """Return the string literals that stand below the fields of a class and its bases."""
    import ast
    import inspect

    found: dict[str, str] = {}
    for base in reversed(model.__mro__[: model.__mro__.index(Strict)]):
        body = ast.parse(inspect.cleandoc("\n" + inspect.getsource(base))).body[0]
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, text in itertools.pairwise(statements):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                literal = text.value if isinstance(text, ast.Expr) else None
                if isinstance(literal, ast.Constant) and isinstance(literal.value, str):
                    found[field.target.id] = inspect.cleandoc(literal.value)
    return found


class PluginConfig(Strict):
    """Base of a plug-in's configuration; subclasses narrow ``kind`` to a ``Literal``."""

    room: ClassVar[str]
    kind: str

    def build(self, *args: Any, **kwargs: Any) -> Any:
        """Import the plug-in's class and build it from this configuration."""
        return registry.find(self.room, self.kind).load_target()(self, *args, **kwargs)


class PluginField:
    """Annotation for a field that holds the configuration of any plug-in of ``room``.

    ``Annotated[PluginConfig, PluginField("codecs")]`` accepts a mapping with ``kind``, or the bare
    name where the plug-in needs no options.
    """

    def __init__(self, room: str) -> None:
        self.room = room

    def _validate(self, value: object) -> PluginConfig:
        if isinstance(value, PluginConfig):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, dict):
            raise PydanticCustomError(
                "plugin_type",
                "expected a mapping with 'kind' or a name of {room}",
                {"room": self.room},
            )
        kind = value.get("kind")
        if not isinstance(kind, str):
            raise PydanticCustomError(
                "plugin_kind",
                "'kind' is missing (known {room}: {known})",
                {"room": self.room, "known": ", ".join(sorted(registry.plugins(self.room)))},
            )
        try:
            model = registry.find(self.room, kind).load_config()
        except RegistryError as error:
            raise PydanticCustomError("plugin", "{why}", {"why": str(error)}) from error
        return cast(PluginConfig, model.model_validate(value))

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value.model_dump(mode="json")
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        kinds = registry.plugins(self.room).values()
        models = [plugin.load_config() for plugin in kinds]
        for model in models:
            model.model_rebuild()
        described = [
            model.__get_pydantic_json_schema__(model.__pydantic_core_schema__, handler)
            for model in models
        ]
        return {"oneOf": [{"enum": [plugin.name for plugin in kinds]}, *described]}


def all_different(values: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return ``values``: a validator of fields in which nothing may come twice.

    Raises:
        ValueError: naming what does.
    """
    for value, count in Counter(values).items():
        if count > 1:
            raise ValueError(f"{value!r} comes twice")
    return values


def load(path: str | Path, model: type[Model]) -> Model:
    """Read ``path`` and validate it as ``model``.

    Raises:
        ScenarioError: with one line per mistake: file, line, path, expected, got, nearest name.
    """
    return _validate(read_mapping(path), model)


def load_tagged(path: str | Path, tag: str, models: Mapping[str, type[Model]]) -> Model:
    """Read ``path`` and validate it as the model that its key ``tag`` names.

    Raises:
        ScenarioError: as :func:`load`, or if the tag is missing or unknown.
    """
    return check_tagged(read_mapping(path), tag, models)


def check_tagged(document: Document, tag: str, models: Mapping[str, type[Model]]) -> Model:
    """Validate what was read as the model that its key ``tag`` names; see :func:`load_tagged`."""
    name = document.data.get(tag)
    if name not in models:
        known = ", ".join(models)
        got = "this key is missing" if name is None else f"unknown {tag} {_show(name)}"
        hint = registry.suggest(str(name), models)
        line = document.line((tag,))
        raise ScenarioError(f"{document.path}:{line}: {tag}: {got}{hint} (known: {known})")
    return _validate(document, models[name])


def read_mapping(path: str | Path) -> Document:
    """Read a YAML file that holds a mapping.

    Raises:
        ScenarioError: if it does not, or cannot be read.
    """
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise ScenarioError(f"{path}:1: expected a mapping at the top, got {_show(document.data)}")
    return document


def _validate(document: Document, model: type[Model]) -> Model:
    try:
        return model.model_validate(document.data, context={"folder": document.path.parent})
    except ValidationError as error:
        raise ScenarioError(explain(error, document, model)) from error


def explain(error: ValidationError, document: Document, model: type[BaseModel]) -> str:
    """Turn pydantic's errors into one readable line each, sorted by line."""
    rows = []
    mistakes = error.errors(include_url=False)
    for item in mistakes:
        # An item that failed leaves its list too short: the item's own mistake says it all.
        if item["type"] == "too_short" and any(
            other["loc"][: len(item["loc"])] == item["loc"] != other["loc"] for other in mistakes
        ):
            continue
        location = _in_data(document.data, item["loc"])
        if item["type"] in ("missing", "extra_forbidden"):
            location = (*_in_data(document.data, item["loc"][:-1]), item["loc"][-1])
        message = item["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        if item["type"] == "extra_forbidden":
            name = str(item["loc"][-1])
            known = _fields(model, document.data, item["loc"][:-1])
            message = "unknown key" + registry.suggest(name, known)
            message += f" (known: {', '.join(sorted(known))})" if known else ""
        elif item["type"] == "missing":
            message = "this key is missing"
        elif not item["type"].startswith("plugin"):
            message = f"{message}, got {_show(item['input'])}"
        line = document.line(location)
        rows.append((line, f"{document.path}:{line}: {dotted(location)}: {message}"))
    return "\n".join(text for _, text in sorted(rows))


def _in_data(data: Any, loc: Location) -> Location:
    """Drop from ``loc`` the union tags and validator names that are no keys of the file."""
    node, kept = data, list[int | str]()
    for part in loc:
        found, child = _child(node, part)
        if found:
            kept.append(part)
            node = child
    return tuple(kept)


def _child(node: Any, part: int | str) -> tuple[bool, Any]:
    if isinstance(node, dict) and part in node:
        return True, node[part]
    if isinstance(node, list) and isinstance(part, int) and part < len(node):
        return True, node[part]
    return False, None


def _fields(model: type[BaseModel], data: Any, location: Location) -> list[str]:
    """Field names of the model that validates ``data`` at ``location``, for suggestions."""
    node = cast(Any, data)
    current: Any = model
    wanted: Any = None
    for step in location:
        _, node = _child(node, step)
        field = (
            current.model_fields.get(str(step))
            if isinstance(current, type) and issubclass(current, BaseModel)
            else None
        )
        if field is not None:
            plugin = next((m for m in field.metadata if isinstance(m, PluginField)), None)
            current = _plugin_model(plugin.room, node) if plugin else field.annotation
            wanted = field
        elif isinstance(step, int):
            plugin = next((m for m in wanted.metadata if isinstance(m, PluginField)), None)
            current = _item_model(wanted.annotation, node)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return [f.alias or name for name, f in current.model_fields.items()]
    return []


def _plugin_model(room: str, node: Any) -> Any:
    try:
        return registry.find(room, node["kind"]).load_config()
    except (RegistryError, KeyError, TypeError):
        return None


def _item_model(annotation: Any, node: Any) -> Any:
    import typing

    for argument in typing.get_args(annotation):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
        for meta in getattr(argument, "__metadata__", ()):
            if isinstance(meta, PluginField):
                return _plugin_model(meta.room, node)
        nested = _item_model(argument, node)
        if nested is not None:
            return nested
    return None


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
