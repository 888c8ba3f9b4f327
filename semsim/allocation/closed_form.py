"""The optimum of P1 in closed form, where computing takes as long at any ρ and power is plenty.

With κ = 0 every user is on the air for the same time t, and prices drop out one by one:

    X = 1 + W_0((Γ - 1)/e),   Γ = λ_2 g/(λ_3 b_max σ²),
    ρ = min(ρ_max, λ_1 b_q g/(λ_3 D σ² ln 2 e^X)),
    t = D ln 2/b_max Σ ρ/X,   b = D ln 2 ρ/(t X),   p = b σ²/g (e^X - 1).

For FTSC's own κ it is close: U falls short of the optimum by 0.02 at most where the paper looks,
and by nothing where every ρ is at its largest.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import lambertw

from semsim.allocation.config import ClosedFormConfig
from semsim.allocation.limits import refuse_levels, refuse_limits, refuse_worthless
from semsim.allocation.problem import Problem, check_gain
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState


class ClosedForm:
    """Formulas instead of a solver.

    Args:
        config: nothing to choose.
        problem: utility and budget.
        rng: not used; every allocator is built from the same three arguments.

    Raises:
        AllocationError: if delay or energy has no weight, which the formulas divide by.
    """

    Config = ClosedFormConfig

    def __init__(
        self,
        config: ClosedFormConfig,  # noqa: ARG002
        problem: Problem,
        rng: np.random.Generator,  # noqa: ARG002
    ) -> None:
        for name in ("lambda_delay", "lambda_energy"):
            if getattr(problem.config, name) == 0:
                raise AllocationError(
                    f"{name} is 0, and allocator 'closed_form' divides by it; use "
                    "`allocator: {kind: exact}`"
                )
        self.problem = problem

    def allocate(self, state: DownlinkState) -> Allocation:
        """Solve every drop.

        Raises:
            AllocationError: if ``state`` has no users or a gain is not positive, a user has a
                deadline or a least ρ, the modem has levels, or the power that comes out is more
                than the cell has.
        """
        check_gain(state)
        terms = self.problem.terms(state.gain)
        refuse_limits(terms, "closed_form")
        refuse_levels(terms, "closed_form")
        refuse_worthless(terms)
        c, nats = terms.noise_over_gain_w_per_hz, terms.bits * math.log(2)
        gamma = terms.lambda_delay / (terms.lambda_energy * terms.bandwidth_hz * c)
        x: Array = 1 + lambertw((gamma - 1) / math.e).real
        rho = np.minimum(terms.rho_max, terms.worth / (terms.lambda_energy * nats * c * np.exp(x)))
        weight = rho * nats / x
        b_hz = terms.bandwidth_hz * weight / weight.sum(-1, keepdims=True)
        p_w = b_hz * c * np.expm1(x)
        total_w = p_w.sum(-1)
        if (total_w > terms.power_w).any():
            raise AllocationError(
                f"the formulas ask for {total_w.max():.3g} W, but the cell has {terms.power_w:g} "
                "W: power is scarce; use `allocator: {kind: exact}`"
            )
        return Allocation(rho, b_hz, p_w)
