"""VQ-VAE (van den Oord et al. 2017), the baseline of one level in FTSC's Table I.

::

    x ──► encoder (÷b) ──► to_latent ──► VQ ──► decoder (×b) ──► x̂
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.config import VqVaeConfig
from semsim.codecs.ftsc.parts import grow, shrink
from semsim.codecs.layers.vector_quantizer import Quantized, VectorQuantizer


class VqVae(QuantizedAutoencoder):
    """One-level vector-quantised autoencoder: the bottom of a VQ-VAE-2 without a top.

    Args:
        config: sizes; ``config.scale`` must divide the image's height and width.
    """

    levels: ClassVar[tuple[str, ...]] = ("bottom",)
    config: VqVaeConfig

    def __init__(self, config: VqVaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = shrink(3, config.scale, config)
        self.to_latent = nn.Conv2d(config.filters, config.dim, 1)
        self.quantize = VectorQuantizer(config.entries, config.dim)
        self.decoder = grow(config.dim, 3, config.scale, config)

    @property
    def quantizers(self) -> tuple[VectorQuantizer, ...]:
        """The codebook."""
        return (self.quantize,)

    @property
    def decoder_parts(self) -> tuple[nn.Module, ...]:
        """``(decoder,)``."""
        return (self.decoder,)

    def scales(self) -> tuple[int, ...]:
        """``(b,)``."""
        return (self.config.scale,)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """``[B, 3, H, W]`` in 0..1 to what is quantised, ``[B, d, h, w]``."""
        return (self.to_latent(F.relu(self.encoder(2.0 * x - 1.0))),)

    def latents(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Quantized, ...]:
        """``[B, 3, H, W]`` in 0..1 to the quantised latent."""
        (z_e,) = self.features(x)
        return (self.quantize(z_e, generator),)

    def reconstruct(self, *z: Tensor) -> Tensor:
        """Looked-up entries ``[B, d, h, w]`` to ``[B, 3, H, W]`` (not clamped)."""
        (z_q,) = z
        y: Tensor = self.decoder(z_q)
        return 0.5 * (y + 1.0)
