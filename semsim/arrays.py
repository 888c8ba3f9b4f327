"""What arithmetic takes that is the same in numpy and torch: their arrays, by the array API."""

from __future__ import annotations

from typing import Any, TypeAlias

from array_api_compat import array_namespace

#: An array of numpy or torch.
Values: TypeAlias = Any

_NAMESPACES: dict[type, Any] = {}


def namespace(values: Values) -> Any:
    """Return the array API of ``values``; asked for so often that it is kept by type."""
    kind = type(values)
    if kind not in _NAMESPACES:
        _NAMESPACES[kind] = array_namespace(values)
    return _NAMESPACES[kind]


def with_rows(values: Values, rows: list[int], new: Values, axis: int = 0) -> Values:
    """Return a copy of numpy's ``values`` with ``new`` in ``rows``, indices of ``axis``."""
    found = values.copy()
    found[(slice(None),) * axis + (rows,)] = new
    return found
