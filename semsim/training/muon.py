"""Muon for weights of two or more dimensions, in single precision on processors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

#: Coefficients of the quintic, number of iterations and momentum, as Jordan et al. set them.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
_MOMENTUM = 0.95
#: Root mean square of an update of AdamW, which those of Muon get (Liu et al. 2025, eq. 4).
_RMS = 0.2
_LEAST_NORM = 1e-7


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum (Jordan et al. 2024); a weight is a matrix ``[first, all others]``.

    :class:`torch.optim.Muon` takes matrices alone and orthogonalises in bfloat16 on every device,
    which most processors emulate: there it takes longer than a small network does.

    Args:
        weights: what is updated.
        rate: learning rate; updates have the size of AdamW's, so that one rate does for both.
        weight_decay: as AdamW's.
    """

    def __init__(self, weights: Iterable[nn.Parameter], rate: float, weight_decay: float) -> None:
        group = {"params": list(weights), "initial_lr": rate}
        super().__init__([group], {"lr": rate, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Move the weights by their gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            rate, decay = group["lr"], group["weight_decay"]
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                gradient, state = weight.grad.flatten(1), self.state[weight]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(gradient)
                momentum = state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
                update = orthogonal(gradient.lerp(momentum, _MOMENTUM))
                scale = rate * _RMS * max(update.shape) ** 0.5
                weight.mul_(1 - rate * decay)
                weight.sub_(update.view_as(weight), alpha=scale)
        return loss


def orthogonal(matrix: Tensor) -> Tensor:
    """Return nearly the nearest semi-orthogonal matrix: singular values of some 0.7 to 1.2.

    Five Newton-Schulz iterations, in bfloat16 where a GPU computes.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    moved = wide if wide.device.type == "cpu" else wide.bfloat16()
    moved = moved / moved.norm().clamp(min=_LEAST_NORM)
    for _ in range(_ITERATIONS):
        gram = moved @ moved.T
        moved = torch.addmm(moved, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), moved, beta=_A)
    return (moved if wide is matrix else moved.T).to(matrix.dtype).contiguous()
