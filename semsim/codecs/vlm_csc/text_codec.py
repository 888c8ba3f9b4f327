"""``deepsc_text``: sentences as symbols, VLM-CSC's text transceiver."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.layers.csi import snr_db
from semsim.codecs.learned import LearnedCodec
from semsim.codecs.pairs import to_features, to_symbols
from semsim.codecs.vlm_csc.captions import captions_of
from semsim.codecs.vlm_csc.text_config import DeepScTextConfig, TextModel
from semsim.codecs.vlm_csc.text_networks import ChannelNetwork, SemanticDecoder, SemanticEncoder
from semsim.codecs.vlm_csc.vocabulary import BEGIN_ID, END_ID, PAD_ID, Vocabulary
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


class DeepScText(LearnedCodec):
    """A sentence travels, its picture does not (Section IV, between the knowledge bases).

    ::

        words ─► semantic encoder ─► channel encoder ─► symbols ─► channel
        words ◄─ semantic decoder ◄─ channel decoder ◄────────────────┘

    Every word takes the same number of symbols, and so does the sentence's end; nothing is sent
    beyond it. The receiver must know how long what it gets is: the number of words, of as many bits
    as the longest sentence needs, travels beside and is charged.

    The channel encoder's two layers are hidden ones: a third makes symbols of them, as 128 values,
    64 symbols for a word out of 42, would be sent otherwise. The decoder writes one word after
    another, as transformer decoder layers do, and always takes the likeliest.
    """

    Config = DeepScTextConfig
    Model = TextModel
    config: DeepScTextConfig
    model: TextModel

    def _build(self, model: TextModel) -> None:
        self.vocabulary = Vocabulary(model.words)
        words, values = len(self.vocabulary), 2 * model.symbols
        self.semantic_encoder = SemanticEncoder(model, words)
        self.channel_encoder = ChannelNetwork((model.width, *model.channel, values), model)
        self.channel_decoder = ChannelNetwork((values, *model.channel[::-1], model.width), model)
        self.semantic_decoder = SemanticDecoder(model, words)
        self._rates: dict[ImageShape, tuple[Rate, ...]] = {}

    @property
    def semantic_coder(self) -> tuple[nn.Module, nn.Module]:
        """Encoder and decoder."""
        return self.semantic_encoder, self.semantic_decoder

    @property
    def channel_coder(self) -> tuple[nn.Module, nn.Module]:
        """Encoder and decoder."""
        return self.channel_encoder, self.channel_decoder

    @property
    def side_bits(self) -> int:
        """What tells the number of words, the end included, of at least one."""
        return max(1, (self.model.longest - 1).bit_length())

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """One rate, whatever the image: the longest sentence's symbols."""
        if shape not in self._rates:
            self._rates[shape] = (self._rate(shape),)
        return self._rates[shape]

    def _rate(self, shape: ImageShape) -> Rate:
        model = self.model
        payload = model.longest * model.symbols + self.side_bits
        tokens = on_meta(1, model.longest, dtype=torch.long)
        mask = on_meta(1, 1, 1, model.longest, dtype=torch.bool)
        snr = on_meta(1, 1)
        values = on_meta(1, model.longest, 2 * model.symbols)

        def decode(m: DeepScText) -> None:
            heard = m.semantic_decoder.see(m.channel_decoder(values, snr))
            m.semantic_decoder(tokens, heard, mask, snr)

        return Rate(
            name=f"{model.symbols} a word",
            shape=shape,
            unit="symbols",
            payload=payload,
            rho=payload / math.prod(shape),
            flops_encode=count_flops(
                self, lambda m: m.channel_encoder(m.semantic_encoder(tokens, mask, snr), snr)
            ),
            flops_decode=count_flops(self, decode),
        )

    def tokens(self, sentences: Sequence[str], device: str | torch.device) -> Tensor:
        """Return the numbers of words, ``[B, longest]``, filled up after the end."""
        longest = self.model.longest
        rows = [self.vocabulary.numbers(sentence, longest) for sentence in sentences]
        filled = [[*row, *[PAD_ID] * (longest - len(row))] for row in rows]
        return torch.tensor(filled, dtype=torch.long, device=device)

    def describe(self, tokens: Tensor, csi: Csi) -> Tensor:
        """``[B, L]`` numbers to semantic features ``[B, L, width]``."""
        features: Tensor = self.semantic_encoder(tokens, _mask(tokens != PAD_ID), snr_db(csi))
        return features

    def symbols(self, features: Tensor, tokens: Tensor, csi: Csi) -> SymbolPayload:
        """Semantic features of ``tokens [B, L]`` to symbols, none for filling."""
        words = tokens != PAD_ID
        values = self.channel_encoder(features, snr_db(csi)).float() * words.unsqueeze(2)
        lengths = words.sum(dim=1) * self.model.symbols
        return SymbolPayload(to_symbols(values.flatten(1)), self.side_bits, lengths)

    def encode(self, source: Source, csi: Csi, rate: Rate) -> SymbolPayload:  # noqa: ARG002
        """Captions to ``[B, longest · symbols]`` symbols, of which each sends its own.

        Raises:
            ScenarioError: if the source has no captions.
        """
        tokens = self.tokens(captions_of(source), csi.snr.device)
        return self.symbols(self.describe(tokens, csi), tokens, csi)

    def hear(self, received: Received, csi: Csi) -> tuple[Tensor, Tensor]:
        """Return features ``[B, longest, width]`` and where they are of words, ``[B, longest]``."""
        if received.lengths is None:
            raise TypeError("sentences differ in length; the link must say in which")
        values = to_features(received.x, 2 * received.x.shape[1])
        values = values.reshape(len(values), -1, 2 * self.model.symbols)
        places = torch.arange(values.shape[1], device=values.device)
        words = places < (received.lengths // self.model.symbols).unsqueeze(1)
        return self.channel_decoder(values, snr_db(csi)), words

    def foresee(self, heard: Tensor, words: Tensor, tokens: Tensor, csi: Csi) -> Tensor:
        """Return logits ``[B, L, words]`` of each of ``tokens [B, L]``, given those before it."""
        begin = torch.full_like(tokens[:, :1], BEGIN_ID)
        before = torch.cat([begin, tokens[:, :-1]], dim=1)
        seen = self.semantic_decoder.see(heard)
        logits: Tensor = self.semantic_decoder(before, seen, _mask(words), snr_db(csi))[0]
        return logits.float()

    @torch.no_grad()
    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """Symbols to sentences, word by word, each the likeliest after those before it."""
        if not isinstance(received, Received):
            raise TypeError("deepsc_text sends symbols; it takes no decoded bits")
        heard, words = self.hear(received, csi)
        return Output(text=self._write(heard, words, csi))

    def _write(self, heard: Tensor, words: Tensor, csi: Csi) -> tuple[str, ...]:
        seen, mask, snr = self.semantic_decoder.see(heard), _mask(words), snr_db(csi)
        token = torch.full((len(heard), 1), BEGIN_ID, device=heard.device)
        ended = torch.zeros_like(token, dtype=torch.bool)
        written, before = [], None
        for _ in range(self.model.longest):
            logits, before = self.semantic_decoder(token, seen, mask, snr, before)
            logits[:, :, [PAD_ID, BEGIN_ID]] = -torch.inf
            token = logits.argmax(dim=2).masked_fill(ended, PAD_ID)
            ended |= token == END_ID
            written.append(token)
            if bool(ended.all()):
                break
        rows: list[list[int]] = torch.cat(written, dim=1).tolist()
        return tuple(self.vocabulary.sentence(row) for row in rows)


def _mask(words: Tensor) -> Tensor:
    """``[B, L]`` to what attention takes, ``[B, 1, 1, L]``."""
    return words[:, None, None, :]
