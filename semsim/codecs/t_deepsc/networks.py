"""The two ends of T-DeepSC: a vision transformer, and a decoder that asks by task queries."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semsim.codecs.layers.positions import sinusoids
from semsim.codecs.layers.transformer import pre_norm_blocks
from semsim.codecs.t_deepsc.config import TDeepScModel


class SemanticEncoder(nn.Module):
    """Patches through pre-norm blocks; the first few of them leave.

    Attention has spread the image over the whole sequence by then. The authors' code sends the
    sequence's beginning too: a class token for classification, which leads it, and patches after it
    for other tasks. With ten vectors to send a class token is one more patch, and is left out.

    Args:
        model: sizes.
    """

    def __init__(self, model: TDeepScModel) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, model.width, model.patch, model.patch)
        self.blocks = pre_norm_blocks(model.depth, model.width, model.heads)
        self.norm = nn.LayerNorm(model.width)
        self._vectors = model.vectors

    def forward(self, image: Tensor) -> Tensor:
        """``[B, 3, H, W]``, centred, to ``[B, vectors, width]``; patches must divide the sides."""
        patches = self.embed(image).flatten(2).transpose(1, 2)  # [B, patches, width]
        patches = patches + sinusoids(patches.shape[1], patches.shape[2], patches)
        sent: Tensor = self.norm(self.blocks(patches)[:, : self._vectors])
        return sent


class SemanticDecoder(nn.Module):
    """Task queries attend to each other and to what arrived; the mean of them is classified.

    Args:
        model: sizes.
    """

    def __init__(self, model: TDeepScModel) -> None:
        super().__init__()
        width = model.decoder_width
        self.narrow = nn.Linear(model.width, width)
        self.queries = nn.Parameter(torch.randn(model.queries, width))
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(
                width, model.decoder_heads, 4 * width, dropout=0.0, batch_first=True
            )
            for _ in range(model.decoder_depth)
        )
        self.head = nn.Linear(width, model.classes)

    def forward(self, vectors: Tensor) -> Tensor:
        """``[B, vectors, width]`` to logits ``[B, classes]``."""
        heard = self.narrow(vectors)
        asked = self.queries.expand(len(vectors), -1, -1)
        for layer in self.layers:
            asked = layer(asked, heard)
        logits: Tensor = self.head(asked.mean(dim=1))
        return logits
