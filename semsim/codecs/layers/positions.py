"""Learned position embeddings of square grids, for grids of any size."""

from __future__ import annotations

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
