"""Allocators that do not look at the channel: the floor that every other one must beat."""

from __future__ import annotations

import math

import numpy as np

from semsim.allocation.config import EqualConfig, RandomConfig
from semsim.allocation.problem import Problem, check_gain
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState


def _checked_rho(rho: float, problem: Problem, option: str) -> float:
    if rho > problem.budget.rho_max:
        raise AllocationError(
            f"allocator: {option} is {rho:g}, above the codec's largest "
            f"({problem.budget.rho_max:g}, scaling [2,2]); lower it"
        )
    return rho


class Equal:
    """Equal bandwidth and power, one ρ for all but those whose codec ends below it.

    Args:
        config: the common ρ.
        problem: what is shared.
        rng: not used; every allocator is built from the same three arguments.

    Raises:
        AllocationError: if ``config.rho`` is above ρ_[2,2].
    """

    Config = EqualConfig

    def __init__(self, config: EqualConfig, problem: Problem, rng: np.random.Generator) -> None:  # noqa: ARG002
        self.problem = problem
        rho = math.inf if config.rho is None else _checked_rho(config.rho, problem, "rho")
        self._rho = np.minimum(rho, problem.rho_max)

    def allocate(self, state: DownlinkState) -> Allocation:
        """Share evenly in every drop.

        Raises:
            AllocationError: if ``state`` has no users.
        """
        check_gain(state)
        cell, shape, users = self.problem.budget.cell, state.gain.shape, state.users
        return Allocation(
            rho=np.array(np.broadcast_to(self._rho, shape)),
            b_hz=np.full(shape, cell.bandwidth_hz / users),
            p_w=np.full(shape, cell.power_w / users),
        )


class Random:
    """Bandwidth and power shares uniform on the simplex, ρ log-uniform; new in every drop.

    Args:
        config: the least ρ.
        problem: what is shared.
        rng: where the draws come from.

    Raises:
        AllocationError: if ``config.rho_min`` is above ρ_[2,2].
    """

    Config = RandomConfig

    def __init__(self, config: RandomConfig, problem: Problem, rng: np.random.Generator) -> None:
        self.problem = problem
        self._rng = rng
        default = problem.budget.ftsc.rho_of_scaling(16)
        rho_min = default if config.rho_min is None else config.rho_min
        self._rho_min = np.minimum(_checked_rho(rho_min, problem, "rho_min"), problem.rho_max)

    def allocate(self, state: DownlinkState) -> Allocation:
        """Draw for every drop.

        Raises:
            AllocationError: if ``state`` has no users.
        """
        check_gain(state)
        budget, shape = self.problem.budget, state.gain.shape
        exponent = self._rng.uniform(size=shape)
        return Allocation(
            rho=self._rho_min * (self.problem.rho_max / self._rho_min) ** exponent,
            b_hz=budget.cell.bandwidth_hz * self._simplex(shape),
            p_w=budget.cell.power_w * self._simplex(shape),
        )

    def _simplex(self, shape: tuple[int, ...]) -> Array:
        # Dirichlet(1, ..., 1): exponentials over their sum.
        share: Array = self._rng.standard_exponential(shape)
        share /= share.sum(axis=-1, keepdims=True)
        return share
