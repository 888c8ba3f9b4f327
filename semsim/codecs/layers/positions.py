"""Position embeddings: learned ones of square grids, for grids of any size, and waves."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def grid_positions(position: Tensor, side: int, rows: int, columns: int) -> Tensor:
    """Return the embedding of a square grid ``[side², D]`` for another, ``[rows·columns, D]``.

    The square grid gets its own embedding; others get it interpolated (bicubic).
    """
    if (rows, columns) == (side, side):
        return position
    square = position.T.reshape(1, -1, side, side)
    fitted = F.interpolate(square, (rows, columns), mode="bicubic", align_corners=False)
    return fitted[0].flatten(1).T


def sinusoids(places: int, width: int, like: Tensor) -> Tensor:
    """Return sines and cosines of the place, ``[places, width]`` (Vaswani et al. 2017).

    Feature 2i is the sine and 2i + 1 the cosine of place / 10000^(2i / width).

    Args:
        places: length of the sequence.
        width: even.
        like: whose device and precision to have.
    """
    place = torch.arange(places, device=like.device, dtype=torch.float32)
    even = torch.arange(0, width, 2, device=like.device, dtype=torch.float32)
    angle = place.unsqueeze(1) * torch.exp(even * (-math.log(10000.0) / width))
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1).to(like.dtype)
