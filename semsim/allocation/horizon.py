"""What no rule can beat over many slots, even one that knows the future.

The most that any rule reaches in a cell with queues, deadlines and a battery is itself a hard
problem: which requests to serve at which rate is discrete. Here it is relaxed to a convex
programme, whose value is an upper bound, for one cell over T slots of τ seconds:

- everything that will happen (gains, requests, harvests) is known from the start;
- of each request r any share y_{r,k,t} may be delivered at rate k in slot t, Σ_{k,t} y ≤ 1, and of
  every user at most one request a slot (all of them, Σ_r y ≤ 1);
- u_{r,k,t} ≤ D_k y_{r,k,t} of its bits are sent in the slot of delivery, the others before, in any
  order: queues have room for all, and nobody waits behind another;
- a user's bits in a slot are at most τ b log2(1 + p g/(b σ²)), with Σ b ≤ B, Σ p ≤ p_max: b and p
  are means over the slot, and the rate is concave, so this holds of any time on the air;
- the slowest delivery is no faster than any user's, each of which takes its age, its computing, and
  the time that u takes with all bandwidth and power;
- the battery pays for what is sent, not for computing, and loses what it cannot hold.

Every rule of the engine gives a point of this set with at least its own utility.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from semsim.allocation.problem import Problem
from semsim.errors import AllocationError
from semsim.types import Array

#: SNR that a user with all of a slot is likely to be given.
_USUAL_SNR = 30.0


@dataclass(frozen=True)
class Future:
    """All that will happen in one cell, whatever is allocated.

    Attributes:
        gain: ``[T, N]`` true power gains.
        requests: ``[T, N]`` images that are asked for in each slot.
        left: ``[T, N]`` whether a user leaves at the beginning of a slot, with all its requests.
        harvest_j: ``[T]`` energy that comes at the beginning of a slot.
        start_j: in the battery before the first slot; infinite without one.
        capacity_j: that it can hold.
        slot_s: τ.
        deadline_s: from request to delivery; infinite without one.
    """

    gain: Array
    requests: NDArray[np.int64]
    left: NDArray[np.bool_]
    harvest_j: Array
    start_j: float
    capacity_j: float
    slot_s: float
    deadline_s: float


@dataclass(frozen=True)
class _Chances:
    """Every (request, rate, slot) in which a delivery could be, one row each.

    Attributes:
        request: number of the request.
        user: whose it is.
        slot: of the delivery.
        bits: D_k.
        worth: w Q_k.
        late_s: age and computing.
    """

    request: NDArray[np.int64]
    user: NDArray[np.int64]
    slot: NDArray[np.int64]
    bits: Array
    worth: Array
    late_s: Array


def horizon_bound(problem: Problem, future: Future) -> float:
    """Return an upper bound on the sum over all slots of U of what is delivered.

    Args:
        problem: utility, budget, and what the users' codecs offer.
        future: of one cell.

    Raises:
        AllocationError: for a modem's levels or the worst user's quality, for which there is no
            such programme, or if the solver fails.
    """
    config, budget = problem.config, problem.budget
    if budget.levels is not None:
        raise AllocationError("a bound over many slots needs 'rate: shannon' in the cell")
    if config.quality == "min":
        raise AllocationError("a bound over many slots needs a quality that is a sum or a mean")
    found = _chances(problem, future)
    if not found.slot.size:
        return 0.0
    whole = budget.cell
    snr = whole.power_w * future.gain / (whole.bandwidth_hz * budget.noise_psd_w_per_hz)
    # The solver likes what it varies to be near 1; what is used of the power is often far below.
    usual = min(1.0, _USUAL_SNR / float(np.median(snr)))
    for scale in (usual, usual / 10, usual * 10):
        programme = _programme(problem, future, found, snr, scale)
        with warnings.catch_warnings():  # what is inaccurate is tried again
            warnings.simplefilter("ignore", UserWarning)
            try:
                programme.solve(solver=cp.CLARABEL)
            except cp.SolverError:
                continue
        if programme.status == cp.OPTIMAL:
            return float(programme.value)
    raise AllocationError(
        f"the bound over {len(snr)} slots was not found: the solver ends {programme.status!r}"
    )


def _programme(
    problem: Problem, future: Future, found: _Chances, snr: Array, scale: float
) -> cp.Problem:
    """Return the programme, with powers in units of ``scale`` of all there is."""
    config, whole = problem.config, problem.budget.cell
    slots, users = snr.shape
    y = cp.Variable(found.slot.size, nonneg=True)
    last = cp.Variable(found.slot.size, nonneg=True)  # u, over D_k
    slowest_s = cp.Variable(slots, nonneg=True)
    share_b = cp.Variable((slots, users), nonneg=True)
    share_p = cp.Variable((slots, users), nonneg=True)
    tau, unit = future.slot_s, float(found.bits.max())
    # Bits of a slot, in units of the largest image.
    most = tau * whole.bandwidth_hz / (math.log(2) * unit)
    sent = -most * cp.rel_entr(share_b, share_b + cp.multiply(scale * snr, share_p))
    cells = found.slot * users + found.user
    in_cell = _incidence(cells, slots * users)
    size = found.bits / unit
    early, early_cells, constraints = _earlier(found, future, y, last, size)
    load = in_cell @ cp.multiply(size, last) + early_cells @ early
    # The share of a slot that u takes at least, with all bandwidth and power, in seconds.
    alone_s = size / (most * np.log1p(snr)).ravel()[cells] * tau
    air_s = cp.multiply(alone_s, last)
    delays_s = cp.reshape(
        in_cell @ (cp.multiply(found.late_s, y) + air_s), (slots, users), order="C"
    )
    spent_j = tau * whole.power_w * scale * cp.sum(share_p, axis=1)
    constraints += [
        last <= y,
        _incidence(found.request, int(found.request.max()) + 1) @ y <= 1,
        in_cell @ y <= 1,
        load <= cp.reshape(sent, (slots * users,), order="C"),
        cp.sum(share_b, axis=1) <= 1,
        scale * cp.sum(share_p, axis=1) <= 1,
        cp.max(delays_s, axis=1) <= slowest_s,
        *_battery(future, spent_j),
    ]
    pooled = config.lambda_quality * (found.worth @ y)
    if config.quality == "mean":
        pooled = pooled / users
    compute_j = problem.budget.compute_power_w * (found.late_s - _ages_s(found, future))
    energy_j = cp.sum(spent_j) + compute_j @ y
    objective = pooled - config.lambda_delay * cp.sum(slowest_s) - config.lambda_energy * energy_j
    return cp.Problem(cp.Maximize(objective), constraints)


def _born(future: Future) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return slot and user of each request, and the slot at which its user has left."""
    slots = future.gain.shape[0]
    born, user = np.nonzero(future.requests)
    times = future.requests[born, user]
    born, user = np.repeat(born, times), np.repeat(user, times)
    leaving = np.array(
        [
            next((t for t in range(b + 1, slots) if future.left[t, n]), slots)
            for b, n in zip(born, user, strict=True)
        ],
        dtype=np.int64,
    )
    return born, user, leaving


def _chances(problem: Problem, future: Future) -> _Chances:
    budget, users = problem.budget, future.gain.shape[1]
    weight = np.broadcast_to(np.asarray(problem.config.weight, dtype=float), users)
    rows: list[tuple[int, int, int, float, float, float]] = []
    for request, (born, user, leaving) in enumerate(zip(*_born(future), strict=True)):
        rates = problem.grid(users)[user]
        rho = np.zeros((len(rates), users))
        rho[:, user] = rates
        compute_s = np.asarray(budget.compute_time_s(rho))[:, user]
        offset = np.broadcast_to(np.asarray(problem.curve.offset), users)[user]
        slope = np.broadcast_to(np.asarray(problem.curve.slope), users)[user]
        worth = weight[user] * (offset + slope * np.log(rates))
        for slot in range(born, leaving):
            age_s = (slot - born) * future.slot_s
            for k, rate in enumerate(rates):
                late_s = age_s + compute_s[k]
                if late_s <= future.deadline_s * (1 + 1e-9):
                    bits = float(rate) * budget.image_bits
                    rows.append((request, user, slot, bits, float(worth[k]), float(late_s)))
    columns = list(zip(*rows, strict=True)) or [()] * 6
    whole = (np.array(column, dtype=np.int64) for column in columns[:3])
    real = (np.array(column, dtype=np.float64) for column in columns[3:])
    return _Chances(*whole, *real)  # type: ignore[arg-type]


def _ages_s(found: _Chances, future: Future) -> Array:
    born = _born(future)[0]
    return np.asarray((found.slot - born[found.request]) * future.slot_s, dtype=np.float64)


def _incidence(index: NDArray[np.int64], count: int) -> csr_array:
    """Return the matrix that adds up what has the same index, ``[count, rows]``."""
    rows = np.arange(index.size)
    return csr_array((np.ones(index.size), (index, rows)), shape=(count, index.size))


def _earlier(
    found: _Chances, future: Future, y: cp.Variable, last: cp.Variable, size: Array
) -> tuple[cp.Variable, object, list[cp.Constraint]]:
    """Return what is sent before the slot of delivery, in which slots, and that it was enough.

    By any slot t, what was sent of a request before t covers D_k y - u of its deliveries up to t.
    """
    slots, users = future.gain.shape
    pairs = np.unique(np.stack([found.request, found.slot]), axis=1)  # [2, M], by request, slot
    number = {(int(r), int(t)): m for m, (r, t) in enumerate(pairs.T)}
    owner = dict(zip(found.request.tolist(), found.user.tolist(), strict=True))
    early = cp.Variable(pairs.shape[1], nonneg=True)
    cells = np.array([t * users + owner[int(r)] for r, t in pairs.T], dtype=np.int64)
    before = [
        (number[(int(r), int(t))], number[(int(r), s)])
        for r, t in pairs.T
        for s in range(int(t))
        if (int(r), s) in number
    ]
    until = [
        (number[(int(r), t)], row)
        for row, (r, s) in enumerate(zip(found.request, found.slot, strict=True))
        for t in range(int(s), slots)
        if (int(r), t) in number
    ]
    count = pairs.shape[1]
    had = _matrix(before, (count, count))
    owed = _matrix(until, (count, found.slot.size))
    enough = [had @ early >= owed @ cp.multiply(size, y - last)]
    return early, _incidence(cells, slots * users), enough


def _matrix(places: list[tuple[int, int]], shape: tuple[int, int]) -> csr_array:
    index = np.array(places, dtype=np.int64).reshape(-1, 2).T
    return csr_array((np.ones(index.shape[1]), (index[0], index[1])), shape=shape)


def _battery(future: Future, spent_j: cp.Expression) -> list[cp.Constraint]:
    if not math.isfinite(future.start_j):
        return []
    slots = len(future.harvest_j)
    held_j = cp.Variable(slots, nonneg=True)
    constraints = [
        held_j <= future.capacity_j,
        held_j[0] <= future.start_j + future.harvest_j[0],
        spent_j <= held_j,
    ]
    if slots > 1:
        constraints.append(held_j[1:] <= held_j[:-1] - spent_j[:-1] + future.harvest_j[1:])
    return constraints
