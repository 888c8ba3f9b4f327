"""What the loop trains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from semsim.codecs.learning import Sources
from semsim.types import Product, Update


class Objective(Protocol):
    """An algorithm: models, and what to do with each batch.

    Built as ``Class(config, transmit, device)``; ``transmit`` is the recipe's link, ``None`` where
    it has none. An algorithm with several models or stages is the body of :meth:`updates`: the
    loop takes an optimiser's step for every update that it yields before it goes on, so that what
    follows sees the new weights.

    Where every update's loss is a mean over the images of the batch, each apart from the others,
    and the numbers drawn from ``generator`` do not depend on how many images there are, the
    configuration may declare ``by_rows: ClassVar[bool] = True``: several workers can then share a
    batch. What is shown and is no mean itself, such as a PSNR of the loss, belongs into the
    update's ``of_loss``. A codec declares by it that it treats each image apart, without state
    that changes.

    Where models learn from data of their own, the configuration declares ``draws: ClassVar[bool] =
    True`` and the algorithm is an :class:`OwnData` too; its batches are :class:`Sources`.
    """

    #: What is trained, each by an optimiser of its own. The loop puts averaged weights here while
    #: it evaluates.
    models: dict[str, nn.Module]

    def updates(self, source: Any, generator: torch.Generator) -> Iterator[Update]:
        """Yield the updates of one batch, in order."""
        ...

    def evaluate(self, source: Any) -> dict[str, float]:
        """Held-out figures of the current models; the first is the one to watch."""
        ...

    def products(self) -> tuple[Product, ...]:
        """Weights to keep, the main ones first."""
        ...


class OwnData(Protocol):
    """An objective that has data of its own."""

    def draw(self, count: int, rng: np.random.Generator) -> Sources:
        """Draw ``count`` images for every model."""
        ...

    def held_out(self, count: int) -> Sources:
        """Return the first ``count`` images that no model learns from, for every model."""
        ...
