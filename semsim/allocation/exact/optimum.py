"""The optimum of P1 for any number of drops, part by part, and its proof."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from semsim.allocation.exact.bound import upper_bound
from semsim.allocation.exact.drops import Drops
from semsim.allocation.exact.feasible import check_deadlines
from semsim.allocation.exact.response import reduce, shares
from semsim.allocation.exact.solution import Solution
from semsim.allocation.exact.solve import Optimum, solve
from semsim.allocation.exact.worst import best_worst
from semsim.allocation.limits import refuse_worthless
from semsim.allocation.terms import Terms
from semsim.arrays import Values, namespace
from semsim.errors import AllocationError
from semsim.types import Array

#: Users times drops that are solved at a time. In numpy, what they need stays in the caches of a
#: processor; torch takes longer to begin, and may want a GPU filled.
_BATCH, _TORCH_BATCH = 16_384, 262_144

Convert = Callable[[Array], Values]


def optimise(terms: Terms, *, convert: Convert | None = None, bound: bool = True) -> Solution:
    """Return the optimum of P1 for all drops of ``terms``, levels of the modem left out.

    Args:
        terms: the problem.
        convert: makes arrays of another library, such as ``torch.tensor``; numpy by default.
        bound: whether to prove it.

    Raises:
        AllocationError: if there is no optimum, or deadlines cannot be met.
    """
    terms = terms.relaxed()
    if terms.worst is None or terms.worst.weight == 0:
        refuse_worthless(replace(terms, worst=None))
    if terms.lambda_delay == 0 and not np.isfinite(terms.deadline_s).all():
        raise AllocationError(
            "lambda_delay is 0, so sending ever more slowly is best; set it above 0, or give every "
            "user a deadline"
        )
    check_deadlines(terms)
    by_sums = partial(_in_batches, convert=convert or np.asarray)
    if terms.worst is not None:
        return best_worst(terms, terms.worst, by_sums, bound)
    return by_sums(terms, bound=bound)


def _in_batches(terms: Terms, *, convert: Convert, bound: bool) -> Solution:
    flat = terms.flat()
    count, users = flat.shape
    size = max(1, (_BATCH if convert is np.asarray else _TORCH_BATCH) // users)
    batches = [slice(first, first + size) for first in range(0, count, size)]
    some = [flat] if len(batches) == 1 else map(flat.rows, batches)
    parts = [_optimise(part, convert, bound) for part in some]
    drops = terms.shape[:-1]
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Solution(*(column.reshape((*drops, *column.shape[1:])) for column in joined))


def with_rho(terms: Terms, rho: Array) -> Solution:
    """Return the best bandwidth and power where every ``rho [..., N]`` is given.

    Drops whose deadlines cannot be met with it are not settled.
    """
    given = replace(terms, rho_min=rho, rho_max=rho)
    return _in_batches(given, convert=np.asarray, bound=False)


def _optimise(terms: Terms, convert: Convert, bound: bool) -> tuple[Array, ...]:
    drops = Drops.of(terms, convert)
    with np.errstate(all="ignore"):  # numpy warns of infinities that are meant
        optimum = solve(drops)
        rho, b_hz, p_w = (_rows(values) for values in _allocation(optimum))
        point = optimum.point
        highest, marginal = np.full(rho.shape[0], np.nan), np.full(rho.shape, np.nan)
        if bound:
            utility = terms.utility(rho, b_hz, p_w)
            computing = terms.lambda_energy * (terms.compute_power_w * terms.t0_s).sum(-1)
            highest = _rows(
                upper_bound(drops, optimum, terms.constant - computing, convert(utility))
            )
            marginal = _rows(reduce(optimum.drops, point.log_rho, point.prices).marginal)
    return rho, b_hz, p_w, _rows(point.iterations), _rows(point.settled), highest, marginal


def _rows(values: Values) -> Array:
    """Bring ``[N, M]`` or ``[M]`` home as numpy, drops first."""
    array: Array = np.asarray(values.cpu() if isinstance(values, torch.Tensor) else values)
    return np.ascontiguousarray(array.T)


def _allocation(optimum: Optimum) -> tuple[Values, Values, Values]:
    """Return ρ, b and p with the budgets met to rounding."""
    drops, point = optimum.drops, optimum.point
    xp = namespace(point.log_rho)
    rho = xp.exp(point.log_rho)
    b_hz = shares(drops, rho, point.prices).b_hz
    b_hz = b_hz * (drops.bandwidth_hz / xp.sum(b_hz, axis=0))
    tau = drops.time_on_air_s(rho, point.prices.slowest_s)
    p_w = b_hz * drops.c * xp.expm1(rho * drops.nats / (tau * b_hz))
    total_w = xp.sum(p_w, axis=0)
    return rho, b_hz, p_w * xp.where(total_w > drops.power_w, drops.power_w / total_w, 1.0)
