"""Packages of the extra ``vision-language``, imported where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from semsim.errors import MissingExtraError


def need(package: str, purpose: str) -> Any:
    """Import and return ``package``.

    Args:
        package: ``transformers``, ``diffusers`` or ``open_clip``.
        purpose: what wants it, for the message.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise MissingExtraError(
            f"{purpose} needs {package}: pip install 'semsim-net[vision-language]' ({error})"
        ) from error
