"""What updates the weights of a model."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from semsim.training.recipe import Optimizer


def optimizers(model: nn.Module, rate: float, settings: Optimizer) -> list[torch.optim.Optimizer]:
    """Return one or two optimisers for the weights of ``model`` that are to learn.

    Args:
        model: what is trained.
        rate: peak learning rate, which every group remembers as ``initial_lr``.
        settings: which kind.
    """
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    mixing = _mixing(model) if settings.kind == "muon" else []
    chosen = {id(weight) for weight in mixing}
    others = [weight for weight in weights if id(weight) not in chosen]
    made: list[torch.optim.Optimizer] = []
    if others:
        group = {"params": others, "initial_lr": rate}
        decay = settings.weight_decay
        if settings.kind == "sgd":
            momentum = settings.momentum
            made.append(torch.optim.SGD([group], rate, momentum, weight_decay=decay))
        else:
            made.append(torch.optim.AdamW([group], lr=rate, weight_decay=decay))
    if mixing:
        made.append(FlatMuon(mixing, settings.matrix_factor * rate, settings.weight_decay))
    return made


def _mixing(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights that mix features: matrices, and convolutions that are not depthwise."""
    apart = {
        id(weight)
        for module in model.modules()
        if getattr(module, "elementwise", False)
        for weight in module.parameters(recurse=False)
    }
    return [
        weight
        for weight in model.parameters()
        if weight.requires_grad
        and weight.ndim >= 2
        and weight.shape[1] > 1
        and id(weight) not in apart
    ]


class FlatMuon(torch.optim.Muon):
    """Muon for weights of two or more dimensions, each taken as a matrix ``[first, all others]``.

    Updates are scaled to the size of AdamW's (``match_rms_adamw``), so that one learning rate does
    for both.

    Args:
        weights: what is updated.
        rate: learning rate.
        weight_decay: as AdamW's.
    """

    def __init__(self, weights: list[nn.Parameter], rate: float, weight_decay: float) -> None:
        self._weights = weights
        # Views: what moves them moves the weights.
        views = [nn.Parameter(weight.detach().flatten(1)) for weight in weights]
        super().__init__(
            [{"params": views, "initial_lr": rate}],
            lr=rate,
            weight_decay=weight_decay,
            adjust_lr_fn="match_rms_adamw",
        )

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of the weights."""
        for weight in self._weights:
            weight.grad = None
        super().zero_grad(set_to_none)

    def step(self, closure: Any = None) -> Any:
        """Move the weights by their gradients."""
        for weight, view in zip(self._weights, self.param_groups[0]["params"], strict=True):
            view.grad = None if weight.grad is None else weight.grad.flatten(1)
        return super().step(closure)  # type: ignore[no-untyped-call]
