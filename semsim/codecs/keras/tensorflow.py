"""Importing TensorFlow and Keras: in the right order, quietly, and without all of the GPU."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from semsim.errors import MissingExtraError, SemsimError
from semsim.triton_first import import_triton_first


@cache
def import_tensorflow() -> Any:
    """Import TensorFlow and return it.

    Triton comes first (:mod:`semsim.triton_first`). TensorFlow logs nothing unless
    ``TF_CPP_MIN_LOG_LEVEL`` says so, and takes the memory of GPUs as it needs it, since PyTorch
    needs some too.

    Raises:
        MissingExtraError: if TensorFlow is not installed.
        SemsimError: if the process has imported TensorFlow before triton.
    """
    import_triton_first()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        import tensorflow
    except ImportError as error:
        raise MissingExtraError(
            "codec keras needs TensorFlow: pip install 'semsim-net[tensorflow]'"
        ) from error
    for gpu in tensorflow.config.list_physical_devices("GPU"):
        try:
            tensorflow.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # the user has used TensorFlow before, and decided
            break
    return tensorflow


def import_keras() -> Any:
    """Import TensorFlow, then Keras, and return Keras.

    Raises:
        MissingExtraError: if TensorFlow is not installed.
        SemsimError: if the process has imported TensorFlow before triton, or Keras with another
            backend.
    """
    import_tensorflow()
    import keras

    if keras.backend.backend() != "tensorflow":
        raise SemsimError(
            f"codec keras: Keras runs on {keras.backend.backend()}, and must run on TensorFlow: "
            "set KERAS_BACKEND=tensorflow before the first import of keras"
        )
    return keras
