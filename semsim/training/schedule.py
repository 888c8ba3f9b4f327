"""Learning rates and paces."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable

import torch

from semsim.training.recipe import Optimizer

#: Steps before the pace is measured, and steps over which it is.
_WARM, _TIMED = 5, 20


def learning_rate(peak: float, step: int, steps: int | None, settings: Optimizer) -> float:
    """Return the rate of one step: linear warm-up to ``peak``, then a cosine down.

    While nobody knows how many steps there will be it stays at ``peak``.

    >>> settings = Optimizer(warmup_steps=10)
    >>> learning_rate(1.0, 4, 110, settings), round(learning_rate(1.0, 60, 110, settings), 3)
    (0.5, 0.5)
    """
    if step < settings.warmup_steps:
        return peak * (step + 1) / settings.warmup_steps
    if steps is None:
        return peak
    share = (step - settings.warmup_steps) / max(1, steps - settings.warmup_steps)
    left = 0.5 * (1.0 + math.cos(math.pi * share))
    return peak * (settings.final_share + (1.0 - settings.final_share) * left)


def set_learning_rates(
    optimizers: Iterable[torch.optim.Optimizer], step: int, steps: int | None, settings: Optimizer
) -> float:
    """Give every group its rate of one step; return that of the first."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    for group in groups:
        group["lr"] = learning_rate(group["initial_lr"], step, steps, settings)
    return float(groups[0]["lr"])


class Pace:
    """Turns minutes into steps, once, from the time that the first steps took."""

    def __init__(self, minutes: float) -> None:
        self._left_s = 60.0 * minutes
        self._begun: float | None = None

    def steps(self, step: int) -> int | None:
        """Return how many steps the minutes are good for, ``None`` while it is too early.

        Call it after every step with the number of steps done.
        """
        now = time.perf_counter()
        if step == _WARM:
            self._begun = now
        if self._begun is None or step < _WARM + _TIMED:
            return None
        one_s = (now - self._begun) / (step - _WARM)
        return max(step, round(self._left_s / one_s))
