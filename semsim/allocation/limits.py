"""What some methods cannot do, refused before they begin."""

from __future__ import annotations

import math

import numpy as np

from semsim.allocation.terms import Terms
from semsim.errors import AllocationError
from semsim.types import Array


def refuse_limits(terms: Terms, kind: str, rho: Array | float = 0.0) -> None:
    """Refuse users' own limits for a method that does not look at them.

    Args:
        terms: the problem.
        kind: the method.
        rho: the least that it may give, so that limits below are kept.

    Raises:
        AllocationError: if a user has a deadline, or a least ρ above ``rho``.
    """
    for broken, limit in (
        (np.isfinite(terms.deadline_s), "a deadline"),
        (terms.rho_min > rho, "a least ρ"),
    ):
        if broken.any():
            raise AllocationError(
                f"user {np.argwhere(broken)[0][-1]} has {limit}, which allocator '{kind}' does "
                "not look at; use `allocator: {kind: exact}`"
            )


def refuse_worst(terms: Terms) -> None:
    """Refuse quality that is no sum over users, for methods that need one.

    Raises:
        AllocationError: if quality is that of the worst user.
    """
    if terms.worst is not None:
        raise AllocationError(
            "utility.quality is 'min', and this method maximises sums over users; use "
            "`allocator: {kind: exact}`, or a rule such as 'equal'"
        )


def refuse_levels(terms: Terms, kind: str) -> None:
    """Refuse a modem's levels for methods whose answer is only right for Shannon's rate.

    Raises:
        AllocationError: if the modem has levels.
    """
    if math.isfinite(terms.nats_per_hz_max):
        raise AllocationError(
            f"the cell has `rate: mcs`, and allocator '{kind}' solves the problem of Shannon's "
            "rate only; use `allocator: {kind: exact}`"
        )


def refuse_worthless(terms: Terms) -> None:
    """Refuse users for whom the utility rises without end as ρ → 0.

    Raises:
        AllocationError: if the quality of a user has no weight, and nothing holds its ρ; or if
            quality is no sum.
    """
    refuse_worst(terms)
    worthless = (terms.worth <= 0) & (terms.rho_min <= 0)
    if worthless.any():
        raise AllocationError(
            f"the quality of user {np.argwhere(worthless)[0][-1]} has no weight, so sending it "
            "nothing is best; set lambda_quality above 0"
        )
