"""What networks of one and of two quantised levels have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from semsim.codecs.ftsc.config import VqVae2Config, VqVaeConfig
from semsim.codecs.layers.vector_quantizer import Quantized, VectorQuantizer

#: ``(height, width)`` of one level's index map.
Grid: TypeAlias = tuple[int, int]


#: Pixels that go through a network at a time, so that memory does not grow with the batch.
_PIXELS = 8 * 256 * 256


def at_once(height: int, width: int) -> int:
    """Return how many images go through a network at a time where no gradient is wanted."""
    return max(1, _PIXELS // (height * width))


class QuantizedAutoencoder(nn.Module, ABC):
    """An autoencoder whose latent maps are entries of codebooks.

    ::

        x ──► latents ──► indices of every level ──► look_up ──► reconstruct ──► x̂

    Levels come in the order in which they are sent, the coarsest first. A subclass says what its
    encoders make of images (:meth:`features`; :meth:`latents` while it trains) and its decoders of
    looked-up entries (:meth:`reconstruct`); all else is one for any number of levels.

    Attributes:
        levels: names of the levels.
        config: sizes.
    """

    levels: ClassVar[tuple[str, ...]]
    config: VqVaeConfig | VqVae2Config

    @property
    @abstractmethod
    def quantizers(self) -> tuple[VectorQuantizer, ...]:
        """Codebook of every level."""

    @abstractmethod
    def latents(self, x: Tensor, generator: torch.Generator | None = None) -> Sequence[Quantized]:
        """``[B, 3, H, W]`` in 0..1 to the quantised latents of every level.

        In training mode the codebooks move (``generator`` picks where dead entries go).
        """

    @abstractmethod
    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """``[B, 3, H, W]`` in 0..1 to ``z_e [B, d, h, w]`` of every level, before quantisation.

        Gradients reach ``x``; where a level sees another's entries they pass straight through.
        """

    @property
    @abstractmethod
    def decoder_parts(self) -> tuple[nn.Module, ...]:
        """The layers that only a receiver has; the others are at both ends."""

    @abstractmethod
    def reconstruct(self, *z: Tensor) -> Tensor:
        """Looked-up entries ``[B, d, h, w]`` of every level to ``[B, 3, H, W]`` (not clamped)."""

    @abstractmethod
    def scales(self) -> tuple[int, ...]:
        """How many times smaller than the image every level's map is."""

    def latent_shapes(self, height: int, width: int) -> tuple[Grid, ...]:
        """Shapes of the index maps for an image.

        Raises:
            ValueError: if the coarsest level does not divide the image.
        """
        step = max(self.scales())
        if height % step or width % step or min(height, width) < step:
            raise ValueError(
                f"scaling {self.config.name} needs a height and width divisible by {step}, got "
                f"{height}×{width}"
            )
        return tuple((height // scale, width // scale) for scale in self.scales())

    def index_bits(self, height: int, width: int) -> int:
        """Bits of an image at a fixed length an index (the numerator of FTSC eq. 10).

        Raises:
            ValueError: if the coarsest level does not divide the image.
        """
        shapes = self.latent_shapes(height, width)
        return sum(
            quantizer.bits * h * w
            for quantizer, (h, w) in zip(self.quantizers, shapes, strict=True)
        )

    def indices(self, x: Tensor) -> tuple[Tensor, ...]:
        """``[B, 3, H, W]`` in 0..1 to the index maps ``[B, h, w]`` of every level (eq. 1)."""
        parts = [
            tuple(q.nearest(z) for q, z in zip(self.quantizers, self.features(some), strict=True))
            for some in torch.split(x, at_once(*x.shape[2:]))
        ]
        return tuple(torch.cat(level) for level in zip(*parts, strict=True))

    def look_up(self, *index: Tensor) -> tuple[Tensor, ...]:
        """Index maps ``[B, h, w]`` of every level to their entries ``[B, d, h, w]`` (eq. 2)."""
        return tuple(q.look_up(i) for q, i in zip(self.quantizers, index, strict=True))

    def decode_indices(self, *index: Tensor) -> Tensor:
        """Index maps ``[B, h, w]`` of every level to an image ``[B, 3, H, W]`` (not clamped)."""
        return self.reconstruct(*self.look_up(*index))

    def forward(
        self, x: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Sequence[Quantized]]:
        """Encode, quantise, decode: ``(x̂, latents)``."""
        latents = self.latents(x, generator)
        return self.reconstruct(*(level.z_q for level in latents)), latents
