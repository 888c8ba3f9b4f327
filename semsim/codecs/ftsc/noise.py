"""Noise for denoising training, a level of its own for every image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from semsim.codecs.bits import from_bits, to_bits
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.config import NoiseConfig
from semsim.codecs.layers.vector_quantizer import Quantized, VectorQuantizer
from semsim.data.noise import noisy
from semsim.spans import Level, Span
from semsim.units import db_to_linear


class TrainingNoise:
    """What happens to images and latents on their way (FTSC, Section III-B).

    Args:
        config: which noise, at which levels.
    """

    def __init__(self, config: NoiseConfig) -> None:
        self._config = config

    def on_source(self, image: Tensor, generator: torch.Generator) -> Tensor:
        """Return images ``[B, 3, H, W]`` with semantic noise, where it is asked for."""
        level = self._config.source_snr_db
        if level is None:
            return image
        return noisy(image, db_to_linear(_draw(level, image, generator)), generator)

    def on_latents(
        self,
        network: QuantizedAutoencoder,
        latents: list[Quantized],
        generator: torch.Generator,
    ) -> list[Tensor]:
        """Return what arrives of the looked-up maps ``[B, d, h, w]`` of every level.

        Wrong bits choose other entries, through which no gradient reaches the encoder. Gaussian
        noise has one variance for all levels of an image, since they travel as one signal.
        """
        maps = [level.z_q for level in latents]
        if self._config.bit_error_rate is not None:
            rate = _draw(self._config.bit_error_rate, maps[0], generator)
            maps = [
                _with_bit_errors(quantizer, level, rate, generator)
                for quantizer, level in zip(network.quantizers, latents, strict=True)
            ]
        if self._config.latent_snr_db is not None:
            snr_db = _draw(self._config.latent_snr_db, maps[0], generator)
            maps = list(noisy_maps(maps, snr_db, generator))
        return maps


def noisy_maps(
    maps: Sequence[Tensor], snr_db: Tensor, generator: torch.Generator
) -> tuple[Tensor, ...]:
    """Add white noise to all levels, as analog transport at unit power does.

    Args:
        maps: ``[B, d, h, w]`` of every level.
        snr_db: ``[B]`` Es/N0: mean power over all features of an image against that of the noise.
        generator: of the noise.
    """
    signal = torch.cat([part.detach().flatten(1) for part in maps], dim=1)
    variance = signal.square().mean(dim=1) / db_to_linear(snr_db)
    deviation = variance.sqrt().view(-1, 1, 1, 1)
    return tuple(part + deviation * _gaussian(part, generator) for part in maps)


def _draw(level: Level, like: Tensor, generator: torch.Generator) -> Tensor:
    """Return a level for each image, ``[B]``."""
    if not isinstance(level, Span):
        return like.new_full((len(like),), level)
    share = torch.rand(len(like), generator=generator, device=like.device)
    return level.low + (level.high - level.low) * share


def _gaussian(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)


def _with_bit_errors(
    quantizer: VectorQuantizer, level: Quantized, rate: Tensor, generator: torch.Generator
) -> Tensor:
    sent = to_bits(level.index.flatten(1), quantizer.bits)  # [B, n·bits]
    chance = torch.rand(sent.shape, generator=generator, device=sent.device)
    flipped = sent ^ (chance < rate.unsqueeze(1)).to(torch.uint8)
    index = from_bits(flipped, quantizer.bits).clamp_max(quantizer.entries - 1)
    index = index.view_as(level.index)
    right = (index == level.index).unsqueeze(1)
    return torch.where(right, level.z_q, quantizer.look_up(index))
