"""Semantic noise: the source image is noisy before it is encoded."""

from __future__ import annotations

from dataclasses import replace

import torch

from semsim.data.noise import noisy
from semsim.link.stages import SemanticNoiseConfig
from semsim.types import Source
from semsim.units import db_to_linear


class SemanticNoise:
    """White Gaussian noise on the image, at a given SNR of that very image.

    ``x' = clip(x + w, 0, 1)`` with ``w ~ N(0, σ²)`` and ``σ² = mean(x²) / snr``, the mean taken
    over all values of one image (:func:`semsim.data.noise.noisy`).

    FTSC injects semantic noise "on original image x" before the encoder (section III-A, after Hu
    et al., whose masks and perturbations it does not use), and its Table I gives the noise a
    level of 20 or 10 dB, as it does channel noise, without a formula. SNR is therefore read as
    for a channel: mean power, not variance about the mean, over noise power. The table supports
    this. JPEG, which does not denoise, loses 2.8 and 6.8 dB of PSNR there (means over its eight
    data sets). JPEG at the same compression rate on photographs loses 1.9 and 7.7 dB under this
    reading, 0.6 and 3.8 dB if variance is the signal, 5.0 and 12.9 dB if the peak is.

    Args:
        config: kind and level of the noise.
    """

    Config = SemanticNoiseConfig

    def __init__(self, config: SemanticNoiseConfig) -> None:
        self.config = config

    def apply(self, source: Source, generator: torch.Generator) -> Source:
        """Return the source with noisy images and all else unchanged; ``source`` stays clean.

        Args:
            source: images ``[B, C, H, W]`` in 0..1; every image gets noise of its own.
            generator: what the noise is drawn from, on the device of the images.

        Raises:
            ValueError: if the generator is on another kind of device than the images.
        """
        image = source.image
        if generator.device.type != image.device.type:
            raise ValueError(
                f"the generator is on {generator.device}, the images on {image.device}; make it "
                f"with torch.Generator({str(image.device)!r})"
            )
        snr = image.new_tensor(db_to_linear(self.config.snr_db))
        return replace(source, image=noisy(image, snr, generator))
