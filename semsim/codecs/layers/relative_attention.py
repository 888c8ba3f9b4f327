"""The transformer block of SemViT: attention over all places with a relative position bias."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RelativeAttention(nn.Module):
    """Multi-head attention over a map, with one learned bias for each displacement.

    Every head gets its share of the features and makes query, key and value of that share alone,
    by one linear layer that all heads have in common; another layer mixes the heads' results. The
    bias depends on how far two places lie apart and is the same for all heads.

    Args:
        width: of the features.
        head: of one head's share.
        positions: side of the grid on which the bias is learnt; other grids get it interpolated
            (bicubic) over their displacements.

    Raises:
        ValueError: if heads do not divide the width.
    """

    def __init__(self, width: int, head: int, positions: int) -> None:
        super().__init__()
        if width % head:
            raise ValueError(f"heads of {head} do not divide a width of {width}")
        self.head = head
        self.qkv = nn.Linear(head, 3 * head)
        self.mix = nn.Linear(width, width)
        side = 2 * positions - 1
        self.bias = nn.Parameter(torch.empty(side, side))
        nn.init.trunc_normal_(self.bias, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, h, w, width]`` to the same shape."""
        batch, rows, columns, width = x.shape
        shares = x.view(batch, rows * columns, width // self.head, self.head).transpose(1, 2)
        query, key, value = self.qkv(shares).chunk(3, dim=-1)
        bias = self.displacement_bias(rows, columns)
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        y: Tensor = self.mix(seen.transpose(1, 2).flatten(2))  # [B, h·w, width]
        return y.view_as(x)

    def displacement_bias(self, rows: int, columns: int) -> Tensor:
        """Return the bias of every pair of places, ``[rows·columns, rows·columns]``."""
        table: Tensor = self.bias
        size = (2 * rows - 1, 2 * columns - 1)
        if table.shape != size:
            table = F.interpolate(
                table[None, None], size, mode="bicubic", align_corners=True
            ).squeeze((0, 1))
        row = torch.arange(rows, device=table.device)
        column = torch.arange(columns, device=table.device)
        down = row[:, None] - row + rows - 1  # [rows, rows]
        right = column[:, None] - column + columns - 1  # [columns, columns]
        pairs = table[down[:, None, :, None], right[None, :, None, :]]
        return pairs.reshape(rows * columns, rows * columns)


class RelativeBlock(nn.Module):
    """A linear layer to ``out_width``, LayerNorm, attention, LayerNorm and a feed-forward layer.

    Both the attention and the feed-forward layer have a residual connection; the first starts
    behind the first LayerNorm, as in the authors' program.

    Args:
        width: of the input.
        out_width: of the output.
        head: of one head's share.
        positions: side of the grid on which the position bias is learnt.
        mlp_ratio: width inside the feed-forward layer over ``out_width``.
    """

    def __init__(
        self, width: int, out_width: int, head: int, positions: int, mlp_ratio: float
    ) -> None:
        super().__init__()
        hidden = int(out_width * mlp_ratio)
        self.embed = nn.Linear(width, out_width)
        self.norm = nn.LayerNorm(out_width)
        self.attention = RelativeAttention(out_width, head, positions)
        self.mlp_norm = nn.LayerNorm(out_width)
        self.mlp = nn.Sequential(
            nn.Linear(out_width, hidden), nn.GELU(), nn.Linear(hidden, out_width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width, h, w]`` to ``[B, out_width, h, w]``."""
        y: Tensor = self.norm(self.embed(x.permute(0, 2, 3, 1)))
        y = y + self.attention(y)
        y = y + self.mlp(self.mlp_norm(y))
        return y.permute(0, 3, 1, 2)
