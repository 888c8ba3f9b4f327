"""What solving a batch of drops gives."""

from __future__ import annotations

from dataclasses import dataclass

from semsim.types import Array


@dataclass(frozen=True)
class Solution:
    """The optimum of every drop.

    Attributes:
        rho: ``[..., N]``.
        b_hz: ``[..., N]``.
        p_w: ``[..., N]``.
        iterations: Newton steps, ``[...]``.
        settled: whether they came to rest, ``[...]`` bool.
        upper_bound: no allocation has a larger utility, ``[...]``; NaN where not asked for.
        marginal: what a factor e in ρ is worth at the prices found, ``[..., N]``: zero but where ρ
            is at a bound; NaN where no bound was asked for.
    """

    rho: Array
    b_hz: Array
    p_w: Array
    iterations: Array
    settled: Array
    upper_bound: Array
    marginal: Array
