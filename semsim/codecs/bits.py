"""Integers as bits and back, most significant bit first."""

from __future__ import annotations

import torch
from torch import Tensor


def to_bits(index: Tensor, width: int) -> Tensor:
    """``[B, n]`` non-negative integers to ``[B, n·width]`` bits (``torch.uint8``).

    >>> to_bits(torch.tensor([[5, 2]]), 3)
    tensor([[1, 0, 1, 0, 1, 0]], dtype=torch.uint8)
    """
    shift = torch.arange(width - 1, -1, -1, device=index.device)
    return ((index.unsqueeze(-1) >> shift) & 1).to(torch.uint8).flatten(1)


def from_bits(bits: Tensor, width: int) -> Tensor:
    """``[B, n·width]`` bits to ``[B, n]`` integers.

    >>> from_bits(torch.tensor([[1, 0, 1, 0, 1, 0]], dtype=torch.uint8), 3)
    tensor([[5, 2]])
    """
    weight = 1 << torch.arange(width - 1, -1, -1, device=bits.device)
    return (bits.view(bits.shape[0], -1, width).long() * weight).sum(-1)
