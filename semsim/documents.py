"""YAML files as plain data with the line of every value.

The loader is safe (plain data only), refuses duplicate keys, reads ``1e6`` as a number and ``no``
as a word.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from semsim import registry
from semsim.errors import ScenarioError

Location = tuple[int | str, ...]


class _Loader(yaml.SafeLoader):
    """Safe YAML 1.2-like loader: no duplicate keys, ``no`` stays a word, ``1e6`` is a number."""


_OVERRIDDEN = {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in _OVERRIDDEN]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    list("tTfF"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
        r"|[0-9][0-9_]*[eE][-+]?[0-9]+|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


class Document:
    """A parsed YAML file: ``data`` (plain Python) and the line of every path."""

    def __init__(self, data: Any, lines: dict[Location, int], path: Path) -> None:
        self.data = data
        self.path = path
        self._lines = lines

    def with_data(self, data: Any) -> Document:
        """Return the same file with other ``data``; what is not in the file has no line."""
        return Document(data, self._lines, self.path)

    def line(self, location: Location) -> int:
        """Return the 1-based line of ``location``, or of its nearest ancestor."""
        for end in range(len(location), -1, -1):
            if location[:end] in self._lines:
                return self._lines[location[:end]]
        return 1


def read_yaml(path: str | Path) -> Document:
    """Read one YAML file.

    Raises:
        ScenarioError: if it cannot be read, is not YAML, or repeats a key.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        siblings = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        hint = registry.suggest(path.name, siblings)
        raise ScenarioError(f"{path}: there is no such file{hint}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from error
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path) -> Document:
    """Parse YAML; ``path`` says in errors where it comes from.

    Raises:
        ScenarioError: if it is not YAML, or repeats a key.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Location, int] = {}
        mistakes: list[str] = []
        data = _construct(loader, node, (), lines, mistakes, path)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        raise ScenarioError(f"{where}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ScenarioError(f"{path}: not valid YAML: {error}") from error
    finally:
        loader.dispose()
    if mistakes:
        raise ScenarioError("\n".join(mistakes))
    return Document(data, lines, path)


def _construct(
    loader: _Loader,
    node: yaml.Node | None,
    location: Location,
    lines: dict[Location, int],
    mistakes: list[str],
    path: Path,
) -> Any:
    if node is None:
        return None
    lines.setdefault(location, node.start_mark.line + 1)
    if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
        problem = f"the tag {node.tag!r} is not plain data; remove it"
        raise yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        return [
            _construct(loader, item, (*location, i), lines, mistakes, path)
            for i, item in enumerate(node.value)
        ]
    if isinstance(node, yaml.MappingNode):
        result: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node)
            inner = (*location, key)
            line = key_node.start_mark.line + 1
            if key in result:
                mistakes.append(
                    f"{path}:{line}: {dotted(inner)}: the key appears twice (first in line "
                    f"{lines[inner]}); keep one"
                )
            lines[inner] = line
            result[key] = _construct(loader, value_node, inner, lines, mistakes, path)
        return result
    return loader.construct_object(node)


def dotted(location: Location) -> str:
    """Write a location as a path.

    >>> dotted(("users", 0, "codec"))
    'users[0].codec'
    """
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "(top)"
