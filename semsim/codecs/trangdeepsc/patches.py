"""Sizes and channel coders that TranGDeepSC and ViTDeepSC have in common."""

from __future__ import annotations

from torch import nn

from semsim.codecs.trangdeepsc.config import PatchModel
from semsim.types import ImageShape


def grid(shape: ImageShape, patch: int) -> tuple[int, int]:
    """Return how many patches an image has, vertically and horizontally.

    Raises:
        ValueError: if it is not RGB or the patches do not divide it.
    """
    channels, height, width = shape
    if channels != 3:
        raise ValueError(f"it codes RGB images, got {channels} channels")
    if height % patch or width % patch:
        raise ValueError(f"patches of {patch} pixels do not divide {height}×{width}")
    return height // patch, width // patch


def feature_counts(shape: ImageShape, model: PatchModel) -> dict[str, int]:
    """K real symbols a patch (TranGDeepSC eq. 4)."""
    rows, columns = grid(shape, model.patch)
    return {f"K={model.symbols}": rows * columns * model.symbols}


def channel_encoder(model: PatchModel) -> nn.Sequential:
    """Two linear layers with nothing between them, D → 256 → K (eq. 4)."""
    return nn.Sequential(
        nn.Linear(model.hidden, model.channel_hidden),
        nn.Linear(model.channel_hidden, model.symbols),
    )


def channel_decoder(model: PatchModel) -> nn.Sequential:
    """Two linear layers with nothing between them, K → 256 → D (eq. 6)."""
    return nn.Sequential(
        nn.Linear(model.symbols, model.channel_hidden),
        nn.Linear(model.channel_hidden, model.hidden),
    )
