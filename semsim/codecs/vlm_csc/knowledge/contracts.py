"""What a sender and a receiver of sentences ask of their knowledge bases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from torch import Tensor

from semsim.types import ImageShape


@dataclass(frozen=True)
class Generated:
    """Images made of sentences.

    Attributes:
        image: ``[B, 3, H, W]`` in 0..1; grey where the generator failed.
        failures: why, by place in the batch.
    """

    image: Tensor
    failures: dict[int, str] = field(default_factory=dict)


@runtime_checkable
class Captioner(Protocol):
    """Image to sentence: the sender's knowledge base."""

    @property
    def flops(self) -> float:
        """Operations for one image and its longest sentence."""
        ...

    def caption(self, image: Tensor) -> tuple[str, ...]:
        """Return a sentence for each of ``image [B, 3, H, W]``, floats in 0..1."""
        ...

    def close(self) -> None:
        """Give the memory of the model back; the captioner cannot be used any more."""
        ...


@runtime_checkable
class Generator(Protocol):
    """Sentence to image: the receiver's knowledge base."""

    @property
    def flops(self) -> float:
        """Operations for one image."""
        ...

    def generate(
        self, sentences: Sequence[str], shape: ImageShape, seeds: Sequence[int]
    ) -> Generated:
        """Return an image of ``shape`` for each sentence.

        Args:
            sentences: any texts, empty ones included.
            shape: ``(3, H, W)`` of the images.
            seeds: one a sentence. An image depends on its own sentence and seed, but for rounding,
                and not on what else is in the batch.
        """
        ...

    def close(self) -> None:
        """Give the memory of the models back; the generator cannot be used any more."""
        ...
