"""Layers that VQ-VAE and VQ-VAE-2 share.

Each factor 2 is one 4×4 convolution of stride 2, the layers that FTSC eq. (11)-(13) count.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.ftsc.config import LayerSizes


class ResidualBlock(nn.Module):
    """ReLU, 3×3, ReLU, 1×1, added to the input."""

    def __init__(self, filters: int, hidden: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(filters, hidden, 3, padding=1)
        self.mix = nn.Conv2d(hidden, filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, h, w]`` to the same shape."""
        y: Tensor = self.mix(F.relu(self.spatial(F.relu(x))))
        return x + y


def shrink(inputs: int, scale: int, sizes: LayerSizes) -> nn.Sequential:
    """Features at 1/scale: log2(scale) strided convolutions, one 3×3, residual blocks."""
    layers: list[nn.Module] = []
    for step in range(int(math.log2(scale))):
        layers += [
            nn.Conv2d(inputs if step == 0 else sizes.filters, sizes.filters, 4, 2, 1),
            nn.ReLU(),
        ]
    layers.append(nn.Conv2d(sizes.filters, sizes.filters, 3, padding=1))
    return nn.Sequential(*layers, *_residual(sizes))


def grow(inputs: int, outputs: int, scale: int, sizes: LayerSizes) -> nn.Sequential:
    """The mirror of :func:`shrink`."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, sizes.filters, 3, padding=1), *_residual(sizes)]
    steps = int(math.log2(scale))
    for step in range(steps):
        wide = outputs if step == steps - 1 else sizes.filters
        layers += [nn.ReLU(), nn.ConvTranspose2d(sizes.filters, wide, 4, 2, 1)]
    return nn.Sequential(*layers)


def _residual(sizes: LayerSizes) -> list[nn.Module]:
    return [
        ResidualBlock(sizes.filters, sizes.residual_filters) for _ in range(sizes.residual_blocks)
    ]
