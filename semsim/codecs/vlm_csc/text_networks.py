"""The four networks of the text transceiver."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.vlm_csc.noise_attention import after
from semsim.codecs.vlm_csc.text_config import TextModel

#: Keys and values, ``[B, heads, L, width / heads]`` each.
Seen: TypeAlias = tuple[Tensor, Tensor]


class Attention(nn.Module):
    """Attention with several heads, whose keys and values can be kept.

    Args:
        width: of features.
        heads: that divide it.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def see(self, features: Tensor) -> Seen:
        """Return the keys and values of ``[B, L, width]``."""
        return self._split(self.key(features)), self._split(self.value(features))

    def forward(
        self, features: Tensor, seen: Seen, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """``[B, Q, width]`` looks at what was seen, as far as ``mask [B, 1, 1, L]`` is true."""
        found = F.scaled_dot_product_attention(
            self._split(self.query(features)), *seen, attn_mask=mask, is_causal=causal
        )
        joined: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return joined

    def _split(self, features: Tensor) -> Tensor:
        batch, words, width = features.shape
        return features.view(batch, words, self._heads, width // self._heads).transpose(1, 2)


def _feed_forward(model: TextModel) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(model.width, model.feed_forward),
        nn.ReLU(),
        nn.Linear(model.feed_forward, model.width),
    )


class EncoderLayer(nn.Module):
    """A transformer encoder layer as first published: normalised after each of its two parts."""

    def __init__(self, model: TextModel) -> None:
        super().__init__()
        self.own = Attention(model.width, model.heads)
        self.feed_forward = _feed_forward(model)
        self.norms = nn.ModuleList(nn.LayerNorm(model.width) for _ in range(2))

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, L, width]`` with words where ``mask [B, 1, 1, L]`` is true."""
        features = self.norms[0](features + self.own(features, self.own.see(features), mask))
        normed: Tensor = self.norms[1](features + self.feed_forward(features))
        return normed


class DecoderLayer(nn.Module):
    """A transformer decoder layer: looks at the words before, then at what was received."""

    def __init__(self, model: TextModel) -> None:
        super().__init__()
        self.own = Attention(model.width, model.heads)
        self.across = Attention(model.width, model.heads)
        self.feed_forward = _feed_forward(model)
        self.norms = nn.ModuleList(nn.LayerNorm(model.width) for _ in range(3))

    def forward(
        self, features: Tensor, before: Seen | None, heard: Seen, mask: Tensor
    ) -> tuple[Tensor, Seen]:
        """Return ``[B, Q, width]``, and the keys and values of all words so far.

        Args:
            features: ``[B, Q, width]`` of all words, or of the next one after those ``before``.
            before: keys and values of the words before.
            heard: keys and values of what was received.
            mask: ``[B, 1, 1, L]`` true where something was received.
        """
        seen = self.own.see(features)
        if before is not None:
            seen = (torch.cat([before[0], seen[0]], dim=2), torch.cat([before[1], seen[1]], dim=2))
        own = self.own(features, seen, causal=before is None)
        features = self.norms[0](features + own)
        features = self.norms[1](features + self.across(features, heard, mask))
        return self.norms[2](features + self.feed_forward(features)), seen


class _Embedding(nn.Module):
    """Words and their places as features."""

    def __init__(self, model: TextModel, words: int) -> None:
        super().__init__()
        self.word = nn.Embedding(words, model.width)
        self.place = nn.Embedding(model.longest, model.width)

    def forward(self, tokens: Tensor, first: int = 0) -> Tensor:
        """``[B, L]`` numbers, the first of them at place ``first``, to ``[B, L, width]``."""
        places = torch.arange(first, first + tokens.shape[1], device=tokens.device)
        embedded: Tensor = self.word(tokens) + self.place(places)
        return embedded


class SemanticEncoder(nn.Module):
    """Transformer encoder layers and noise attention in turn."""

    def __init__(self, model: TextModel, words: int) -> None:
        super().__init__()
        self.embedding = _Embedding(model, words)
        self.layers = nn.ModuleList(EncoderLayer(model) for _ in range(model.layers))
        self.attentions = _attentions([model.width] * model.layers, model)

    def forward(self, tokens: Tensor, mask: Tensor, snr_db: Tensor) -> Tensor:
        """``[B, L]`` numbers of words to features ``[B, L, width]``."""
        features: Tensor = self.embedding(tokens)
        for layer, attention in zip(self.layers, self.attentions, strict=True):
            features = attention(layer(features, mask), snr_db)
        return features


class SemanticDecoder(nn.Module):
    """Transformer decoder layers and noise attention in turn, and a word's likelihoods.

    One word follows another: each is decoded from those before it and from what was received.
    """

    def __init__(self, model: TextModel, words: int) -> None:
        super().__init__()
        self.embedding = _Embedding(model, words)
        self.layers = nn.ModuleList(DecoderLayer(model) for _ in range(model.layers))
        self.attentions = _attentions([model.width] * model.layers, model)
        self.heard_place = nn.Embedding(model.longest, model.width)
        self.words = nn.Linear(model.width, words)

    def see(self, heard: Tensor) -> list[Seen]:
        """Return each layer's keys and values of what was received, ``[B, L, width]``.

        The receiver knows the place of every word's symbols, so that they need not carry it.
        """
        heard = heard + self.heard_place.weight[: heard.shape[1]]
        return [_decoder_layer(layer).across.see(heard) for layer in self.layers]

    def forward(
        self,
        tokens: Tensor,
        heard: list[Seen],
        mask: Tensor,
        snr_db: Tensor,
        before: list[Seen] | None = None,
    ) -> tuple[Tensor, list[Seen]]:
        """Return logits ``[B, Q, words]`` of each next word, and what all words so far left.

        Args:
            tokens: ``[B, Q]``, all words from the begin on, or the one after those ``before``.
            heard: what :meth:`see` gave.
            mask: ``[B, 1, 1, L]`` true where something was received.
            snr_db: ``[B, 1]``.
            before: what the call before returned.
        """
        first = 0 if before is None else before[0][0].shape[2]
        features: Tensor = self.embedding(tokens, first)
        left = []
        for i, (layer, attention) in enumerate(zip(self.layers, self.attentions, strict=True)):
            past = None if before is None else before[i]
            features, seen = layer(features, past, heard[i], mask)
            features = attention(features, snr_db)
            left.append(seen)
        return self.words(features), left


class ChannelNetwork(nn.Module):
    """Linear layers, each but the last followed by a ReLU and noise attention.

    Args:
        widths: of what enters, of the hidden layers, of what leaves.
        model: whether there is noise attention.
    """

    def __init__(self, widths: tuple[int, ...], model: TextModel) -> None:
        super().__init__()
        pairs = pairwise(widths)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairs)
        self.attentions = _attentions(widths[1:-1], model)

    def forward(self, features: Tensor, snr_db: Tensor) -> Tensor:
        """``[B, L, widths[0]]`` to ``[B, L, widths[-1]]``."""
        *hidden, last = self.layers
        for layer, attention in zip(hidden, self.attentions, strict=True):
            features = attention(torch.relu(layer(features)), snr_db)
        made: Tensor = last(features)
        return made


def _decoder_layer(layer: nn.Module) -> DecoderLayer:
    if not isinstance(layer, DecoderLayer):
        raise TypeError("the layer is no decoder's")
    return layer


def _attentions(widths: Iterable[int], model: TextModel) -> nn.ModuleList:
    return nn.ModuleList(after(width, model.noise_attention) for width in widths)
