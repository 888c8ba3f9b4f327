"""The networks of LaMoSC: what reads a caption, what fuses it, and both ends."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semsim.codecs.jscc.swin_stages import channel_modnet, growing_stages, shrinking_stages
from semsim.codecs.lamosc.config import LamoscModel
from semsim.codecs.layers.pixels import centred, pixels
from semsim.codecs.layers.transformer import pre_norm_blocks


class CaptionEncoder(nn.Module):
    """Words and their places through transformer blocks, as wide as the last stage.

    Args:
        model: sizes.
        numbers: how many there are.
    """

    def __init__(self, model: LamoscModel, numbers: int) -> None:
        super().__init__()
        width = model.widths[-1]
        self.word = nn.Embedding(numbers, width)
        self.place = nn.Embedding(model.longest, width)
        self.blocks = pre_norm_blocks(model.text_depth, width, model.heads[-1], model.mlp_ratio)
        self.norm = nn.LayerNorm(width)

    def forward(self, numbers: Tensor) -> Tensor:
        """``[B, L]`` numbers of words to ``[B, L, width]``."""
        places = torch.arange(numbers.shape[1], device=numbers.device)
        told: Tensor = self.norm(self.blocks(self.word(numbers) + self.place(places)))
        return told


class FusionLayer(nn.Module):
    """Every place of an image asks the words of its caption.

    ::

        x ─┬─► LayerNorm ─► attention ─► + ─┬─► LayerNorm ─► FC, GELU, FC ─► + ─►
           └────────── words ─┘──────────┘  └────────────────────────────────┘

    Args:
        width: of places and words.
        heads: that divide it.
        mlp_ratio: width inside the feed-forward network over ``width``.
    """

    def __init__(self, width: int, heads: int, mlp_ratio: float) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, places: Tensor, words: Tensor) -> Tensor:
        """``[B, N, width]`` places and ``[B, L, width]`` words to the shape of the places."""
        found, _ = self.attention(self.norm(places), words, words, need_weights=False)
        places = places + found
        fused: Tensor = places + self.mlp(self.mlp_norm(places))
        return fused


class Fusion(nn.Module):
    """Fusion layers over a map of places; without text there are none."""

    def __init__(self, model: LamoscModel) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            FusionLayer(model.widths[-1], model.heads[-1], model.mlp_ratio)
            for _ in range(model.fusion_depth if model.text else 0)
        )

    def forward(self, grid: Tensor, words: Tensor | None) -> Tensor:
        """``[B, h, w, width]`` and ``[B, L, width]`` to the shape of the grid."""
        if words is None:
            return grid
        places = grid.flatten(1, 2)
        for layer in self.layers:
            places = layer(places, words)
        return places.view_as(grid)


class Sender(nn.Module):
    """An image to features of any scale: Swin stages, fusion, Channel ModNet."""

    def __init__(self, model: LamoscModel) -> None:
        super().__init__()
        last = model.widths[-1]
        self.embed = nn.Conv2d(3, model.widths[0], 2, 2)
        self.stages = shrinking_stages(model)
        self.norm = nn.LayerNorm(last)
        self.fusion = Fusion(model)
        self.modnet = channel_modnet(model)
        self.head = nn.Linear(last, model.channels)

    def forward(self, image: Tensor, words: Tensor | None, snr_db: Tensor) -> Tensor:
        """``[B, 3, H, W]`` in 0..1, ``[B, L, width]`` and ``[B, 1]`` to ``[B, h, w, C]``."""
        embedded = self.embed(centred(image)).permute(0, 2, 3, 1)
        seen = self.fusion(self.norm(self.stages(embedded)), words)
        features: Tensor = self.head(self.modnet(seen, snr_db))
        return features


class Receiver(nn.Module):
    """Received features to an image: Channel ModNet, fusion, Swin stages."""

    def __init__(self, model: LamoscModel) -> None:
        super().__init__()
        self.tail = nn.Linear(model.channels, model.widths[-1])
        self.modnet = channel_modnet(model)
        self.fusion = Fusion(model)
        self.stages = growing_stages(model)

    def forward(self, features: Tensor, words: Tensor | None, snr_db: Tensor) -> Tensor:
        """``[B, h, w, C]``, ``[B, L, width]`` and ``[B, 1]`` to ``[B, 3, H, W]``, not bounded."""
        heard = self.fusion(self.modnet(self.tail(features), snr_db), words)
        image: Tensor = self.stages(heard)
        return pixels(image.permute(0, 3, 1, 2)).contiguous()


class Network(nn.Module):
    """Both ends, and the reader of captions that each of them has.

    Args:
        model: sizes.
        numbers: how many numbers of words there are.
    """

    def __init__(self, model: LamoscModel, numbers: int) -> None:
        super().__init__()
        self.reader = CaptionEncoder(model, numbers) if model.text else None
        self.sender = Sender(model)
        self.receiver = Receiver(model)

    def send(self, image: Tensor, numbers: Tensor | None, snr_db: Tensor) -> Tensor:
        """``[B, 3, H, W]`` images and ``[B, L]`` captions to features ``[B, h, w, C]``."""
        features: Tensor = self.sender(image, self._read(numbers), snr_db)
        return features

    def rebuild(self, features: Tensor, numbers: Tensor | None, snr_db: Tensor) -> Tensor:
        """Features ``[B, h, w, C]`` and ``[B, L]`` captions to images ``[B, 3, H, W]``."""
        image: Tensor = self.receiver(features, self._read(numbers), snr_db)
        return image

    def _read(self, numbers: Tensor | None) -> Tensor | None:
        if self.reader is None or numbers is None:
            return None
        words: Tensor = self.reader(numbers)
        return words
