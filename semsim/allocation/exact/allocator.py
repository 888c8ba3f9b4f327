"""The allocator ``exact``."""

from __future__ import annotations

import numpy as np
import torch

from semsim.allocation.config import ExactConfig
from semsim.allocation.exact.grid import on_grid
from semsim.allocation.exact.optimum import Convert, optimise
from semsim.allocation.exact.steps import at_levels
from semsim.allocation.problem import Problem, check_gain
from semsim.types import Allocation, DownlinkState


class Exact:
    """Prices, compression and T by Newton's method; see ``docs/allocation.md``.

    ``Allocation.info`` holds ``iterations`` and ``status`` (strings ``[...]``: ``settled``, or
    ``unsettled`` where Newton's method found no rest; the certificate's gap then tells what the
    allocation is worth).

    Args:
        config: where to compute.
        problem: utility and budget.
        rng: not used; every allocator is built from the same three arguments.
    """

    Config = ExactConfig

    def __init__(self, config: ExactConfig, problem: Problem, rng: np.random.Generator) -> None:  # noqa: ARG002
        self.config, self.problem = config, problem

    def allocate(self, state: DownlinkState) -> Allocation:
        """Solve every drop.

        Raises:
            AllocationError: if ``state`` has no users or a gain is not positive, quality has no
                weight, nothing limits the delay, or deadlines cannot be met; the message names the
                users or the drop, and the remedy.
        """
        check_gain(state)
        terms = self.problem.terms(state.gain)
        smooth = terms.relaxed()
        device = self.config.device
        convert = None if device is None else _to_torch(device)
        found = optimise(smooth, convert=convert, bound=False)
        if self.config.rates == "grid":
            found = on_grid(smooth, self.problem.grid(state.users), found)
        if terms.levels is not None:
            found = at_levels(terms, terms.levels, found)
        status = np.where(found.settled, "settled", "unsettled")
        info: dict[str, object] = {"iterations": found.iterations, "status": status}
        return Allocation(found.rho, found.b_hz, found.p_w, info)


def _to_torch(device: str) -> Convert:
    return lambda values: torch.tensor(values, dtype=torch.float64, device=device)
