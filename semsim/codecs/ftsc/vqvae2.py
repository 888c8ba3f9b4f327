"""VQ-VAE-2 (Razavi et al. 2019) with the scaling rates [b, t] of FTSC.

::

    x ──► encoder_bottom (÷b) ──► h ──► encoder_top (÷t) ──► VQ top ──► k_top
                                  │                            │
                                  │        decoder_top (×t) ◄──┤
                                  ▼               ▼            │
                            to_bottom([h, d]) ──► VQ bottom ──► k_bottom
                                                   │           │
    x̂ ◄── decoder_bottom (×b) ◄── [z_bottom, raise_top(z_top)] ┘

The bottom latent is quantised with the decoded top in view, as in VQ-VAE-2 itself: FTSC's text
leaves the link between the two levels open, and without it the levels send the same thing twice.
Each factor 2 is one 4×4 convolution of stride 2, the layers that FTSC eq. (11)-(13) count.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.ftsc.config import VqVae2Config
from semsim.codecs.layers.vector_quantizer import Quantized, VectorQuantizer


class Latents(NamedTuple):
    """Quantised top and bottom latents of a batch."""

    top: Quantized
    bottom: Quantized


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


def _shrink(inputs: int, scale: int, config: VqVae2Config) -> nn.Sequential:
    """Features at 1/scale: log2(scale) strided convolutions, one 3×3, residual blocks."""
    layers: list[nn.Module] = []
    for step in range(int(math.log2(scale))):
        layers += [
            nn.Conv2d(inputs if step == 0 else config.filters, config.filters, 4, 2, 1),
            nn.ReLU(),
        ]
    layers.append(nn.Conv2d(config.filters, config.filters, 3, padding=1))
    return nn.Sequential(*layers, *_residual(config))


def _grow(inputs: int, outputs: int, scale: int, config: VqVae2Config) -> nn.Sequential:
    """The mirror of :func:`_shrink`."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, config.filters, 3, padding=1), *_residual(config)]
    steps = int(math.log2(scale))
    for step in range(steps):
        wide = outputs if step == steps - 1 else config.filters
        layers += [nn.ReLU(), nn.ConvTranspose2d(config.filters, wide, 4, 2, 1)]
    return nn.Sequential(*layers)


def _residual(config: VqVae2Config) -> list[nn.Module]:
    return [
        ResidualBlock(config.filters, config.residual_filters)
        for _ in range(config.residual_blocks)
    ]


class VqVae2(nn.Module):
    """Two-level vector-quantised autoencoder.

    Args:
        config: sizes; ``config.bottom * config.top`` must divide the image's height and width.
    """

    def __init__(self, config: VqVae2Config) -> None:
        super().__init__()
        self.config = config
        filters, dim = config.filters, config.dim
        self.encoder_bottom = _shrink(3, config.bottom, config)
        self.encoder_top = _shrink(filters, config.top, config)
        self.to_top = nn.Conv2d(filters, dim, 1)
        self.quantize_top = VectorQuantizer(config.entries, dim)
        self.decoder_top = _grow(dim, dim, config.top, config)
        self.to_bottom = nn.Conv2d(filters + dim, dim, 1)
        self.quantize_bottom = VectorQuantizer(config.entries, dim)
        self.raise_top = nn.ConvTranspose2d(dim, dim, 2 * config.top, config.top, config.top // 2)
        self.decoder_bottom = _grow(2 * dim, 3, config.bottom, config)

    def latents(self, x: Tensor, generator: torch.Generator | None = None) -> Latents:
        """``[B, 3, H, W]`` in 0..1 to the quantised latents of both levels."""
        h = F.relu(self.encoder_bottom(2.0 * x - 1.0))
        top = self.quantize_top(self.to_top(F.relu(self.encoder_top(h))), generator)
        seen = torch.cat([h, self.decoder_top(top.z_q)], dim=1)
        return Latents(top, self.quantize_bottom(self.to_bottom(seen), generator))

    def indices(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, 3, H, W]`` in 0..1 to the index maps ``[B, h, w]`` of top and bottom."""
        h = F.relu(self.encoder_bottom(2.0 * x - 1.0))
        top = self.quantize_top.nearest(self.to_top(F.relu(self.encoder_top(h))))
        seen = torch.cat([h, self.decoder_top(self.quantize_top.look_up(top))], dim=1)
        return top, self.quantize_bottom.nearest(self.to_bottom(seen))

    def reconstruct(self, z_top: Tensor, z_bottom: Tensor) -> Tensor:
        """Looked-up entries ``[B, d, …]`` of both levels to ``[B, 3, H, W]`` (not clamped)."""
        y: Tensor = self.decoder_bottom(torch.cat([z_bottom, self.raise_top(z_top)], dim=1))
        return 0.5 * (y + 1.0)

    def decode_indices(self, top: Tensor, bottom: Tensor) -> Tensor:
        """Index maps ``[B, h, w]`` of both levels to an image ``[B, 3, H, W]`` (not clamped)."""
        return self.reconstruct(
            self.quantize_top.look_up(top), self.quantize_bottom.look_up(bottom)
        )

    def forward(
        self, x: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Latents]:
        """Encode, quantise, decode: ``(x̂, latents)``."""
        latents = self.latents(x, generator)
        return self.reconstruct(latents.top.z_q, latents.bottom.z_q), latents

    def latent_shapes(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Shapes of the index maps ``(top, bottom)`` for an image.

        Raises:
            ValueError: if b·t does not divide the image.
        """
        step = self.config.bottom * self.config.top
        if height % step or width % step or min(height, width) < step:
            raise ValueError(
                f"scaling [{self.config.bottom},{self.config.top}] needs a height and width "
                f"divisible by {step}, got {height}×{width}"
            )
        b = self.config.bottom
        return (height // step, width // step), (height // b, width // b)
