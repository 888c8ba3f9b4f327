"""Floating-point operations of a network, counted by running it without data."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

Network = TypeVar("Network", bound=nn.Module)


def count_flops(module: Network, call: Callable[[Network], object]) -> float:
    """Count the operations (2 a multiply-add) of ``call(module)``.

    The module is copied to the ``meta`` device, where shapes flow and nothing is computed, and
    counted as it is used, not as it learns: a batch normalisation refuses to learn from one value.
    """
    shadow = copy.deepcopy(module).to("meta").eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call(shadow)
    return float(counter.get_total_flops())


def on_meta(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return an empty tensor that has a shape and no memory."""
    return torch.empty(*shape, dtype=dtype, device="meta")
