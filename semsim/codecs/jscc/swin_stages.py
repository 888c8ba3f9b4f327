"""The Swin transformer stages of either end, for the sizes that WITT has."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from semsim.codecs.jscc.channel_modnet import ChannelModNet
from semsim.codecs.jscc.config import WittModel
from semsim.codecs.layers.swin import PatchDivision, PatchMerging, swin_blocks


def shrinking_stages(model: WittModel) -> nn.Sequential:
    """Blocks, then merging and blocks: ``[B, H/2, W/2, first]`` to ``[B, h, w, last]``."""
    stages = [
        swin_blocks(depth, width, heads, model.window, model.mlp_ratio)
        for width, depth, heads in zip(model.widths, model.depths, model.heads, strict=True)
    ]
    merges = [PatchMerging(a, b) for a, b in pairwise(model.widths)]
    return nn.Sequential(
        stages[0], *(nn.Sequential(*pair) for pair in zip(merges, stages[1:], strict=True))
    )


def growing_stages(model: WittModel) -> nn.Sequential:
    """Blocks and division, stage by stage: ``[B, h, w, last]`` to ``[B, H, W, 3]``."""
    return nn.Sequential(
        *(
            nn.Sequential(
                swin_blocks(depth, width, heads, model.window, model.mlp_ratio),
                PatchDivision(width, below),
            )
            for width, depth, heads, below in zip(
                model.widths[::-1],
                model.depths[::-1],
                model.heads[::-1],
                (*model.widths[-2::-1], 3),
                strict=True,
            )
        )
    )


def channel_modnet(model: WittModel) -> ChannelModNet:
    """Modulation of the last stage's features by the SNR."""
    last = model.widths[-1]
    return ChannelModNet(last, int(last * model.modulation_ratio), model.modulation_layers)
