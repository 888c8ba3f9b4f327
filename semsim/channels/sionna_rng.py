"""Sionna without its side effects on random numbers.

Importing ``sionna.phy`` reseeds torch's global generators, and its blocks draw from generators
of a process-wide configuration. The other modules of this room take :data:`phy` from here, and
draw inside :func:`draws_from`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from semsim.channels.devices import check_device
from semsim.triton_first import import_triton_first

import_triton_first()  # importing Sionna after TensorFlow would crash without a word
with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
    from sionna import phy

__all__ = ["draws_from", "phy"]

# Sionna's configuration is shared by all threads of the process.
_lock = threading.RLock()


@contextmanager
def draws_from(generator: torch.Generator) -> Iterator[None]:
    """Let Sionna's blocks on the generator's device draw from ``generator``.

    Sionna's own generators are put back afterwards, and have not moved.
    """
    device = str(check_device(generator.device))
    with _lock:
        generators = phy.config._torch_rngs
        phy.config._torch_rngs = {**generators, device: generator}
        try:
            yield
        finally:
            phy.config._torch_rngs = generators
