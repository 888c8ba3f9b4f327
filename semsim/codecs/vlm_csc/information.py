"""A lower bound of mutual information that a network finds (MINE)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Statistics(nn.Module):
    """The statistics network T of the bound: two hidden layers, one number a pair.

    Args:
        width: of both parts of a pair together.
        hidden: neurons of each hidden layer.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """``[N, a]`` and ``[N, b]`` to ``[N]``."""
        found: Tensor = self.layers(torch.cat([one, other], dim=1)).squeeze(1)
        return found


def information_bound(
    statistics: nn.Module, one: Tensor, other: Tensor, generator: torch.Generator
) -> Tensor:
    """Return the bound E[T(x, y)] - ln E[exp T(x, y')] of I(x; y), in nats (Donsker, Varadhan).

    y' is y in another order, so that it belongs to no x.

    Args:
        statistics: T.
        one: ``[N, a]`` samples of x.
        other: ``[N, b]`` the y that belong to them.
        generator: draws the order.
    """
    order = torch.randperm(len(other), generator=generator, device=generator.device)
    apart = statistics(one, other[order]).float()
    together = statistics(one, other).float()
    bound: Tensor = together.mean() - torch.logsumexp(apart, dim=0) + math.log(len(apart))
    return bound
