"""Quality of what was delivered, one value an image, by the rule of docs/physics.md.

Images are clamped to 0..1 and rounded to 8 bit before anything is measured.
"""

from __future__ import annotations

import torch
from pytorch_msssim import ms_ssim as _ms_ssim
from pytorch_msssim import ssim as _ssim
from torch import Tensor

#: Width of the Gaussian window of SSIM and MS-SSIM (Wang et al. 2004), where the image allows it.
WINDOW = 11
_SCALES = 5


def quantized(image: Tensor) -> Tensor:
    """``[B, C, H, W]`` in 0..1 to whole numbers in 0..255, as floats."""
    return (image.clamp(0, 1) * 255.0).round()


def psnr_db(original: Tensor, received: Tensor) -> Tensor:
    """Peak signal-to-noise ratio per image in dB, ``[B]``; infinite for equal images.

    ``10 log10(255² / mean squared error)`` over all values of one image. Average it in dB.

    >>> black, grey = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 16 / 255)
    >>> round(psnr_db(black, grey).item(), 3)  # 20 log10(255 / 16)
    24.048
    """
    difference = quantized(original).double() - quantized(received).double()
    mse = difference.square().mean(dim=(1, 2, 3))
    return (10.0 * torch.log10(255.0**2 / mse)).to(original.dtype)


def ssim(original: Tensor, received: Tensor) -> Tensor:
    """Structural similarity per image, ``[B]``, in an 11×11 Gaussian window (σ = 1.5).

    Raises:
        ValueError: if the image is smaller than the window.
    """
    side = min(original.shape[-2:])
    if side < WINDOW:
        raise ValueError(f"SSIM needs at least {WINDOW}×{WINDOW} pixels, got {side}")
    value: Tensor = _ssim(
        quantized(received), quantized(original), data_range=255, size_average=False
    )
    return value


def ms_ssim_window(side: int) -> int | None:
    """Return the window that MS-SSIM uses for images of this shorter side.

    Five scales need a side above 16·(window − 1): 11 from 161 pixels on, less below, and none
    (``None``) under 33 pixels.

    >>> ms_ssim_window(256), ms_ssim_window(64), ms_ssim_window(32)
    (11, 3, None)
    """
    window = min(WINDOW, (side - 1) // 2 ** (_SCALES - 1) + 1)
    window -= 1 - window % 2
    return window if window >= 3 else None


def ms_ssim(original: Tensor, received: Tensor) -> Tensor:
    """Multi-scale structural similarity per image, ``[B]``; NaN where five scales do not fit.

    The window is :func:`ms_ssim_window` of the shorter side; say so where it is below 11.
    """
    window = ms_ssim_window(min(original.shape[-2:]))
    if window is None:
        return torch.full((original.shape[0],), float("nan"), device=original.device)
    value: Tensor = _ms_ssim(
        quantized(received),
        quantized(original),
        data_range=255,
        size_average=False,
        win_size=window,
    )
    return value


def top1(label: Tensor, logits: Tensor) -> Tensor:
    """Return 1 where the likeliest class is the true one, else 0, ``[B]``: their mean is accuracy.

    Args:
        label: ``[B]`` true classes.
        logits: ``[B, classes]``.

    Raises:
        ValueError: for a label that is none of the classes, or missing (-1).
    """
    classes = logits.shape[1]
    if int(label.min()) < 0:
        raise ValueError("an image has no label")
    if int(label.max()) >= classes:
        raise ValueError(f"label {int(label.max())} is none of the classes 0 to {classes - 1}")
    return (logits.argmax(dim=1) == label).to(logits.dtype)
