"""Several workers that train one recipe together, each on its rows of every batch.

The loop speaks to them through :class:`Gang`, and knows nothing of processes or networks. What
stays the same whatever their number: every worker draws a step's images, noise and SNRs whole, as a
single one does, and computes its rows of them; sums over the workers make gradients, losses and
figures those of the whole batch before anything is decided by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from semsim.config import PluginConfig
from semsim.errors import ScenarioError
from semsim.training.recipe import Recipe
from semsim.types import Channel, Received

T = TypeVar("T")


class Gang(Protocol):
    """What the loop asks of those who train together; all must call the same methods in turn."""

    @property
    def rank(self) -> int:
        """Who this is; 0 evaluates and keeps checkpoints."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of everybody's ``values``, the same to the bit for all.

        The tensor may be overwritten.
        """
        ...

    def agree(self, value: T) -> T:
        """Return what rank 0 has."""
        ...


class Solo:
    """A single worker."""

    rank, size = 0, 1

    def sum(self, values: Tensor) -> Tensor:
        """Return ``values``."""
        return values

    def agree(self, value: T) -> T:
        """Return ``value``."""
        return value


@dataclass(frozen=True)
class Part:
    """The rows of a batch that one worker computes.

    Attributes:
        first: the first of them.
        count: how many.
        whole: rows of the batch.
    """

    first: int
    count: int
    whole: int

    @property
    def rows(self) -> slice:
        """Where they lie in the batch."""
        return slice(self.first, self.first + self.count)

    @property
    def share(self) -> float:
        """Their share of the batch."""
        return self.count / self.whole


def part_of(gang: Gang, batch: int) -> Part | None:
    """Return this worker's rows, ``None`` where it has them all; shares differ by one at most.

    >>> class Third:
    ...     rank, size = 2, 3
    >>> part_of(Third(), 8)
    Part(first=5, count=3, whole=8)
    """
    if gang.size == 1:
        return None
    first, end = (batch * (gang.rank + i) // gang.size for i in (0, 1))
    return Part(first, end - first, batch)


def total(gang: Gang, part: Part, numbers: Iterable[float], device: str) -> list[float]:
    """Return means over the batch of numbers that are means over each worker's rows."""
    own = torch.tensor(list(numbers), dtype=torch.float64, device=device)
    summed: list[float] = gang.sum(own * part.share).tolist()
    return summed


def total_gradients(gang: Gang, part: Part, model: nn.Module) -> None:
    """Put the gradients of the whole batch's mean in the place of those of the own rows' means."""
    gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
    summed = gang.sum(torch.cat([gradient.flatten() for gradient in gradients]) * part.share)
    pieces = torch.split(summed, [gradient.numel() for gradient in gradients])
    for gradient, piece in zip(gradients, pieces, strict=True):
        gradient.copy_(piece.view_as(gradient))


class PartOfChannel:
    """A channel as the whole batch would meet it, of which one worker's rows are sent.

    What is random has the shape of the whole batch, and so the same numbers for each row whoever
    computes it. The rows of others are filled with ones, and what becomes of them is dropped.

    Args:
        channel: the true one.
        part: whose rows are sent.
    """

    def __init__(self, channel: Channel, part: Part) -> None:
        self._channel = channel
        self._part = part

    def apply(self, x: Tensor, snr: Tensor) -> Received:
        """Send the own rows; see :class:`~semsim.types.Channel`.

        Raises:
            ScenarioError: for some of these rows only, as HARQ sends them.
        """
        part = self._part
        if len(x) != part.count:
            raise ScenarioError(
                f"a codec that sends {len(x)} of {part.count} images of a batch draws numbers of "
                "its own; several workers cannot share its batches: use --workers 1"
            )
        received = self._channel.apply(_filled(x, part), _filled(snr, part))
        return received.rows(part.rows)


def _filled(rows: Tensor, part: Part) -> Tensor:
    before, after = part.first, part.whole - part.first - part.count
    return torch.cat(
        [rows.new_ones(before, *rows.shape[1:]), rows, rows.new_ones(after, *rows.shape[1:])]
    )


def check_shareable(recipe: Recipe, workers: int) -> None:
    """Refuse recipes whose batches several workers cannot share.

    Raises:
        ScenarioError: if updates are not known to be means over a batch's rows, or if there are
            more workers than rows.
    """
    if workers == 1:
        return
    remedy = f"; {workers} workers cannot share its batches: use --workers 1"
    objective = recipe.objective
    if not getattr(objective, "by_rows", False):
        raise ScenarioError(
            f"objective {objective.kind!r} does not declare (by_rows) that its updates are means "
            f"over the images of a batch, each apart from the others{remedy}"
        )
    for codec in _codecs(objective):
        if not getattr(codec, "by_rows", False):
            raise ScenarioError(
                f"objective {objective.kind!r}: codec {codec.kind!r} does not declare (by_rows) "
                f"that it treats every image of a batch apart from the others{remedy}"
            )
    if recipe.link is not None and recipe.link.snr_convention == "batch_power":
        raise ScenarioError(
            "link.snr_convention: 'batch_power' scales all images of a batch together, under "
            f"objective {objective.kind!r}{remedy}"
        )
    if recipe.batch < workers:
        raise ScenarioError(
            f"batch: {recipe.batch} images cannot be shared by {workers} workers; use "
            f"--workers {recipe.batch} at most"
        )


def _codecs(config: PluginConfig) -> list[PluginConfig]:
    values: list[Any] = [getattr(config, name) for name in type(config).model_fields]
    return [v for v in values if isinstance(v, PluginConfig) and v.room == "codecs"]
