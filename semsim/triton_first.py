"""The one order of imports in which TensorFlow, triton and Sionna live together."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from semsim.errors import SemsimError


def import_triton_first() -> None:
    """Import triton, if it is installed, before anything can import TensorFlow.

    PyTorch and Sionna load triton for their compiled functions. Loaded after TensorFlow it ends the
    process with a segmentation fault (triton 3.8 after TensorFlow 2.20 does); loaded before it,
    both work. Libraries that import TensorFlow by themselves where it is installed, such as RLlib,
    are safe after this.

    Raises:
        SemsimError: if the process has imported TensorFlow before triton.
    """
    if "triton" in sys.modules or find_spec("triton") is None:
        return
    if sys.modules.get("tensorflow") is not None:
        raise SemsimError(
            "TensorFlow was imported before triton, which would crash this process: import "
            "sionna.phy, or triton itself, before tensorflow"
        )
    import triton  # noqa: F401
