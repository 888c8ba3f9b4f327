"""Packages of the extra ``vision-language``, imported where they are used."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from semsim.errors import CheckpointError, MissingExtraError


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


def open_clip_model(name: str, weights: str, purpose: str, *, pretrained: bool) -> Any:
    """Return a model of open_clip.

    Args:
        name: of the model.
        weights: a tag of open_clip's, or a file.
        purpose: what wants it, for the message.
        pretrained: whether to get the weights, or leave random ones to be filled.

    Raises:
        CheckpointError: if the weights cannot be had.
        MissingExtraError: if open_clip is not installed.
    """
    open_clip = need("open_clip", purpose)
    try:
        with _warnings_logged(pretrained):
            return open_clip.create_model(
                name, pretrained=weights if pretrained else None, load_weights=pretrained
            )
    except Exception as error:  # hubs, files and names raise nearly anything
        raise CheckpointError(
            f"open_clip cannot give {name!r} with the weights {weights!r} "
            f"({type(error).__name__}: {error}). Where the hub cannot be reached, fetch the "
            "weights elsewhere and set 'pretrained' to the file"
        ) from error


@contextmanager
def _warnings_logged(wanted: bool) -> Iterator[None]:
    """Keep the root logger from warnings: open_clip's of random weights, where these are meant."""
    root = logging.getLogger()
    level = root.level
    if not wanted:
        root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
