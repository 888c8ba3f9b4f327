"""What the loop trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import nn

from semsim.types import Product, Source, Update


class Objective(Protocol):
    """An algorithm: models, and what to do with each batch.

    Built as ``Class(config, transmit, device)``; ``transmit`` is the recipe's link, ``None`` where
    it has none. An algorithm with several models or stages is the body of :meth:`updates`: the
    loop takes an optimiser's step for every update that it yields before it goes on, so that what
    follows sees the new weights.
    """

    #: What is trained, each by an optimiser of its own. The loop puts averaged weights here while
    #: it evaluates.
    models: dict[str, nn.Module]

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """Yield the updates of one batch, in order."""
        ...

    def evaluate(self, source: Source) -> dict[str, float]:
        """Held-out figures of the current models; the first is the one to watch."""
        ...

    def products(self) -> tuple[Product, ...]:
        """Weights to keep, the main ones first."""
        ...
