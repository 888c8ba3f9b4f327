"""The images of a search: drawn once, split once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from semsim.errors import ScenarioError
from semsim.rng import Streams
from semsim.training.search.recipe import SearchRecipe
from semsim.types import Source

#: Images at a time where no gradients are wanted.
_MANY = 256


@dataclass(frozen=True)
class Batch:
    """What one step sees.

    Attributes:
        source: images ``[B, 3, H, W]`` in 0..1 with labels ``[B]``.
        label: ``[B]``.
        wanted: the teacher's features ``[B, 512]``, where there is a teacher.
    """

    source: Source
    label: Tensor
    wanted: Tensor | None


class Images:
    """Labelled images, as bytes in memory, with a teacher's features of them.

    Args:
        image: ``[N, 3, H, W]`` bytes.
        label: ``[N]``.
        size: to which images are resized when they are delivered.
        device: where to deliver.
    """

    def __init__(self, image: Tensor, label: Tensor, size: int | None, device: str) -> None:
        self._image = image
        self._label = label
        self._size = size
        self._device = device
        self._wanted: Tensor | None = None

    def __len__(self) -> int:
        return len(self._image)

    def learn_from(self, teacher: Callable[[Tensor], Tensor]) -> None:
        """Remember the features that ``teacher`` has of every image."""
        features = [teacher(self._pixels(rows)).cpu() for rows in _chunks(len(self), _MANY)]
        self._wanted = torch.cat(features)

    def batches(self, batch: int, order: Tensor) -> Iterator[Batch]:
        """Yield full batches in the given order; it begins anew as often as is asked for."""
        while True:
            for rows in torch.split(order[: len(order) // batch * batch], batch):
                yield self._deliver(rows)

    def first(self, count: int | None) -> Iterator[Batch]:
        """Yield the first ``count`` images, or all, in batches."""
        for rows in _chunks(min(count or len(self), len(self)), _MANY):
            yield self._deliver(rows)

    def _deliver(self, rows: Tensor) -> Batch:
        label = self._label[rows].to(self._device)
        wanted = None if self._wanted is None else self._wanted[rows].to(self._device)
        return Batch(Source(self._pixels(rows), label), label, wanted)

    def _pixels(self, rows: Tensor) -> Tensor:
        image = self._image[rows].to(self._device).float() / 255.0
        if self._size is not None and image.shape[2:] != (self._size, self._size):
            size = (self._size, self._size)
            image = F.interpolate(image, size, mode="bicubic", antialias=True).clamp(0, 1)
        return image.contiguous(memory_format=torch.channels_last)


def _chunks(count: int, at_a_time: int) -> tuple[Tensor, ...]:
    return torch.split(torch.arange(count), at_a_time)


def split_images(recipe: SearchRecipe, streams: Streams, device: str) -> tuple[Images, Images]:
    """Draw the images of a search; return those that weights and architectures learn from.

    Raises:
        ScenarioError: if images have no classes or too many, differ in size, or are too few for a
            batch of either part.
    """
    source = _drawn(recipe, streams)
    if source.label is None:
        raise ScenarioError(
            "sources: the images have no classes to learn; choose sources that all have them "
            "(scenes, collection, torchvision, folder with 'labels: folders')"
        )
    found = int(source.label.max()) + 1
    if found > recipe.model.classes:
        raise ScenarioError(
            f"model.classes: the network tells {recipe.model.classes} classes apart, the sources "
            f"have at least {found}"
        )
    held = round(len(source) * recipe.validation)
    fewest = min(held, len(source) - held)
    if fewest < recipe.batch:
        raise ScenarioError(
            f"batch: {recipe.batch} images are more than the {fewest} in one part of the "
            f"{len(source)} that were drawn; lower it, or raise 'images'"
        )
    order = torch.from_numpy(streams.numpy("split").permutation(len(source)))
    image = (source.image * 255.0).round().to(torch.uint8)
    parts = (order[held:], order[:held])
    learnt, judged = (
        Images(image[rows], source.label[rows], recipe.size, device) for rows in parts
    )
    return learnt, judged


def _drawn(recipe: SearchRecipe, streams: Streams) -> Source:
    built: list[Any] = [source.build() for source in recipe.sources]
    sizes = [len(source) for source in built]
    counts = sizes
    if recipe.images is not None:
        counts = [max(1, round(recipe.images * size / sum(sizes))) for size in sizes]
    parts: list[Source] = [
        source.sample(count, streams.child("images", i).numpy("draw"))
        for i, (source, count) in enumerate(zip(built, counts, strict=True))
    ]
    if len({part.shape for part in parts}) > 1:
        shapes = " and ".join(sorted({f"{p.shape[1]}×{p.shape[2]}" for p in parts}))
        raise ScenarioError(f"sources: images of {shapes} in one search; give all the same size")
    labels = [part.label for part in parts if part.label is not None]
    label = torch.cat(labels) if len(labels) == len(parts) else None
    return Source(torch.cat([part.image for part in parts]), label)
