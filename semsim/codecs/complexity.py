"""Floating-point operations of a network, counted by running it without data."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

Network = TypeVar("Network", bound=nn.Module)
#: Ways that torch has to compute attention's products.
_BETWEEN_ACTIVATIONS = (
    torch.ops.aten.bmm,
    torch.ops.aten.baddbmm,
    torch.ops.aten._scaled_dot_product_efficient_attention,
    torch.ops.aten._scaled_dot_product_flash_attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu,
)


def count_flops(module: Network, call: Callable[[Network], object]) -> float:
    """Count the operations (2 a multiply-add) of ``call(module)``.

    A copy without weights on the ``meta`` device, where shapes flow and nothing is computed, is
    counted as it is used, not as it learns: a batch normalisation refuses to learn from one value.
    """
    return float(_counted(module, call).get_total_flops())


def count_layer_flops(module: Network, call: Callable[[Network], object]) -> float:
    """Count as :func:`count_flops` does, but only what weights multiply.

    That leaves out attention's scores and weighted sums, which are products of activations, as
    counters do that go through a network's layers.
    """
    by_kind = _counted(module, call).get_flop_counts()["Global"]
    return float(sum(flops for kind, flops in by_kind.items() if kind not in _BETWEEN_ACTIVATIONS))


def _counted(module: Network, call: Callable[[Network], object]) -> FlopCounterMode:
    # Known to the copy before it begins, so that no weight is ever copied.
    empty: dict[int, Any] = {
        id(weight): nn.Parameter(torch.empty_like(weight, device="meta"), requires_grad=False)
        for weight in module.parameters()
    } | {id(buffer): torch.empty_like(buffer, device="meta") for buffer in module.buffers()}
    shadow = copy.deepcopy(module, empty).to("meta").eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        call(shadow)
    return counter


def on_meta(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return an empty tensor that has a shape and no memory."""
    return torch.empty(*shape, dtype=dtype, device="meta")
