"""Any allocator as a policy of the environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from semsim.allocation.active import allocator_of
from semsim.config import PluginConfig
from semsim.types import Allocator
from semsim_envs.downlink import DownlinkEnv


class AllocatorPolicy:
    """Acts as an allocator would: called with an observation, it returns an action.

    It looks at what an allocator may see, not at the observation, and needs the environment
    for that. ρ is rounded to the codec's offered rates, as the link does.

    Args:
        env: a ``semsim/Downlink-v0``, wrapped or not.
        allocator: its configuration, as a scenario has it; the scenario's own by default.
        seed: of what an allocator draws.
        nearest: act as nearly as possible where no action stands for the very allocation, as with
            a few discrete levels.

    Raises:
        TypeError: for another environment.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        allocator: PluginConfig | None = None,
        *,
        seed: int = 0,
        nearest: bool = False,
    ) -> None:
        inner = env.unwrapped
        if not isinstance(inner, DownlinkEnv):
            raise TypeError(f"env: must be a semsim/Downlink-v0, got {type(inner).__name__}")
        self._env, self._nearest = inner, nearest
        scenario, problem = inner.cell.scenario, inner.cell.problem
        config = allocator or scenario.allocator
        rng = np.random.default_rng(seed)
        dynamic = scenario.dynamics is not None
        self.allocator: Allocator = allocator_of(config, problem, rng, dynamic=dynamic)

    def __call__(self, observation: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Return the action for the current slot.

        Raises:
            AllocationError: if no action stands for the allocation, unless ``nearest``.
        """
        state = self._env.state()
        allocation = self.allocator.allocate(state)
        return self._env.coding.encode(allocation, state.active, self._nearest)
