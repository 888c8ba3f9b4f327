"""What any allocation is worth, beside what the best one could be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from semsim.allocation.exact.optimum import optimise
from semsim.allocation.problem import Problem
from semsim.allocation.terms import Terms
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, Certificate, DownlinkState


def certify(problem: Problem, state: DownlinkState, allocation: Allocation) -> Allocation:
    """Return ``allocation`` with its certificate.

    Args:
        problem: utility and budget.
        state: the drops, ``[..., N]``.
        allocation: of any allocator for them.
    """
    return replace(allocation, certificate=certificate(problem.terms(state.gain), allocation))


def bound(terms: Terms) -> Array:
    """Return ``[...]``: no allocation is worth more. Infinite where P1 has no optimum."""
    try:
        return optimise(terms).upper_bound
    except AllocationError:
        return np.full(terms.shape[:-1], np.inf)


def certificate(
    terms: Terms, allocation: Allocation, upper_bound: Array | None = None
) -> Certificate:
    """Return the utility of ``allocation``, a bound on any utility, and what is violated.

    Args:
        terms: the problem.
        allocation: of any allocator for its drops.
        upper_bound: of :func:`bound`, where that is known already.
    """
    if upper_bound is None:
        upper_bound = bound(terms)
    rho, b_hz, p_w = allocation.rho, allocation.b_hz, allocation.p_w
    late = terms.delay_s(rho, b_hz, p_w) / terms.deadline_s - 1
    return Certificate(
        utility=terms.utility(rho, b_hz, p_w),
        upper_bound=upper_bound,
        bandwidth_excess=_excess(b_hz.sum(-1) / terms.bandwidth_hz - 1),
        power_excess=_excess(p_w.sum(-1) / terms.power_w - 1),
        rho_excess=_excess((rho / terms.rho_max - 1).max(-1)),
        lateness=_excess(late.max(-1)),
    )


def _excess(over: Array) -> Array:
    excess: Array = np.maximum(over, 0.0)
    return excess
