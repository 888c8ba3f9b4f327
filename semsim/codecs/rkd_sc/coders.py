"""Channel coders of RKD-SC: the channel-aware transformer (CAT), and plain linear layers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.rkd_sc.config import CatModel, DenseModel

#: SNRs reach the network in tens of dB, which are of the order of one.
_TENS = 10.0


def values_sent(ratio: float, width: int) -> int:
    """Return how many of ``width`` values a compression ratio leaves (eq. 22), rounded down.

    >>> [values_sent(ratio, 512) for ratio in (0.8, 0.2, 0.1)]
    [102, 409, 460]
    """
    # Binary fractions may fall short of a whole number of values by far less than this.
    return math.floor(width * (1.0 - ratio) + 1e-6)


class ChannelCoder(nn.Module, ABC):
    """Features to values on the air, and back."""

    #: What decodes.
    decoder: nn.Module

    def hear_by(self, other: ChannelCoder) -> None:
        """Decode by the other's layers, which must be of the same sizes."""
        self.decoder = other.decoder

    @abstractmethod
    def encode(self, features: Tensor, snr_db: Tensor, count: int) -> Tensor:
        """``[B, width]`` to ``[B, count]``; ``snr_db`` is ``[B, 1]``."""

    @abstractmethod
    def decode(self, values: Tensor, snr_db: Tensor) -> Tensor:
        """``[B, count]`` to ``[B, width]``."""


class SnrFill(nn.Module):
    """Restores the width of a narrow vector with features of the SNR: a linear layer, a sigmoid.

    Args:
        width: to restore.
        least: of the widths that enter.
    """

    def __init__(self, width: int, least: int) -> None:
        super().__init__()
        self.dense = nn.Linear(1, width - least)
        self._least = least

    def forward(self, values: Tensor, snr_db: Tensor) -> Tensor:
        """``[B, count]`` and ``[B, 1]`` to ``[B, width]``."""
        known = torch.sigmoid(self.dense(snr_db / _TENS))
        return torch.cat([values, known[:, values.shape[1] - self._least :]], dim=1)


class CatBlock(nn.Module):
    """A transformer encoder block, then a linear layer that narrows its output (Section III-B).

    Section IV gives the block a feed-forward network *and* "a single linear downsampling layer";
    Section III-B calls the network's own output narrow, for which the residual connection around it
    would not fit. Table II agrees with Section IV: the CAT adds 3.60 M to the sender at all three
    ratios, where a narrow feed-forward network would add 2.3 M to 3.0 M.

    A feature vector is one token: by Table II the CAT costs no more operations than that. Attention
    to a single token is a linear map of it, whatever queries and keys say.

    Args:
        width: that enters.
        most: widest output.
        heads: of the attention.
        feed_forward: width inside.
    """

    def __init__(self, width: int, most: int, heads: int, feed_forward: int) -> None:
        super().__init__()
        self.block = nn.TransformerEncoderLayer(
            width, heads, feed_forward, dropout=0.0, batch_first=True
        )
        self.narrow = nn.Linear(width, most)

    def forward(self, features: Tensor, count: int) -> Tensor:
        """``[B, width]`` to ``[B, count]``: a shorter output is the beginning of a longer one."""
        mixed = self.block(features.unsqueeze(1)).squeeze(1)
        return F.linear(mixed, self.narrow.weight[:count], self.narrow.bias[:count])


class Cat(ChannelCoder):
    """The channel-aware transformer, sender and receiver.

    ::

        h ─► block ─► [SNR fill ─► block]… ─► channel ─► [SNR fill ─► block]… ─► h̃

    The sender's last block is not filled. What it leaves out the receiver adds before its own first
    block, which needs the full width; the paper does not say how it gets it. So a sender of one
    block, the paper's, does not use the SNR.

    Whether the receiver's last block is narrow and filled too, the paper does not say either. Were
    it, 410 of the 512 values of h̃ would depend on the SNR alone at ratio 0.8, and be the same for
    all images, while eq. (26) wants them to be the teacher's. So the last block is not narrow
    unless ``last: filled`` asks for it.

    The sender has 3.20 M parameters at ratio 0.8 and 3.39 M at 0.1. The paper's 3.60 M must hold
    more: a second layer of 512 inputs to the SNR's features would make 3.42 M at any ratio.

    Args:
        model: ratios and sizes.
        width: of the features.
    """

    def __init__(self, model: CatModel, width: int) -> None:
        super().__init__()
        counts = [values_sent(ratio, width) for ratio in model.compression]
        most, least = max(counts), min(counts)

        def block(out: int) -> CatBlock:
            return CatBlock(width, out, model.heads, model.feed_forward)

        def fills(count: int) -> nn.ModuleList:
            return nn.ModuleList(SnrFill(width, least) for _ in range(count))

        self._filled = model.last == "filled"
        self._width = width
        self.encoder = nn.ModuleList(block(most) for _ in range(model.encoder_blocks))
        self.encoder_fills = fills(model.encoder_blocks - 1)
        inner = [most] * (model.decoder_blocks - 1)
        outs = [*inner, most if self._filled else width]
        self.decoder: nn.ModuleList = nn.ModuleList(block(out) for out in outs)
        self.decoder_fills = fills(model.decoder_blocks + self._filled)

    def hear_by(self, other: ChannelCoder) -> None:
        """Decode by the other's layers, which must be of the same sizes."""
        if not isinstance(other, Cat):
            raise TypeError("a CAT hears by a CAT")
        super().hear_by(other)
        self.decoder_fills = other.decoder_fills

    def encode(self, features: Tensor, snr_db: Tensor, count: int) -> Tensor:
        """``[B, width]`` to ``[B, count]``."""
        first, *later = self.encoder
        values: Tensor = first(features, count)
        for fill, block in zip(self.encoder_fills, later, strict=True):
            values = block(fill(values, snr_db), count)
        return values

    def decode(self, values: Tensor, snr_db: Tensor) -> Tensor:
        """``[B, count]`` to ``[B, width]``."""
        counts = [values.shape[1]] * len(self.decoder)
        if not self._filled:
            counts[-1] = self._width
        fills = list(self.decoder_fills)
        for fill, block, count in zip(fills, self.decoder, counts, strict=False):
            values = block(fill(values, snr_db), count)
        return fills[-1](values, snr_db) if self._filled else values


class Dense(ChannelCoder):
    """One linear layer at each end; what a shorter code leaves out is zero at the receiver.

    Args:
        model: the ratios.
        width: of the features.
    """

    def __init__(self, model: DenseModel, width: int) -> None:
        super().__init__()
        self._most = max(values_sent(ratio, width) for ratio in model.compression)
        self.encoder = nn.Linear(width, self._most)
        self.decoder = nn.Linear(self._most, width)

    def encode(self, features: Tensor, snr_db: Tensor, count: int) -> Tensor:  # noqa: ARG002
        """``[B, width]`` to ``[B, count]``."""
        return F.linear(features, self.encoder.weight[:count], self.encoder.bias[:count])

    def decode(self, values: Tensor, snr_db: Tensor) -> Tensor:  # noqa: ARG002
        """``[B, count]`` to ``[B, width]``."""
        features: Tensor = self.decoder(F.pad(values, (0, self._most - values.shape[1])))
        return features
