"""Plug-ins by room and name, found without importing them.

A plug-in is a pydantic ``Config`` (a subclass of :class:`semsim.config.PluginConfig` whose
``kind`` is its name) and the class that it builds. Built-ins are listed as strings
(:mod:`semsim.built_in`), so that checking a scenario imports neither torch nor sionna. Third
parties declare an entry point in one of the groups below that names their class; its attribute
``Config`` is the pydantic model, and the class is built as ``Class(config, ...)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from semsim.built_in import BUILT_IN
from semsim.errors import RegistryError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints


@dataclass(frozen=True)
class Plugin:
    """One name in one room: where its ``Config`` and its class are, and what it is."""

    name: str
    config: str | None
    target: str
    summary: str
    distribution: str = "semsim-net"

    def load_target(self) -> Any:
        """Import and return the class."""
        return _load(self.target, self)

    def load_config(self) -> Any:
        """Import and return the pydantic model; for built-ins this does not import torch."""
        if self.config is not None:
            return _load(self.config, self)
        config = getattr(self.load_target(), "Config", None)
        if config is None:
            raise RegistryError(
                f"plug-in {self.name!r} of {self.distribution}: {self.target} lacks a Config"
            )
        return config


def _load(path: str, plugin: Plugin) -> Any:
    module, _, attribute = path.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise RegistryError(
            f"plug-in {plugin.name!r} of {plugin.distribution}: cannot load {path}: {error}"
        ) from error


_BUILT_IN = {room: tuple(Plugin(*entry) for entry in entries) for room, entries in BUILT_IN.items()}

#: Rooms that take plug-ins; the entry-point group of a room is ``semsim.<room>``.
ROOMS = tuple(_BUILT_IN)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``'; did you mean …?'`` with the nearest known name, or an empty string.

    >>> suggest("rayligh", ["awgn", "rayleigh"])
    "; did you mean 'rayleigh'?"
    """
    import difflib  # only mistakes need it

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _third_party(point: EntryPoint) -> Plugin:
    distribution = point.dist.name if point.dist is not None else "an unknown distribution"
    return Plugin(point.name, None, point.value, f"from {distribution}", distribution)


def _installed(room: str) -> EntryPoints:
    # Looking through all installed distributions is slow, and built-ins do not need it.
    from importlib.metadata import entry_points

    return entry_points(group=f"semsim.{room}")


@cache
def plugins(room: str) -> dict[str, Plugin]:
    """Return every plug-in of ``room`` by name, built-in and installed.

    Raises:
        RegistryError: if the room is unknown or two distributions claim one name.
    """
    if room not in _BUILT_IN:
        raise RegistryError(f"there is no room {room!r}{suggest(room, ROOMS)}")
    found = {plugin.name: plugin for plugin in _BUILT_IN[room]}
    for point in _installed(room):
        plugin = _third_party(point)
        taken = found.get(plugin.name)
        if taken is not None and taken.target != plugin.target:
            raise RegistryError(
                f"{room}: the name {plugin.name!r} is taken twice, by {taken.distribution} and "
                f"{plugin.distribution}; uninstall one or rename its entry point"
            )
        found[plugin.name] = plugin
    return found


def find(room: str, name: str) -> Plugin:
    """Return the plug-in ``name`` of ``room``.

    A built-in is returned without looking through the installed distributions, which takes as
    long as checking a scenario; one that claims a built-in's name can never stand in for it, and
    :func:`plugins` refuses it.

    Raises:
        RegistryError: if there is none; the message suggests the nearest name.
    """
    for plugin in _BUILT_IN.get(room, ()):
        if plugin.name == name:
            return plugin
    known = plugins(room)
    if name not in known:
        hint = f"{suggest(name, known)} (known {room}: {', '.join(sorted(known))})"
        raise RegistryError(f"unknown kind {name!r}{hint}")
    return known[name]
