"""What updates the weights of a model."""

from __future__ import annotations

import torch
from torch import nn

from semsim.training.muon import Muon
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
        made.append(Muon(mixing, settings.matrix_factor * rate, settings.weight_decay))
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
