"""ViTDeepSC: TranGDeepSC with transformer blocks, its teacher and rival."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.analog import AnalogCodec
from semsim.codecs.layers.pixels import centred, pixels
from semsim.codecs.layers.positions import grid_positions
from semsim.codecs.layers.transformer import pre_norm_blocks
from semsim.codecs.trangdeepsc.config import ViTDeepScConfig, ViTDeepScModel
from semsim.codecs.trangdeepsc.patches import (
    channel_decoder,
    channel_encoder,
    feature_counts,
    grid,
)
from semsim.types import Csi, ImageShape, Rate


class ViTDeepSc(AnalogCodec):
    """Six pre-norm transformer blocks in the place of the RG-CNN blocks (Section 2.4).

    1,300,508 parameters with the paper's sizes, which fix what it leaves open: one learned
    position embedding for 16×16 patches, a LayerNorm after each half, a linear unembedding. The
    decoder adds the same embedding, since both ends know it and attention knows no places of its
    own. Images of another size get the embedding interpolated, as is usual for such networks;
    expect less of them than of 32×32, which is what it is trained for.
    """

    Config = ViTDeepScConfig
    Model = ViTDeepScModel

    def _build(self, model: ViTDeepScModel) -> None:
        self.embed = nn.Conv2d(3, model.hidden, model.patch, model.patch)
        self.position = nn.Parameter(torch.empty(model.positions**2, model.hidden))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.semantic_encoder = _blocks(model)
        self.encoder_norm = nn.LayerNorm(model.hidden)
        self.channel_encoder = channel_encoder(model)
        self.channel_decoder = channel_decoder(model)
        self.semantic_decoder = _blocks(model)
        self.decoder_norm = nn.LayerNorm(model.hidden)
        self.unembed = nn.Linear(model.hidden, 3 * model.patch**2)

    def feature_counts(self, shape: ImageShape) -> dict[str, int]:
        """K real symbols a patch.

        Raises:
            ValueError: if the patches do not divide the image, or it is not RGB.
        """
        return feature_counts(shape, self.model)

    def features(self, image: Tensor, csi: Csi, rate: Rate) -> Tensor:  # noqa: ARG002
        """``[B, 3, H, W]`` to Z, ``[B, N·K]`` (eq. 2-4)."""
        embedded = self.embed(centred(image))  # [B, D, h, w]
        position = self._position(embedded.shape[2], embedded.shape[3])
        sequence = embedded.flatten(2).transpose(1, 2) + position  # [B, N, D]
        z: Tensor = self.channel_encoder(self.encoder_norm(self.semantic_encoder(sequence)))
        return z.flatten(1)

    def restore(self, features: Tensor, csi: Csi, rate: Rate) -> Tensor:  # noqa: ARG002
        """Y, ``[B, N·K]``, to ``[B, 3, H, W]`` (eq. 6-8)."""
        rows, columns = grid(rate.shape, self.model.patch)
        y = features.view(len(features), rows * columns, self.model.symbols)
        sequence = self.channel_decoder(y) + self._position(rows, columns)
        rebuilt = self.unembed(self.decoder_norm(self.semantic_decoder(sequence)))
        patches = rebuilt.transpose(1, 2).unflatten(2, (rows, columns))  # [B, 3·patch², h, w]
        return pixels(F.pixel_shuffle(patches, self.model.patch))

    def _position(self, rows: int, columns: int) -> Tensor:
        """Return the position embedding of a grid, ``[rows·columns, D]``."""
        return grid_positions(self.position, self.model.positions, rows, columns)


def _blocks(model: ViTDeepScModel) -> nn.Sequential:
    return pre_norm_blocks(model.blocks, model.hidden, model.heads, model.mlp_ratio)
