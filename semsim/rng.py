"""Named random streams from one seed; nothing in semsim seeds a global generator.

Every consumer asks for its stream by name, so adding a consumer does not shift the numbers that
the others draw, and the order of work (or the number of workers) does not matter.

>>> streams = Streams(7)
>>> a = streams.numpy("fading").standard_normal()
>>> b = Streams(7).numpy("fading").standard_normal()
>>> a == b
True
>>> streams.numpy("noise").standard_normal() == a
False
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


class Streams:
    """A tree of independent random streams.

    Args:
        seed: non-negative integer; the same seed gives the same streams on every machine.

    Raises:
        ValueError: if ``seed`` is negative.
    """

    def __init__(self, seed: int, _path: tuple[int, ...] = ()) -> None:
        if seed < 0:
            raise ValueError(f"seed must be non-negative, got {seed}")
        self.seed = seed
        self._path = _path

    def child(self, name: str, index: int = 0) -> Streams:
        """Return the sub-tree ``name[index]``, for instance ``child("slot", 3)``."""
        return Streams(self.seed, (*self._path, zlib.crc32(name.encode()), index))

    def _sequence(self, name: str) -> np.random.SeedSequence:
        key = (*self._path, zlib.crc32(name.encode()))
        return np.random.SeedSequence(entropy=self.seed, spawn_key=key)

    def numpy(self, name: str) -> np.random.Generator:
        """Return a fresh numpy generator for ``name``; asking twice starts it anew."""
        return np.random.default_rng(self._sequence(name))

    def torch(self, name: str, device: str | torch.device = "cpu") -> torch.Generator:
        """Return a fresh torch generator for ``name`` on ``device``."""
        import torch

        generator = torch.Generator(device=device)
        state = self._sequence(name).generate_state(2, np.uint32)
        generator.manual_seed(int(state[0]) | int(state[1] & 0x7FFFFFFF) << 32)
        return generator
