"""Covariance of square patches of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from semsim.types import Array


@dataclass(frozen=True, eq=False)
class PatchKlt:
    """Karhunen–Loève transform of patches ``[C, side, side]``, flattened in this order.

    Attributes:
        mean: ``[C·side²]`` mean patch.
        variances: ``[C·side²]`` of the components, falling.
        basis: ``[C·side², C·side²]``, one component a column.
    """

    mean: Array
    variances: Array
    basis: Array


def cut(images: Array, side: int) -> Array:
    """Cut ``[B, C, H, W]`` into patches ``[B, (H/side)·(W/side), C·side²]``, row by row.

    Raises:
        ValueError: if the side does not divide height and width.
    """
    batch, channels, height, width = images.shape
    if height % side or width % side:
        raise ValueError(
            f"patches of side {side} do not tile {height}x{width} pixels; take a side that "
            "divides both"
        )
    grid = images.reshape(batch, channels, height // side, side, width // side, side)
    return grid.transpose(0, 2, 4, 1, 3, 5).reshape(batch, -1, channels * side**2)


def patch_klt(images: ArrayLike, side: int) -> PatchKlt:
    """Estimate the KLT from all patches of ``images [B, C, H, W]`` that tile them.

    Raises:
        ValueError: if the side does not divide height and width, or if there are not more patches
            than components.
    """
    patches = cut(np.asarray(images, dtype=np.float64), side)
    patches = patches.reshape(-1, patches.shape[-1])
    count, size = patches.shape
    if count <= size:
        raise ValueError(
            f"{count} patches do not show the covariance of {size} values; give more images or "
            "take a smaller side"
        )
    mean = patches.mean(axis=0)
    variances, basis = np.linalg.eigh(np.cov(patches, rowvar=False, bias=True))
    return PatchKlt(mean, variances[::-1].clip(min=0.0), np.ascontiguousarray(basis[:, ::-1]))
