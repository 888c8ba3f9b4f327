"""A trained agent as an allocator of any scenario."""

from __future__ import annotations

import numpy as np

from semsim.allocation.problem import Problem
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState, Waiting
from semsim_agents.config import AgentAllocatorConfig
from semsim_agents.export import read_agent
from semsim_envs.actions import Actions
from semsim_envs.observations import Observations


class AgentAllocator:
    """Acts as in its environment: it sees the state in the same numbers, and what it does is read
    in the same way.

    In static scenarios it is not told the qualities of the last slot; it takes them from the curve,
    as the environment does, and knows of none before its first one.

    Args:
        config: names the weights.
        problem: of the scenario.
        rng: not needed: it does what it holds for best.

    Raises:
        CheckpointError: if there are no such weights, or they are for another number of users.
    """

    Config = AgentAllocatorConfig

    def __init__(
        self, config: AgentAllocatorConfig, problem: Problem, rng: np.random.Generator | None = None
    ) -> None:
        del rng
        users = len(problem.offers)
        self.agent = read_agent(config.checkpoint, config.sha256, users)
        self._where = str(config.checkpoint)
        self._problem = problem
        self._view = Observations(self.agent.scales)
        of_actions = self.agent.settings.actions
        self._coding = Actions(
            problem.budget.cell,
            tuple(problem.grid(users)),
            of_actions.kind,
            of_actions.share_range_db,
            of_actions.power_range_db,
            of_actions.levels,
        )
        self._last_quality: Array | None = None

    def allocate(self, state: DownlinkState) -> Allocation:
        """Decide for every drop in ``state``.

        Raises:
            AllocationError: if the state has other quantities than those of its training.
        """
        lead, users = state.gain.shape[:-1], state.users
        self._check(state)
        wide = _wide(state)
        told = wide.waiting.quality if wide.waiting is not None else self._remembered(wide.gain)
        action = self.agent.act(self._view.encode(wide, told))
        found = self._coding.decode(action, wide.active, action.shape[:1])
        if wide.waiting is None:
            self._last_quality = np.asarray(self._problem.curve.quality(found.rho))
        shape = (*lead, users)
        return Allocation(
            found.rho.reshape(shape), found.b_hz.reshape(shape), found.p_w.reshape(shape)
        )

    def _remembered(self, gain: Array) -> Array:
        last = self._last_quality
        return np.zeros(gain.shape) if last is None or last.shape != gain.shape else last

    def _check(self, state: DownlinkState) -> None:
        scales = self._view.scales
        if state.users != scales.users:
            raise AllocationError(
                f"{self._where}: the state has {state.users} users, the scenario {scales.users}"
            )
        if (state.waiting is not None) is not scales.dynamic:
            has = "queues" if scales.dynamic else "no queues"
            raise AllocationError(
                f"{self._where}: was trained in a scenario with {has}, this one is the other kind; "
                "train an agent on this scenario ('dynamics' makes the difference)"
            )


def _wide(state: DownlinkState) -> DownlinkState:
    """Return the state with one leading dimension, ``[E, N]``."""
    users, waiting = state.users, state.waiting
    if waiting is not None:
        cells = {
            name: np.asarray(value).reshape((-1,) if name == "energy_j" else (-1, users))
            for name, value in vars(waiting).items()
        }
        waiting = Waiting(**cells)
    return DownlinkState(
        state.gain.reshape(-1, users),
        state.distance_m.reshape(-1, users),
        None if state.active is None else state.active.reshape(-1, users),
        waiting,
    )
