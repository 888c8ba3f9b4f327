"""White Gaussian noise on images, as semantic noise is defined (FTSC, section III-A)."""

from __future__ import annotations

import torch
from torch import Tensor


def noisy(image: Tensor, snr: Tensor, generator: torch.Generator) -> Tensor:
    """Return ``clip(x + w, 0, 1)`` with ``w ~ N(0, σ²)`` and ``σ² = mean(x²) / snr``.

    The mean is taken over all values of one image. Clipping takes away noise where the image is
    near black or white, so that the error that is left is somewhat below σ². A black image has no
    power and gets no noise.

    Args:
        image: ``[B, C, H, W]`` in 0..1; every image gets noise of its own.
        snr: linear, ``[B]`` or one for all.
        generator: what the noise is drawn from, on the device of the images.
    """
    power = image.square().mean(dim=(1, 2, 3))  # [B]
    deviation = (power / snr).sqrt().view(-1, 1, 1, 1)
    noise = torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)
    return (image + deviation * noise).clamp(0.0, 1.0)
