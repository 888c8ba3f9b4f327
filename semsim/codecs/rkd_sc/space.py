"""The architectures that RKD-SC searches: residual stages of one to five bottlenecks (Table I).

Table III fixes what Table I leaves open: planes 16, 32, 64, 128 of expansion 4, convolutions
without bias, a batch normalisation after each, a 1×1 shortcut where shapes change. With these,
every entry of Table III is a sum of stages to the last digit printed, but for its slips:

- CIFAR-10, DARTS: L1 0.227 and L2 0.420 are ten times too large (the total, 1.101, is right);
- CIFAR-100: the L4 entries of DARTS and KDL-DARTS are swapped (the totals are right);
- Tiny-ImageNet, KDL-DARTS: L1 0.018 is four blocks, but the total, 1.435, has five;
- Tiny-ImageNet, DARTS: the entries sum to 1.995, not to the 1.990 printed.

Table I has each layer's *output* in the column of its input; the head's 1024 channels fit neither
column, since 512 leave stage 4. Table II counts 1.61 M, 2.31 M and 2.32 M for whole encoders, which
is 0.83 M, 0.88 M and 0.89 M above Table III: no stem and head of one size explain that. Here they
are those of CLIP's residual networks, which Table I describes, and take 1.10 M.

Eq. (14) adds what enters a layer to what leaves it, which only equal shapes allow. The shortcuts of
the bottlenecks are that connection here; Table III leaves no room for others.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.layers.positions import grid_positions
from semsim.codecs.rkd_sc.config import Stem

#: Channels inside the bottlenecks of each stage; four times as many leave it.
PLANES = (16, 32, 64, 128)
EXPANSION = 4
STRIDES = (1, 2, 2, 2)
#: Blocks that a stage may have.
DEPTHS = (1, 2, 3, 4, 5)
#: Channels that leave the stem.
STEM_WIDTH = 64
#: Values that leave the encoder: the channels of the last stage.
FEATURES = EXPANSION * PLANES[-1]


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions beside a shortcut (He et al. 2016).

    The 3×3 convolution has the stride, as is usual today; no parameter depends on it.

    Args:
        width: channels that enter.
        planes: channels inside.
        stride: of the 3×3 convolution and of the shortcut.
    """

    def __init__(self, width: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        out = EXPANSION * planes
        self.body = nn.Sequential(
            *_normalised(width, planes, 1),
            nn.ReLU(),
            *_normalised(planes, planes, 3, stride),
            nn.ReLU(),
            *_normalised(planes, out, 1),
        )
        same = stride == 1 and width == out
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(*_normalised(width, out, 1, stride))
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, h, w]`` to ``[B, 4·planes, ⌈h/stride⌉, ⌈w/stride⌉]``."""
        return F.relu(self.body(x) + self.shortcut(x))


def _normalised(width: int, out: int, kernel: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv2d(width, out, kernel, stride, kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(out)


def stage(index: int, blocks: int) -> nn.Sequential:
    """Return stage ``index`` (0 to 3) with ``blocks`` bottlenecks.

    Raises:
        ValueError: for a stage or a depth outside the search space.
    """
    if index not in range(len(PLANES)) or blocks not in DEPTHS:
        raise ValueError(
            f"the space has stages 0 to 3 of {DEPTHS[0]} to {DEPTHS[-1]} blocks, "
            f"not stage {index} of {blocks}"
        )
    width = EXPANSION * PLANES[index - 1] if index else STEM_WIDTH
    out = EXPANSION * PLANES[index]
    return nn.Sequential(
        Bottleneck(width, PLANES[index], STRIDES[index]),
        *(Bottleneck(out, PLANES[index]) for _ in range(blocks - 1)),
    )


def stem(form: Stem) -> nn.Sequential:
    """Return the three convolutions before the stages, 3 → 32 → 32 → 64 channels.

    ``pooled`` is the paper's: a first stride of 2 and average pooling make sides a quarter. For
    images that are small to begin with ``halved`` has no stride, and ``whole`` no pooling either.
    """
    return nn.Sequential(
        *_normalised(3, 32, 3, 2 if form == "pooled" else 1),
        nn.ReLU(),
        *_normalised(32, 32, 3),
        nn.ReLU(),
        *_normalised(32, STEM_WIDTH, 3),
        nn.ReLU(),
        *((nn.AvgPool2d(2),) if form != "whole" else ()),
    )


class AttentionPool(nn.Module):
    """The places of a feature map in one vector: their mean attends to them (Radford et al. 2021).

    The position embedding is a learned square grid; other grids get it interpolated.

    Args:
        width: channels that enter, and values that leave.
        heads: of the attention.
        positions: side of the grid; 7 for images of 224×224 pixels.
    """

    def __init__(self, width: int, heads: int, positions: int) -> None:
        super().__init__()
        self.mean_position = nn.Parameter(torch.randn(1, width) / width**0.5)
        self.position = nn.Parameter(torch.randn(positions**2, width) / width**0.5)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self._side = positions

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, h, w]`` to ``[B, width]``."""
        places = x.flatten(2).transpose(1, 2)  # [B, h·w, width]
        mean = places.mean(dim=1, keepdim=True) + self.mean_position
        places = places + grid_positions(self.position, self._side, x.shape[2], x.shape[3])
        sequence = torch.cat([mean, places], dim=1)
        pooled: Tensor = self.attention(mean, sequence, sequence, need_weights=False)[0]
        return pooled[:, 0]


class StagedEncoder(nn.Module):
    """A semantic encoder of the search space: stem, four stages, attention pooling.

    Args:
        blocks: of each stage.
        stem_form: ``pooled``, ``halved`` or ``whole``.
        heads: of the pooling.
        positions: side of the pooling's position embedding.
    """

    def __init__(self, blocks: Sequence[int], stem_form: Stem, heads: int, positions: int) -> None:
        super().__init__()
        self.stem = stem(stem_form)
        self.stages = nn.Sequential(*(stage(i, count) for i, count in enumerate(blocks)))
        self.head = AttentionPool(FEATURES, heads, positions)

    def forward(self, image: Tensor) -> Tensor:
        """``[B, 3, H, W]``, centred, to ``[B, 512]``."""
        features: Tensor = self.head(self.stages(self.stem(image)))
        return features


def stage_parameters(blocks: Sequence[int]) -> tuple[int, ...]:
    """Return the parameters of each stage, as Table III counts architectures.

    >>> sum(stage_parameters((3, 4, 4, 1)))
    777280
    """
    with torch.device("meta"):
        stages = [stage(i, count) for i, count in enumerate(blocks)]
    return tuple(sum(weight.numel() for weight in made.parameters()) for made in stages)
