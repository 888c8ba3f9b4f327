"""Small pictures in memory, each with a class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from semsim.data.images import checked_count, draw_order, to_tensor
from semsim.types import Source


class LabelledImages:
    """Equally large images, kept as bytes and resized when they are delivered.

    Args:
        images: ``[N, H, W, 3]``, or ``[N, H, W]`` (grey, delivered in three equal channels).
        labels: ``[N]``.
        names: one an image.
        size: height and width of what is delivered, in pixels; ``None`` keeps H and W.
        captions: one an image, where there are any.

    Attributes:
        images: as they were given.
        labels: as they were given.
        names: as they were given.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        names: Sequence[str],
        size: int | None,
        captions: Sequence[str] | None = None,
    ) -> None:
        self.images = images
        self.labels = labels
        self.names = tuple(names)
        self._size = size
        self._captions = None if captions is None else tuple(captions)

    def __len__(self) -> int:
        return len(self.images)

    def take(self, count: int) -> Source:
        """Return the first ``count`` images; they repeat where there are fewer."""
        return self._source([i % len(self) for i in range(checked_count(count))])

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw ``count`` images with ``rng``; they repeat only when all of them were drawn."""
        return self._source(draw_order(len(self), count, rng))

    def _source(self, index: list[int]) -> Source:
        images = [Image.fromarray(self.images[i]).convert("RGB") for i in index]
        if self._size is not None:
            size = (self._size, self._size)
            images = [image.resize(size, Image.Resampling.LANCZOS) for image in images]
        captions = None
        if self._captions is not None:
            captions = tuple(self._captions[i] for i in index)
        return Source(
            image=to_tensor(images),
            label=torch.from_numpy(self.labels[index]),
            caption=captions,
            name=tuple(self.names[i] for i in index),
        )
