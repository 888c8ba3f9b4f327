"""Real features in pairs make complex symbols, and come back from them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def to_symbols(features: Tensor) -> Tensor:
    """``[B, k]`` real to ``[B, ⌈k/2⌉]`` complex: features 2i and 2i+1 make symbol i.

    An odd number gets a zero at its end.
    """
    features = features.float()
    if features.shape[1] % 2:
        features = nn.functional.pad(features, (0, 1))
    return torch.view_as_complex(features.reshape(len(features), -1, 2).contiguous())


def to_features(symbols: Tensor, count: int) -> Tensor:
    """``[B, ⌈k/2⌉]`` symbols of unit mean power to ``[B, count]`` features of unit mean power."""
    # Symbols of unit power are two features of power one half.
    return (torch.view_as_real(symbols).flatten(1) * math.sqrt(2.0))[:, :count]
