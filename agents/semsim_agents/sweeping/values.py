"""What ``--over PATH=VALUES`` says: a path into a scenario file, and values to put there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from semsim.documents import Location, parse_yaml
from semsim.errors import ScenarioError

_PART = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(\d+)\]")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?")


@dataclass(frozen=True)
class Axis:
    """One ``--over``.

    Attributes:
        path: as it was written, the column of the results.
        location: where that is in the file.
        values: plain data, in order.
    """

    path: str
    location: Location
    values: tuple[Any, ...]


def parse_axis(text: str) -> Axis:
    """Read ``PATH=VALUES``.

    >>> parse_axis("users=5,10,20")
    Axis(path='users', location=('users',), values=(5, 10, 20))
    >>> parse_axis("users[0].distance_m=100:250:50").values
    (100, 150, 200)

    Raises:
        ScenarioError: if it cannot be read; the message says what is expected.
    """
    path, equals, values = text.partition("=")
    if not equals or not values.strip():
        raise ScenarioError(
            f"--over {text}: expected PATH=VALUES, such as seed=0:20 or cell.power_w=1,10,50"
        )
    path = path.strip()
    return Axis(path, _location(path), _values(path, values))


def _location(path: str) -> Location:
    found: list[int | str] = []
    end = 0
    while end < len(path):
        part = _PART.match(path, end)
        if part is None or (end == 0 and part[0].startswith((".", "["))):
            break
        found.append(part[1] if part[2] is None else int(part[2]))
        end = part.end()
    if not path or end < len(path):
        raise ScenarioError(
            f"--over {path}: no path into a scenario; expected names with dots and numbers in "
            "brackets, such as cell.power_w or users[0].distance_m"
        )
    return tuple(found)


def _values(path: str, text: str) -> tuple[Any, ...]:
    values: list[Any] = []
    for item in _items(path, text):
        span = _RANGE.fullmatch(item)
        if span is not None:
            values += _range(path, item, *span.groups())
        else:
            values.append(parse_yaml(item, Path(f"--over {path}")).data)
    for i, value in enumerate(values):
        if value in values[:i]:
            raise ScenarioError(f"--over {path}: {value!r} is there twice; leave one out")
    return tuple(values)


def _items(path: str, text: str) -> list[str]:
    """Split at the commas that are not within brackets or quotes."""
    try:
        node = yaml.compose(f"[{text}]", Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise ScenarioError(f"--over {path}: not valid YAML: {error.problem}") from error
    if not isinstance(node, yaml.SequenceNode) or not node.value:
        raise ScenarioError(f"--over {path}: no values")
    # The bracket before the text moves its letters by one.
    return [text[i.start_mark.index - 1 : i.end_mark.index - 1].strip() for i in node.value]


def _range(path: str, item: str, start: str, stop: str, step: str | None) -> list[int | float]:
    # Decimals count as they are written: 0:0.3:0.1 has three values, and the last one is 0.2.
    low, high, by = Decimal(start), Decimal(stop), Decimal(step or "1")
    if by == 0:
        raise ScenarioError(f"--over {path}: the step of {item} is 0; give another one")
    values = []
    while (low < high) if by > 0 else (low > high):
        values.append(low)
        low += by
    if not values:
        raise ScenarioError(
            f"--over {path}: the range {item} is empty; it is start:stop or start:stop:step, and "
            "ends before stop"
        )
    whole = all(number == number.to_integral_value() for number in values)
    return [int(number) if whole else float(number) for number in values]
