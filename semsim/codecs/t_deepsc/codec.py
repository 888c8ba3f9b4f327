"""T-DeepSC (Zhang, Hu, Qin, Cai, Yu, Tao): an image's class over the air, by indices."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from semsim.codecs.bits import from_bits, to_bits
from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.layers.pixels import centred
from semsim.codecs.layers.vector_quantizer import Quantized, VectorQuantizer
from semsim.codecs.learned import LearnedCodec
from semsim.codecs.learning import Lesson
from semsim.codecs.t_deepsc.config import TDeepScConfig, TDeepScModel
from semsim.codecs.t_deepsc.networks import SemanticDecoder, SemanticEncoder
from semsim.types import (
    BitPayload,
    Csi,
    ImageShape,
    Output,
    Rate,
    Received,
    ReceivedBits,
    Source,
)


class TDeepSc(LearnedCodec):
    """Semantic encoder, codebook, and a decoder with a classifier at the receiver.

    ::

        s ─► semantic encoder ─► z_e [vectors, width] ─► nearest entries ─► indices ─► bits ─► modem
        logits ◄─ decoder ◄─ entries [vectors, width] ◄─ codebook ◄─ indices ◄─ bits ◄───────┘

    The only rate, named ``indices=10``, is ⌈log2 entries⌉ bits for each vector, 40 as the paper has
    it. A wrong bit chooses a wrong entry. The link's modem carries the bits: the authors' code uses
    16-QAM without a code, ``modem: {modulation: 16qam, coding: none}``, on which each index is a
    symbol.

    Bits have no gradient. In training, as in the authors' code, what the decoder works from are the
    entries that arrived, right or wrong, and its gradient passes straight through to z_e; to the
    loss comes β‖z_e − sg[e]‖². Theirs moves the codebook by the gradient of ‖sg[z_e] − e‖²; here it
    follows running averages of the features that chose each entry, and dead entries are revived.
    """

    Config = TDeepScConfig
    Model = TDeepScModel

    def _build(self, model: TDeepScModel) -> None:
        self.semantic_encoder = SemanticEncoder(model)
        self.quantizer = VectorQuantizer(model.entries, model.width)
        self.semantic_decoder = SemanticDecoder(model)

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """One rate; its payload does not depend on the image's size.

        Raises:
            ValueError: if it is not RGB, or patches do not divide it or are fewer than the vectors.
        """
        if shape not in self._rates:
            self._rates[shape] = (self._rate(shape),)
        return self._rates[shape]

    def _rate(self, shape: ImageShape) -> Rate:
        channels, height, width = shape
        patch, vectors = self.model.patch, self.model.vectors
        if channels != 3:
            raise ValueError(f"it takes RGB images, got {channels} channels")
        if height % patch or width % patch:
            raise ValueError(f"patches of {patch} pixels do not divide {height}×{width}")
        if (height // patch) * (width // patch) < vectors:
            raise ValueError(
                f"{height}×{width} has fewer than {vectors} patches of {patch} pixels to send"
            )
        payload = vectors * self.quantizer.bits
        entries = on_meta(1, vectors, self.model.width)
        return Rate(
            name=f"indices={vectors}",
            shape=shape,
            unit="bits",
            payload=payload,
            rho=payload / (8 * math.prod(shape)),
            flops_encode=count_flops(self, lambda m: m.indices(on_meta(1, *shape))),
            flops_decode=count_flops(self, lambda m: m.semantic_decoder(entries)),
        )

    def describe(self, image: Tensor) -> Tensor:
        """``[B, 3, H, W]`` in 0..1 to feature vectors z_e, ``[B, vectors, width]``."""
        features: Tensor = self.semantic_encoder(centred(image))
        return features

    def indices(self, image: Tensor) -> Tensor:
        """``[B, 3, H, W]`` in 0..1 to indices ``[B, vectors]``."""
        return self.quantizer.nearest(_as_row(self.describe(image))).squeeze(1)

    def bits_of(self, index: Tensor) -> Tensor:
        """``[B, vectors]`` indices to ``[B, payload]`` bits."""
        return to_bits(index, self.quantizer.bits)

    def entries_of(self, received: Received | ReceivedBits) -> Tensor:
        """``[B, payload]`` bits, right or wrong, to entries ``[B, vectors, width]``.

        A number beyond the entries is the last one.

        Raises:
            TypeError: if symbols arrive.
        """
        if not isinstance(received, ReceivedBits):
            raise TypeError("t_deepsc sends bits; it takes no symbols")
        index = from_bits(received.bits, self.quantizer.bits)
        return self.quantizer.codebook[index.clamp_max(self.quantizer.entries - 1)]

    @torch.no_grad()
    def encode(self, source: Source, csi: Csi, rate: Rate) -> BitPayload:  # noqa: ARG002
        """``[B, 3, H, W]`` images to ``[B, payload]`` bits; the SNR plays no part."""
        return BitPayload(self.bits_of(self.indices(source.image)))

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """``[B, payload]`` bits, right or wrong, to logits ``[B, classes]``."""
        return Output(logits=self.semantic_decoder(self.entries_of(received)).float())

    def lesson(self, source: Source, generator: torch.Generator) -> Lesson:
        """Quantise a batch ahead of its way, which moves the codebook."""
        z_e = self.describe(source.image).float()
        quantized: Quantized = self.quantizer(_as_row(z_e), generator)
        figures = {
            "commitment": float(quantized.commitment.detach()),
            "perplexity": float(quantized.perplexity),
        }
        stand_in = StraightThrough(self, z_e, quantized.index.squeeze(1))
        return Lesson(stand_in, self.config.commitment * quantized.commitment, figures)


class StraightThrough:
    """A codec for one batch that has been quantised before, and passes gradients on.

    Args:
        codec: what sends and receives.
        z_e: its features of the images to come, ``[B, vectors, width]``.
        index: what they became, ``[B, vectors]``.
    """

    def __init__(self, codec: TDeepSc, z_e: Tensor, index: Tensor) -> None:
        self._codec = codec
        self._z_e = z_e
        self._index = index
        self.config = codec.config

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """As the codec's."""
        return self._codec.rates(shape)

    def encode(self, source: Source, csi: Csi, rate: Rate) -> BitPayload:  # noqa: ARG002
        """Turn the indices into bits."""
        return BitPayload(self._codec.bits_of(self._index))

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """Turn what arrived into logits, with the gradient of the features that were sent."""
        entries = self._codec.entries_of(received)
        passed = self._z_e + (entries - self._z_e).detach()
        return Output(logits=self._codec.semantic_decoder(passed).float())


def _as_row(vectors: Tensor) -> Tensor:
    """``[B, n, d]`` to a map of one row, ``[B, d, 1, n]``."""
    return vectors.transpose(1, 2).unsqueeze(2)
