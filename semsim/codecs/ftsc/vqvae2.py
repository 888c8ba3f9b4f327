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
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.config import VqVae2Config
from semsim.codecs.ftsc.parts import grow, shrink
from semsim.codecs.layers.vector_quantizer import Quantized, VectorQuantizer


class Latents(NamedTuple):
    """Quantised top and bottom latents of a batch."""

    top: Quantized
    bottom: Quantized


class VqVae2(QuantizedAutoencoder):
    """Two-level vector-quantised autoencoder.

    Args:
        config: sizes; ``config.bottom * config.top`` must divide the image's height and width.
    """

    levels: ClassVar[tuple[str, ...]] = ("top", "bottom")
    config: VqVae2Config

    def __init__(self, config: VqVae2Config) -> None:
        super().__init__()
        self.config = config
        filters, dim = config.filters, config.dim
        self.encoder_bottom = shrink(3, config.bottom, config)
        self.encoder_top = shrink(filters, config.top, config)
        self.to_top = nn.Conv2d(filters, dim, 1)
        self.quantize_top = VectorQuantizer(config.entries, dim)
        self.decoder_top = grow(dim, dim, config.top, config)
        self.to_bottom = nn.Conv2d(filters + dim, dim, 1)
        self.quantize_bottom = VectorQuantizer(config.entries, dim)
        self.raise_top = nn.ConvTranspose2d(dim, dim, 2 * config.top, config.top, config.top // 2)
        self.decoder_bottom = grow(2 * dim, 3, config.bottom, config)

    @property
    def quantizers(self) -> tuple[VectorQuantizer, ...]:
        """The codebooks of top and bottom."""
        return self.quantize_top, self.quantize_bottom

    @property
    def decoder_parts(self) -> tuple[nn.Module, ...]:
        """``(raise_top, decoder_bottom)``; the sender has the decoder of the top as well."""
        return self.raise_top, self.decoder_bottom

    def scales(self) -> tuple[int, ...]:
        """``(b·t, b)``."""
        return self.config.bottom * self.config.top, self.config.bottom

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, 3, H, W]`` in 0..1 to what is quantised at top and bottom, ``[B, d, h, w]``."""
        h, top = self._to_top(x)
        # The entries to the last bit, with the gradient of what they stand for.
        entry = self.quantize_top.look_up(self.quantize_top.nearest(top)) + (top - top.detach())
        return top, self._to_bottom(h, entry)

    def latents(self, x: Tensor, generator: torch.Generator | None = None) -> Latents:
        """``[B, 3, H, W]`` in 0..1 to the quantised latents of both levels."""
        h, top = self._to_top(x)
        z_top = self.quantize_top(top, generator)
        return Latents(z_top, self.quantize_bottom(self._to_bottom(h, z_top.z_q), generator))

    def _to_top(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = F.relu(self.encoder_bottom(2.0 * x - 1.0))
        return h, self.to_top(F.relu(self.encoder_top(h)))

    def _to_bottom(self, h: Tensor, z_top: Tensor) -> Tensor:
        z_e: Tensor = self.to_bottom(torch.cat([h, self.decoder_top(z_top)], dim=1))
        return z_e

    def reconstruct(self, *z: Tensor) -> Tensor:
        """Looked-up entries of ``(top, bottom)``, ``[B, d, h, w]``, to ``[B, 3, H, W]``."""
        z_top, z_bottom = z
        y: Tensor = self.decoder_bottom(torch.cat([z_bottom, self.raise_top(z_top)], dim=1))
        return 0.5 * (y + 1.0)
