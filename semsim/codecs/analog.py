"""What all codecs share that send features of a network as symbols."""

from __future__ import annotations

import math
from abc import abstractmethod

from torch import Tensor

from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.learned import LearnedCodec
from semsim.codecs.pairs import to_features, to_symbols
from semsim.types import (
    Csi,
    ImageShape,
    Output,
    Rate,
    Received,
    ReceivedBits,
    Source,
    SymbolPayload,
)


class FeatureCodec(LearnedCodec):
    """Joint source-channel coding: real features in pairs make complex symbols.

    ::

        image ─► features ─► pairs ─► link: unit power, channel ─► pairs ─► output

    A subclass names its ``Config`` and the ``Model`` of its sizes, makes its layers in
    :meth:`_build`, and says how many features it sends (:meth:`feature_counts`), which
    (:meth:`features`) and what it makes of them (:meth:`output`; :class:`AnalogCodec` makes
    images). Everything is differentiable, so that the same object is trained and used.

    Args:
        config: whose weights, or the sizes of a new network.
        device: where the network lives.

    Raises:
        CheckpointError: if weights are missing, damaged, or of another codec.
    """

    @abstractmethod
    def feature_counts(self, shape: ImageShape) -> dict[str, int]:
        """Return by rate name how many real features an image of ``shape`` becomes.

        Raises:
            ValueError: if the architecture cannot take ``shape``; the message says what it can.
        """

    @abstractmethod
    def features(self, image: Tensor, csi: Csi, rate: Rate) -> Tensor:
        """Turn images ``[B, C, H, W]`` in 0..1 into real features ``[B, k]`` of any scale."""

    @abstractmethod
    def output(self, features: Tensor, csi: Csi, rate: Rate) -> Output:
        """Turn received features ``[B, k]``, of unit mean power and noise, into what is wanted."""

    def side_bits(self, rate: Rate) -> int:  # noqa: ARG002
        """Bits that travel beside one image's symbols, and count."""
        return 0

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """Operating points, by rising channel bandwidth ratio.

        Raises:
            ValueError: if the architecture cannot take ``shape``.
        """
        if shape not in self._rates:
            counts = sorted(self.feature_counts(shape).items(), key=lambda item: item[1])
            self._rates[shape] = tuple(self._rate(name, shape, count) for name, count in counts)
        return self._rates[shape]

    def _rate(self, name: str, shape: ImageShape, count: int) -> Rate:
        symbols = math.ceil(count / 2)
        bare = Rate(name, shape, "symbols", symbols, symbols / math.prod(shape))
        payload = symbols + self.side_bits(bare)
        csi = Csi(on_meta(1))
        return Rate(
            name=name,
            shape=shape,
            unit="symbols",
            payload=payload,
            rho=payload / math.prod(shape),
            flops_encode=count_flops(self, lambda m: m.features(on_meta(1, *shape), csi, bare)),
            flops_decode=count_flops(self, lambda m: m.output(on_meta(1, count), csi, bare)),
        )

    def encode(self, source: Source, csi: Csi, rate: Rate) -> SymbolPayload:
        """``[B, C, H, W]`` images to ``[B, ⌈k/2⌉]`` symbols: features 2i and 2i+1 make symbol i."""
        features = self.features(source.image, csi, rate)
        return SymbolPayload(to_symbols(features), self.side_bits(rate))

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:
        """``[B, ⌈k/2⌉]`` equalised symbols to what the receiver wants."""
        if not isinstance(received, Received):
            raise TypeError(f"{self.config.kind} sends symbols; it takes no decoded bits")
        features = to_features(received.x, self.feature_counts(rate.shape)[rate.name])
        return self.output(features, csi, rate)


class AnalogCodec(FeatureCodec):
    """A :class:`FeatureCodec` that delivers images, by :meth:`restore`.

    While it trains, the images that it returns are not clamped, since a clamp has no gradient.
    """

    @abstractmethod
    def restore(self, features: Tensor, csi: Csi, rate: Rate) -> Tensor:
        """Turn received features ``[B, k]``, of unit mean power and noise, into images."""

    def output(self, features: Tensor, csi: Csi, rate: Rate) -> Output:
        """``[B, k]`` received features to ``[B, C, H, W]`` images."""
        image = self.restore(features, csi, rate).float()
        return Output(image=image if self.training else image.clamp(0, 1))
