"""Any allocator on those users for whom something can be sent; the others get nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsim.allocation.problem import TOLERANCE, Problem
from semsim.config import PluginConfig
from semsim.errors import AllocationError
from semsim.types import Allocation, Allocator, DownlinkState

#: Allocators that are kept, one a set of active users: some take long to build.
_KEPT = 64


def allocator_of(
    config: PluginConfig, problem: Problem, rng: np.random.Generator, *, dynamic: bool
) -> Allocator:
    """Return the allocator for a cell; with ``dynamic``, one that copes with inactive users."""
    if dynamic and not getattr(config, "sees_all", False):
        return ActiveUsers(config, problem, rng)
    built: Allocator = config.build(problem, rng)
    return built


class ActiveUsers:
    """Lets an allocator share among the active users as if there were no others.

    Args:
        config: of the allocator.
        problem: utility and budget of all users.
        rng: for the allocator.
    """

    def __init__(self, config: PluginConfig, problem: Problem, rng: np.random.Generator) -> None:
        self._config, self._problem, self._rng = config, problem, rng
        self._built: dict[bytes, Allocator] = {}

    def allocate(self, state: DownlinkState) -> Allocation:
        """Decide for every drop in ``state``; drops with the same active users go together.

        Raises:
            AllocationError: as the allocator does.
        """
        lead, count = state.gain.shape[:-1], state.users
        gain = state.gain.reshape(-1, count)
        distance_m = state.distance_m.reshape(-1, count)
        everybody = np.ones(gain.shape, dtype=np.bool_)
        active = everybody if state.active is None else state.active.reshape(-1, count)
        rho, b_hz, p_w = np.zeros((3, *gain.shape))
        for users in np.unique(active, axis=0):
            if not users.any():
                continue
            inside = np.ix_(np.flatnonzero((active == users).all(axis=-1)), np.flatnonzero(users))
            shape = (-1, int(users.sum())) if lead else (-1,)
            found = self._allocator(users).allocate(
                DownlinkState(gain[inside].reshape(shape), distance_m[inside].reshape(shape))
            )
            rho[inside], b_hz[inside], p_w[inside] = found.rho, found.b_hz, found.p_w
        full = state.gain.shape
        return Allocation(rho.reshape(full), b_hz.reshape(full), p_w.reshape(full))

    def _allocator(self, users: NDArray[np.bool_]) -> Allocator:
        key = users.tobytes()
        if key not in self._built:
            if len(self._built) >= _KEPT:
                del self._built[next(iter(self._built))]
            self._built[key] = self._config.build(of_users(self._problem, users), self._rng)
        return self._built[key]


def of_users(problem: Problem, users: NDArray[np.bool_]) -> Problem:
    """Return the problem of some ``users [N]`` alone, who may use what all would share."""
    index = np.flatnonzero(users).tolist()

    def some(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[user] for user in index) if len(values) > 1 else values

    config, curve = problem.config, problem.curve
    limits = {
        name: some(value)
        for name in ("weight", "deadline_s", "least_quality")
        if isinstance(value := getattr(config, name), tuple)
    }
    if np.size(curve.slope) > 1:
        offset, slope = np.asarray(curve.offset)[users], np.asarray(curve.slope)[users]
        highest = np.broadcast_to(curve.highest, len(users))[users]
        curve = replace(curve, offset=offset, slope=slope, highest=highest)
    return replace(
        problem,
        budget=replace(problem.budget, computing=some(problem.budget.computing)),
        config=config.model_copy(update=limits),
        curve=curve,
        offers=some(problem.offers),
    )


def check_active(problem: Problem, allocation: Allocation, state: DownlinkState) -> None:
    """Refuse what is no allocation for a state in which some users, or all, may get nothing.

    Raises:
        AllocationError: for wrong shapes, values that are negative or not finite, and for more
            than the cell or the codec has.
    """
    for name in ("rho", "b_hz", "p_w"):
        values = getattr(allocation, name)
        if values.shape != state.gain.shape:
            raise AllocationError(
                f"{name} has shape {values.shape}, but the state's gain has {state.gain.shape}; "
                "allocate one value a user"
            )
    if (violation := problem.violation(allocation)) > TOLERANCE:
        raise AllocationError(
            f"the allocation exceeds bandwidth, power or the largest ρ, or is negative, by "
            f"{violation:.1e} of the limit"
        )
