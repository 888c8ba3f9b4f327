"""Reading .keras files: known by their hash, and in Keras' safe mode only."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from semsim.codecs.checkpoints import sha256_of
from semsim.codecs.keras.tensorflow import import_keras
from semsim.errors import CheckpointError


def import_layers(modules: tuple[str, ...]) -> None:
    """Import modules that register layers with Keras.

    Raises:
        CheckpointError: if one cannot be imported.
    """
    for name in modules:
        try:
            import_module(name)
        except ImportError as error:
            raise CheckpointError(
                f"codec.modules: cannot import {name!r} ({error}); install it, or set PYTHONPATH"
            ) from error


def check_hash(path: Path, expected: str | None) -> str:
    """Return the SHA-256 of ``path``.

    Raises:
        CheckpointError: if the file is missing, or not the one that was expected.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file; mend the path")
    found = sha256_of(path)
    if expected is not None and found != expected:
        raise CheckpointError(
            f"{path}: the SHA-256 is {found}, expected {expected}; the file is damaged or another "
            "one: get it again, or change the hash if you trust this file"
        )
    return found


def read_model(path: Path) -> Any:
    """Return the ``keras.Model`` in a file, without its optimiser and losses.

    In safe mode Keras runs no code from the file.

    Raises:
        CheckpointError: if it is no .keras file, or holds lambdas, layers that nobody registered,
            or a model that was never built.
    """
    keras = import_keras()
    if not is_zipfile(path):
        raise CheckpointError(f"{path}: no .keras file; write it by model.save('{path.name}')")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises nearly anything for a file that it cannot read
        raise CheckpointError(f"{path}: {_why(str(error))}") from error
    if not model.built:
        raise CheckpointError(
            f"{path}: the model was saved before it was built, without weights; call it once on "
            "images, then save it"
        )
    return model


def _why(message: str) -> str:
    if "lambda" in message.lower():
        return (
            "it holds a Lambda layer or another lambda, which Keras' safe mode refuses, since to "
            "load one is to run code from the file; put the computation into a layer of your own "
            "that keras.saving.register_keras_serializable() registers"
        )
    if "Could not locate" in message:
        name = message.split("Could not locate", 1)[1].split(".", 1)[0].strip()
        return (
            f"Keras does not know {name}; name the module that registers it "
            "(keras.saving.register_keras_serializable) under 'modules'"
        )
    return f"Keras cannot read it: {message.strip().splitlines()[0]}"
