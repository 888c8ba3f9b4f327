"""Transformer layers that several codecs are built of."""

from __future__ import annotations

from torch import nn


def pre_norm_blocks(depth: int, width: int, heads: int, mlp_ratio: float = 4.0) -> nn.Sequential:
    """Return ``depth`` pre-norm transformer encoder blocks without dropout, ``[B, N, width]``.

    Raises:
        ValueError: if the heads do not divide the width.
    """
    if width % heads:
        raise ValueError(f"{heads} heads do not divide a width of {width}")
    return nn.Sequential(
        *(
            nn.TransformerEncoderLayer(
                width,
                heads,
                dim_feedforward=int(width * mlp_ratio),
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(depth)
        )
    )
