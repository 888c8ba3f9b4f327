"""What every worker of a training does."""

from __future__ import annotations

import io
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from semsim.errors import SemsimError
from semsim.results import recorded_versions
from semsim.training.loop import CHECKPOINT, Progress, Trainer
from semsim.training.recipe import Recipe
from semsim.training.run import write_products
from semsim.triton_first import import_triton_first
from semsim_agents.sweeping.task import other_versions
from semsim_agents.together.mailbox import Failed, Finished, Kept, Told

T = TypeVar("T")


@dataclass(frozen=True)
class Order:
    """What a worker is told.

    Attributes:
        recipe: as JSON.
        file: name of the recipe's file, for the cards.
        mailbox: the driver's, a Ray actor.
        device: ``cpu`` or ``cuda``.
        threads: to compute with.
        versions: of the driver; a worker that has others would have other numbers.
    """

    recipe: str
    file: str
    mailbox: Any
    device: str
    threads: int
    versions: dict[str, str | None]


class PeerLost(RuntimeError):  # noqa: N818 - it is no mistake of anybody's
    """Another worker died: all begin anew from the last checkpoint."""


class ProcessGroup:
    """A :class:`~semsim.training.gang.Gang` on the default group of torch.distributed."""

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum of everybody's ``values``."""
        with _peers():
            dist.all_reduce(values)
        return values

    def agree(self, value: T) -> T:
        """Return what rank 0 has; tensors come on the CPU."""
        content: list[bytes | None] = [None]
        if self.rank == 0:
            buffer = io.BytesIO()
            torch.save(value, buffer)
            content = [buffer.getvalue()]
        with _peers():
            dist.broadcast_object_list(content, src=0)
        if self.rank == 0:
            return value
        agreed: T = torch.load(
            io.BytesIO(content[0] or b""), map_location="cpu", weights_only=False
        )
        return agreed

    def first(self, error: Exception | None) -> Exception | None:
        """Return the error of the lowest rank that has one."""
        everybody: list[Exception | None] = [None] * self.size
        with _peers():
            dist.all_gather_object(everybody, error)
        return next((found for found in everybody if found is not None), None)


@contextmanager
def _peers() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise PeerLost(str(error)) from error


def work(order: Order) -> None:
    """Train as one of several.

    Mistakes of the user's end in the mailbox, since trying again does not mend them.

    Raises:
        PeerLost: if another worker died.
    """
    import ray

    import_triton_first()
    torch.set_num_threads(order.threads)
    gang = ProcessGroup()
    try:
        with tempfile.TemporaryDirectory() as folder:
            _train(order, gang, Path(folder))
    except PeerLost:
        raise
    except Exception as error:  # the driver raises it
        ray.get(order.mailbox.post.remote(Failed(_told(error))))


def _train(order: Order, gang: ProcessGroup, folder: Path) -> None:
    import ray

    over, checkpoint = gang.agree(
        ray.get(order.mailbox.last.remote()) if gang.rank == 0 else (False, None)
    )
    if over:
        return
    if checkpoint is not None:
        (folder / CHECKPOINT).write_bytes(checkpoint)
    recipe = Recipe.model_validate_json(order.recipe)
    trainer = _together(gang, lambda: _trainer(order, recipe, folder, gang))
    post = order.mailbox.post.remote

    def report(progress: Progress) -> None:
        if gang.rank == 0:
            if progress.saved:
                ray.get(post(Kept((folder / CHECKPOINT).read_bytes())))
            post(Told(vars(progress)))

    trained = trainer.run(resume=checkpoint is not None, report=report)
    if gang.rank == 0:
        cards = write_products(recipe, Path(order.file), folder, trained)
        names = [Path(card["weights"]).stem for card in cards]
        files = [folder / f"{name}.{end}" for name in names for end in ("safetensors", "yaml")]
        ray.get(post(Finished({file.name: file.read_bytes() for file in files}, cards)))


def _together(gang: ProcessGroup, make: Callable[[], T]) -> T:
    """Make something on every worker, or raise on all what went wrong on one."""
    made: T | None = None
    error: Exception | None = None
    try:
        made = make()
    except Exception as caught:  # others would wait for this worker
        error = _told(caught)
    first = gang.first(error)
    if first is not None or made is None:
        raise first or TypeError("nothing was made")
    return made


def _trainer(order: Order, recipe: Recipe, folder: Path, gang: ProcessGroup) -> Trainer:
    if told := other_versions(recorded_versions(), order.versions):
        raise SemsimError(told)
    return Trainer(recipe, folder, _device(order.device), gang)


def _device(kind: str) -> str:
    if kind == "cpu":
        return kind
    from ray.train.torch import get_device

    return str(get_device())


def _told(error: Exception) -> Exception:
    """Return an error that travels: the user's as it is, another with its traceback."""
    if isinstance(error, SemsimError):
        return error
    return RuntimeError("".join(traceback.format_exception(error)))
