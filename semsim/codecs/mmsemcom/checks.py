"""What selection is worth: beside the best and a random choice, and beside the training images.

Selection can deliver no more than the image of the bank that is nearest by pixels, and should
deliver more than one drawn at random. Where the nearest *training* image is as near as the nearest
generated one, or each generated one has a training image next to it, the generator remembers
rather than invents, and a receiver could as well keep the training images.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

#: Of 8-bit values.
_PEAK = 255.0


@dataclass(frozen=True)
class Worth:
    """What could be delivered for each image, and its PSNR in dB, all ``[B]``.

    Attributes:
        best: place of the nearest by pixels.
        best_db: of the nearest by pixels.
        random_db: mean over all, which is what a random choice gives.
    """

    best: Tensor
    best_db: Tensor
    random_db: Tensor


def worth(image: Tensor, pool: Tensor) -> Worth:
    """Compare images with all that could be delivered.

    Args:
        image: ``[B, C, H, W]`` in 0..1.
        pool: ``[P, C, H, W]`` in 0..1, or bytes.
    """
    values = [_bytes(part).flatten(1) for part in (image, pool)]
    # Rounding cannot be afforded where images are alike; sums of squares of bytes are exact so.
    error = torch.cdist(
        values[0].double(), values[1].double(), compute_mode="donot_use_mm_for_euclid_dist"
    ).square()
    mse = (error / values[0].shape[1]).clamp_min(torch.finfo(torch.float64).tiny)
    psnr_db = 10.0 * (_PEAK**2 / mse).log10()
    best_db, best = psnr_db.max(dim=1)
    return Worth(best, best_db, psnr_db.clamp_max(100.0).mean(dim=1))


def _bytes(image: Tensor) -> Tensor:
    return image if image.dtype == torch.uint8 else (image.clamp(0, 1) * _PEAK).round()
