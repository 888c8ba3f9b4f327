"""The exact solution of P1, batch by batch, with its proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from array_api_compat import array_namespace

from semsim.allocation.config import ExactConfig
from semsim.allocation.exact.bound import upper_bound
from semsim.allocation.exact.drops import Drops
from semsim.allocation.exact.feasible import check_deadlines
from semsim.allocation.exact.response import shares
from semsim.allocation.exact.solve import Optimum, solve
from semsim.allocation.exact.spectral import Values
from semsim.allocation.limits import refuse_worthless
from semsim.allocation.problem import Problem, check_gain
from semsim.allocation.terms import Terms
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState

#: Users times drops that are solved at a time: what they need stays in the caches of a processor.
_BATCH = 16_384

Convert = Callable[[Array], Values]


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
    """

    rho: Array
    b_hz: Array
    p_w: Array
    iterations: Array
    settled: Array
    upper_bound: Array


class Exact:
    """Prices, compression and T by Newton's method; see ``docs/allocation.md``.

    ``Allocation.info`` holds ``iterations`` and ``status`` (strings ``[...]``: ``optimal``, or
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
                users and the remedy.
        """
        check_gain(state)
        device = self.config.device
        convert = None if device is None else _to_torch(device)
        found = optimise(self.problem.terms(state.gain), convert=convert, bound=False)
        status = np.where(found.settled, "optimal", "unsettled")
        info: dict[str, object] = {"iterations": found.iterations, "status": status}
        return Allocation(found.rho, found.b_hz, found.p_w, info)


def _to_torch(device: str) -> Convert:
    return lambda values: torch.tensor(values, dtype=torch.float64, device=device)


def optimise(terms: Terms, *, convert: Convert | None = None, bound: bool = True) -> Solution:
    """Return the optimum of P1 for all drops of ``terms``.

    Args:
        terms: the problem.
        convert: makes arrays of another library, such as ``torch.tensor``; numpy by default.
        bound: whether to prove it.

    Raises:
        AllocationError: if there is no optimum, or deadlines cannot be met.
    """
    refuse_worthless(terms)
    if terms.lambda_delay == 0 and not np.isfinite(terms.deadline_s).all():
        raise AllocationError(
            "lambda_delay is 0, so sending ever more slowly is best; set it above 0, or give every "
            "user a deadline"
        )
    check_deadlines(terms)
    users = terms.shape[-1]
    flat = terms.flat()
    count = flat.shape[0]
    size = max(1, _BATCH // users)
    parts = [
        _optimise(flat.rows(slice(first, first + size)), convert or np.asarray, bound)
        for first in range(0, count, size)
    ]
    drops = terms.shape[:-1]
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    shaped = [column.reshape((*drops, *column.shape[1:])) for column in joined]
    return Solution(*shaped)


def _optimise(terms: Terms, convert: Convert, bound: bool) -> tuple[Array, ...]:
    drops = Drops.of(terms, convert)
    with np.errstate(all="ignore"):  # numpy warns of infinities that are meant
        optimum = solve(drops)
        rho, b_hz, p_w = (_rows(values) for values in _allocation(optimum))
        highest = np.full(rho.shape[0], np.nan)
        if bound:
            utility = terms.utility(rho, b_hz, p_w)
            computing = terms.lambda_energy * (terms.compute_power_w * terms.t0_s).sum(-1)
            highest = _rows(
                upper_bound(drops, optimum, terms.constant - computing, convert(utility))
            )
    point = optimum.point
    return rho, b_hz, p_w, _rows(point.iterations), _rows(point.settled), highest


def _rows(values: Values) -> Array:
    """Bring ``[N, M]`` or ``[M]`` home as numpy, drops first."""
    array: Array = np.asarray(values.cpu() if isinstance(values, torch.Tensor) else values)
    return np.ascontiguousarray(array.T)


def _allocation(optimum: Optimum) -> tuple[Values, Values, Values]:
    """Return ρ, b and p with the budgets met to rounding."""
    drops, point = optimum.drops, optimum.point
    xp = array_namespace(point.log_rho)
    rho = xp.exp(point.log_rho)
    b_hz = shares(drops, rho, point.prices).b_hz
    b_hz = b_hz * (drops.bandwidth_hz / xp.sum(b_hz, axis=0))
    tau = drops.time_on_air_s(rho, point.prices.slowest_s)
    p_w = b_hz * drops.c * xp.expm1(rho * drops.nats / (tau * b_hz))
    total_w = xp.sum(p_w, axis=0)
    return rho, b_hz, p_w * xp.where(total_w > drops.power_w, drops.power_w / total_w, 1.0)
