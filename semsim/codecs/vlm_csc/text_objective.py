"""How VLM-CSC's text transceiver learns: channel coder and semantic coder in turn (Section IV)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.learning import product_of
from semsim.codecs.vlm_csc.captions import captions_of
from semsim.codecs.vlm_csc.information import Statistics, information_bound
from semsim.codecs.vlm_csc.text_codec import DeepScText
from semsim.codecs.vlm_csc.text_config import TextAlternationConfig
from semsim.codecs.vlm_csc.vocabulary import PAD_ID
from semsim.types import (
    Csi,
    ImageShape,
    Output,
    Product,
    Rate,
    Received,
    ReceivedBits,
    Source,
    SymbolPayload,
    Transmit,
    Update,
)


class TextAlternation:
    """One batch is one turn of the paper's alternation.

    1. The statistics network raises its bound of the mutual information between the semantic
       features that enter the channel encoder and those that leave the channel decoder.
    2. Channel encoder and decoder raise that bound; the semantic coder stands still. (The paper
       says "minimizing the mutual information", which would prevent communication.)
    3. Semantic encoder and decoder lower the cross-entropy of the words (eq. 4), sent anew; the
       channel coder stands still. Eq. (4)'s second term, of the words that were not sent, is
       left out, as usual: softmax lowers their probabilities already.

    The decoder learns each word from the true ones before it.
    """

    Config = TextAlternationConfig

    def __init__(
        self, config: TextAlternationConfig, transmit: Transmit, device: str = "cpu"
    ) -> None:
        self._config = config
        self._transmit = transmit
        codec = DeepScText(config.codec, device=device)
        statistics = Statistics(2 * codec.model.width, config.hidden).to(device)
        if config.statistics is not None:
            kept = checkpoints.read(config.statistics.path, config.statistics.sha256)
            checkpoints.load_into(statistics, kept)
        self.models: dict[str, nn.Module] = {"codec": codec, "statistics": statistics}

    @property
    def _codec(self) -> DeepScText:
        codec = self.models["codec"]
        if not isinstance(codec, DeepScText):
            raise TypeError("the model carries no sentences")
        return codec

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """Yield the three updates of a batch."""
        codec, statistics = self._codec, self.models["statistics"]
        taught = Taught(codec, codec.tokens(captions_of(source), source.image.device))
        with _learning(codec, codec.channel_coder):
            self._transmit(taught, source)
        sent, heard = taught.words(taught.sent).detach(), taught.words(taught.heard)
        bound = information_bound(statistics, sent, heard.detach(), generator)
        yield Update("statistics", -bound, {"information": float(bound.detach())})
        yield Update("codec", -information_bound(statistics, sent, heard, generator))
        with _learning(codec, codec.semantic_coder):
            self._transmit(taught, source)
            logits = taught.foreseen().flatten(0, 1)
        entropy = F.cross_entropy(logits, taught.tokens.flatten(), ignore_index=PAD_ID)
        yield Update("codec", entropy, {"cross_entropy": float(entropy.detach())})

    def evaluate(self, source: Source) -> dict[str, float]:
        """Sentences that arrive right, and more, at each judged SNR."""
        return self._transmit.judge(self._codec, source)

    def products(self) -> tuple[Product, ...]:
        """The transceiver's weights; the statistics network's too where they are kept."""
        made = (product_of(self._config.codec, self._codec),)
        if not self._config.keep_statistics:
            return made
        return (*made, Product("statistics", {"hidden": self._config.hidden}, {}))


class Taught:
    """A codec whose decoder is told the words before the one that it foresees.

    Attributes:
        tokens: ``[B, longest]`` what is sent.
        sent: ``[B, longest, width]`` semantic features that were sent last.
        heard: ``[B, longest, width]`` what became of them.

    Args:
        codec: what sends and receives.
        tokens: of the batch.
    """

    sent: Tensor
    heard: Tensor

    def __init__(self, codec: DeepScText, tokens: Tensor) -> None:
        self._codec = codec
        self.tokens = tokens

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """As the codec's."""
        return self._codec.rates(shape)

    def encode(self, source: Source, csi: Csi, rate: Rate) -> SymbolPayload:  # noqa: ARG002
        """Send, and remember what."""
        self.sent = self._codec.describe(self.tokens, csi)
        return self._codec.symbols(self.sent, self.tokens, csi)

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """Remember what was heard."""
        if not isinstance(received, Received):
            raise TypeError("deepsc_text sends symbols; it takes no decoded bits")
        self.heard, self._arrived = self._codec.hear(received, csi)
        self._csi = csi
        return Output(features=self.heard.flatten(1))

    def foreseen(self) -> Tensor:
        """Return the logits ``[B, longest, words]`` of each word of what was heard last."""
        return self._codec.foresee(self.heard, self._arrived, self.tokens, self._csi)

    def words(self, features: Tensor) -> Tensor:
        """Return the features that are of words, ``[N, width]``."""
        return features[self.tokens != PAD_ID].float()


@contextmanager
def _learning(codec: nn.Module, parts: Iterable[nn.Module]) -> Iterator[None]:
    """Record gradients of these parts of the codec only."""
    codec.requires_grad_(False)
    for part in parts:
        part.requires_grad_(True)
    try:
        yield
    finally:
        codec.requires_grad_(True)
