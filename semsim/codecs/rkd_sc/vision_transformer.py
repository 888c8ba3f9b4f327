"""A vision transformer as CLIP has it: the semantic encoder of JSCC-teacher and of RTSC."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semsim.codecs.layers.positions import grid_positions
from semsim.codecs.layers.transformer import pre_norm_blocks
from semsim.codecs.rkd_sc.config import TransformerModel


class VisionTransformer(nn.Module):
    """Patches and a class token through pre-norm blocks; the token becomes the features.

    Patches need no bias, and normalisations stand before and after the blocks (Radford et al.
    2021). With the default sizes and 512 outputs it is CLIP's ViT-B/16 of 86,192,640 parameters.
    The paper's Table II counts 87.85 M for it, which is ViT-B/32 (87,849,216), though its
    17.6 GFLOPs are those of patches of 16.

    Args:
        model: sizes.
        out: values that leave.
    """

    def __init__(self, model: TransformerModel, out: int) -> None:
        super().__init__()
        width, patch = model.width, model.patch
        self.embed = nn.Conv2d(3, width, patch, patch, bias=False)
        self.token = nn.Parameter(torch.randn(1, width) / width**0.5)
        self.token_position = nn.Parameter(torch.randn(1, width) / width**0.5)
        self.position = nn.Parameter(torch.randn(model.positions**2, width) / width**0.5)
        self.first_norm = nn.LayerNorm(width)
        self.blocks = pre_norm_blocks(model.depth, width, model.heads, model.mlp_ratio)
        self.last_norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, out, bias=False)
        self._side = model.positions

    def forward(self, image: Tensor) -> Tensor:
        """``[B, 3, H, W]``, centred, to ``[B, out]``; patches must divide the sides."""
        patches = self.embed(image)  # [B, width, h, w]
        position = grid_positions(self.position, self._side, patches.shape[2], patches.shape[3])
        places = patches.flatten(2).transpose(1, 2) + position
        token = (self.token + self.token_position).expand(len(image), 1, -1)
        sequence = self.blocks(self.first_norm(torch.cat([token, places], dim=1)))
        features: Tensor = self.project(self.last_norm(sequence[:, 0]))
        return features
