"""LaMoSC (Zhao, Yue, Hou, Cheng, Huang, IEEE TCCN 2024): an image sent with words about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from semsim.codecs import checkpoints
from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.jscc.sizes import feature_counts, grid
from semsim.codecs.lamosc.caption_code import CaptionCode
from semsim.codecs.lamosc.config import LamoscConfig, LamoscModel
from semsim.codecs.lamosc.networks import Network
from semsim.codecs.layers.csi import snr_db
from semsim.codecs.learned import LearnedCodec
from semsim.codecs.pairs import to_features, to_symbols
from semsim.codecs.vlm_csc.knowledge.contracts import Captioner
from semsim.errors import ScenarioError
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


class Lamosc(LearnedCodec):
    """Swin transformer stages at either end that ask the words of a caption.

    ::

        caption ─► words ─► reader ─┐ (the words: side bits) ─► reader ─┐
        I ─► stages ─► norm ─► fusion ─► ModNet ─► C ─► channel         │
        Î ◄─ stages ◄─ fusion ◄─ ModNet ◄─ ◄──────────────┘             │
                          └─────────────────────────────────────────────┘

    What is known of the article, and what was decided here, is in ``docs/papers/mmsemcom.md``.
    The visual part has WITT's layers. The caption is the source's, or that of a captioner at the
    sender; its words travel beside the symbols, are charged as :class:`CaptionCode` counts them,
    and are assumed to arrive, as all side information. With ``text: false`` nothing of it is there.

    Args:
        config: whose weights, or the sizes of a new network; the captioner, if any.
        device: where the network lives, and the captioner unless it has a device of its own.

    Raises:
        CheckpointError: if weights are missing, damaged, or of another codec.
        ScenarioError: if there is a captioner for a network without text.
    """

    Config = LamoscConfig
    Model = LamoscModel

    def __init__(self, config: LamoscConfig, device: str = "cpu") -> None:
        super().__init__(config, device)
        if config.captioner is not None and not self.model.text:
            raise ScenarioError(
                "codec.captioner: these weights take no text (text: false); leave the captioner out"
            )
        self._captioner: Captioner | None = (
            None if config.captioner is None else config.captioner.build(device=device)
        )

    def _build(self, model: LamoscModel) -> None:
        self.code = CaptionCode(model.words, model.longest)
        self.network = Network(model, len(self.code))

    @property
    def side_bits(self) -> int:
        """Bits of the caption."""
        return self.code.bits if self.model.text else 0

    @cached_property
    def weight_hashes(self) -> dict[str, str]:
        """SHA-256 of the weights, those of a captioner among them, for the manifest."""
        return checkpoints.hashes(self.config, self.config.captioner)

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """One rate: C real features at each place of the last stage's grid, and the caption.

        Raises:
            ValueError: if the stages do not divide the image's sides, or it is not RGB.
        """
        if shape not in self._rates:
            self._rates[shape] = (self._rate(shape),)
        return self._rates[shape]

    def _rate(self, shape: ImageShape) -> Rate:
        model = self.model
        ((name, count),) = feature_counts(shape, model.shrink, model.channels).items()
        payload = math.ceil(count / 2) + self.side_bits
        numbers = on_meta(1, model.longest, dtype=torch.long) if model.text else None
        snr, places = on_meta(1, 1), on_meta(1, *grid(shape, model.shrink), model.channels)
        captioner = 0.0 if self._captioner is None else self._captioner.flops
        sent = count_flops(self.network, lambda m: m.send(on_meta(1, *shape), numbers, snr))
        return Rate(
            name=name,
            shape=shape,
            unit="symbols",
            payload=payload,
            rho=payload / math.prod(shape),
            flops_encode=sent + captioner,
            flops_decode=count_flops(self.network, lambda m: m.rebuild(places, numbers, snr)),
        )

    def captions(self, source: Source) -> Sequence[str]:
        """Return what is said of each image: by the captioner, or by the source.

        Raises:
            ScenarioError: if nobody says anything.
        """
        if self._captioner is not None:
            return self._captioner.caption(source.image)
        if source.caption is None:
            raise ScenarioError(
                "source: lamosc sends a caption with every image, and these have none; choose a "
                "source that has (tinted, scenes), give the codec a 'captioner', or train one "
                "without text (model: {text: false})"
            )
        return source.caption

    def encode(self, source: Source, csi: Csi, rate: Rate) -> SymbolPayload:  # noqa: ARG002
        """``[B, 3, H, W]`` images to ``[B, ⌈C·h·w/2⌉]`` symbols, and the words of their captions.

        Raises:
            ScenarioError: if there are no captions.
        """
        numbers = None
        if self.model.text:
            numbers = self.code.numbers(self.captions(source), source.image.device)
        features = self.network.send(source.image, numbers, snr_db(csi))
        return SymbolPayload(to_symbols(features.flatten(1)), self.side_bits, side=numbers)

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:
        """Equalised symbols and words to images; while it trains, these are not clamped."""
        if not isinstance(received, Received):
            raise TypeError("lamosc sends symbols; it takes no decoded bits")
        if self.model.text and received.side is None:
            raise TypeError("lamosc sends a caption beside its symbols; the link must pass it on")
        image = self.network.rebuild(self._places(received.x, rate), received.side, snr_db(csi))
        image = image.float()
        return Output(image=image if self.training else image.clamp(0, 1))

    def _places(self, symbols: Tensor, rate: Rate) -> Tensor:
        """``[B, n]`` symbols to features ``[B, h, w, C]``."""
        rows, columns = grid(rate.shape, self.model.shrink)
        channels = self.model.channels
        features = to_features(symbols, rows * columns * channels)
        return features.view(-1, rows, columns, channels)

    def close(self) -> None:
        """Give the memory of the captioner back; with one, the codec cannot be used any more."""
        if self._captioner is not None:
            self._captioner.close()
