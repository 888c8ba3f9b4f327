"""All points of a grid, each a scenario that was checked before anything runs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from semsim.config import read_mapping
from semsim.documents import Document, Location, dotted
from semsim.errors import ScenarioError
from semsim.scenario import Scenario, check_scenario
from semsim_agents.sweeping.values import Axis, parse_axis

#: Most mistakes that are listed.
_MOST = 10


@dataclass(frozen=True)
class GridPoint:
    """One scenario of a grid.

    Attributes:
        index: in grid order, the last axis fastest.
        at: its values by path; lists and mappings as JSON.
        scenario: what to run.
    """

    index: int
    at: dict[str, Any]
    scenario: Scenario

    @property
    def label(self) -> str:
        """Such as ``users=5, seed=0``."""
        return ", ".join(f"{path}={value}" for path, value in self.at.items())

    @cached_property
    def text(self) -> str:
        """The resolved scenario as JSON."""
        return self.scenario.model_dump_json()


@dataclass(frozen=True)
class Grid:
    """A scenario and what to vary in it.

    Attributes:
        base: the scenario as its file has it.
        axes: what is varied.
        points: all combinations.
    """

    base: Scenario
    axes: tuple[Axis, ...]
    points: tuple[GridPoint, ...]


def read_grid(path: str | Path, over: Iterable[str], *, device: str | None = None) -> Grid:
    """Read a scenario file and check every point of a grid over it.

    Args:
        path: the scenario file.
        over: ``PATH=VALUES`` each, applied in this order.
        device: instead of the scenario's own.

    Raises:
        ScenarioError: for a wrong file, path or value; the message names the option.
    """
    document = read_mapping(path)
    check_scenario(document)
    if device is not None:
        document = document.with_data({**document.data, "device": device})
    base = check_scenario(document)
    axes = tuple(_in_file(parse_axis(text), document.data) for text in over)
    _check_apart(axes)
    mistakes: dict[str, str] = {}
    points = []
    for i, values in enumerate(itertools.product(*(axis.values for axis in axes))):
        at = {axis.path: _cell(value) for axis, value in zip(axes, values, strict=True)}
        try:
            points.append(GridPoint(i, at, _scenario(document, axes, values)))
        except ScenarioError as error:
            for line, told in _told(str(error), axes, values).items():
                mistakes.setdefault(line, told)
    if mistakes:
        lines = list(mistakes.values())
        more = [f"… and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
        raise ScenarioError("\n".join(lines[:_MOST] + more))
    return Grid(base, axes, tuple(points))


def put(data: Any, location: Location, value: Any) -> Any:
    """Return ``data`` with ``value`` at ``location``; mappings that are missing are made.

    A word on the way is the short form of a plug-in: ``codec: ftsc`` is ``codec: {kind: ftsc}``.

    >>> put({"codec": "ftsc"}, ("codec", "scalings"), ["[4,2]"])
    {'codec': {'kind': 'ftsc', 'scalings': ['[4,2]']}}

    Raises:
        ScenarioError: if there is no such place.
    """
    if not location:
        return value
    head, rest = location[0], location[1:]
    if isinstance(head, int):
        if not isinstance(data, list):
            raise ScenarioError(f"[{head}] counts in a list, which the file does not have here")
        if head >= len(data):
            raise ScenarioError(f"the file's list has entries [0] to [{len(data) - 1}]")
        return [*data[:head], put(data[head], rest, value), *data[head + 1 :]]
    if isinstance(data, str):
        data = {"kind": data}
    if isinstance(data, list):
        raise ScenarioError(f"the file has a list here; say [0].{head} for its first entry")
    if data is not None and not isinstance(data, dict):
        raise ScenarioError(f"the file has {data!r} here, in which there is no {head!r}")
    data = data or {}
    return {**data, head: put(data.get(head), rest, value)}


def _in_file(axis: Axis, data: dict[str, Any]) -> Axis:
    """Spell out ``users=5`` and refuse what no sweep can vary."""
    if axis.location in (("task",), ("name",)):
        raise ScenarioError(f"--over {axis.path}: all points of a sweep have one {axis.path}")
    if axis.location != ("users",) or not all(type(value) is int for value in axis.values):
        return axis
    if isinstance(data.get("users"), dict):
        return Axis(axis.path, ("users", "count"), axis.values)
    raise ScenarioError(
        "--over users: a number of users needs users that are drawn, which the file does not "
        "have; write 'users: {count: 5, distance_m: [1, 1000]}' there"
    )


def _check_apart(axes: Sequence[Axis]) -> None:
    if not axes:
        raise ScenarioError("nothing to sweep over; give --over PATH=VALUES, such as seed=0:20")
    for later, axis in enumerate(axes):
        for earlier in axes[:later]:
            if earlier.location[: len(axis.location)] == axis.location:
                raise ScenarioError(
                    f"--over {axis.path}: overwrites what --over {earlier.path} says; "
                    "give it first, or leave one out"
                )


def _scenario(document: Document, axes: Sequence[Axis], values: Sequence[Any]) -> Scenario:
    data = document.data
    for axis, value in zip(axes, values, strict=True):
        try:
            data = put(data, axis.location, value)
        except ScenarioError as error:
            raise ScenarioError(f"{document.path}: {dotted(axis.location)}: {error}") from error
    return check_scenario(document.with_data(data))


def _told(error: str, axes: Sequence[Axis], values: Sequence[Any]) -> dict[str, str]:
    """Name beside every mistake the options that it is about, all of them if in doubt."""
    said = [f"{axis.path}={_cell(value)}" for axis, value in zip(axes, values, strict=True)]
    told: dict[str, str] = {}
    for line in error.splitlines():
        about = [
            option
            for axis, option in zip(axes, said, strict=True)
            if _is_about(line, dotted(axis.location))
        ]
        told[line] = f"--over {' --over '.join(about or said)}: {line}"
    return told


def _is_about(line: str, place: str) -> bool:
    """Whether a line of :func:`semsim.config.explain` is about ``place`` or what is in it."""
    return any(f" {place}{end}" in f" {line}" for end in (":", ".", "["))


def _cell(value: Any) -> Any:
    plain = value is None or isinstance(value, str | int | float)
    return value if plain else json.dumps(value, ensure_ascii=False)
