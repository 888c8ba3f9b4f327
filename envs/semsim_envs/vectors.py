"""What the batched environments share: E cells, in arrays."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from semsim.types import Allocation, DownlinkState
from semsim_envs.backend import Backend
from semsim_envs.slots import SEEDS, Cells, CellsApart, Coding
from semsim_envs.worth import Outcome


class SlotVectorEnv(VectorEnv[Any, Any, Any]):
    """A batched environment.

    Args:
        num_envs: E.
        coding: the actions.
        observation_space: of one cell.
        cells: E of them.
        apart: the same, if their episodes may end one by one.
        episode_slots: slots of an episode.
        least_reward: rewards are cut there.
        backend: of the arrays.
        autoreset_mode: how episodes that are over go on.

    Raises:
        ValueError: for less than one cell, or a mode without resets.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 Gymnasium declares it so
        "render_modes": [],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int,
        coding: Coding,
        observation_space: gymnasium.Space[Any],
        cells: Cells,
        apart: CellsApart | None,
        episode_slots: int,
        least_reward: float,
        backend: Backend,
        autoreset_mode: AutoresetMode | str,
    ) -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs: must be 1 or more, got {num_envs}")
        mode = AutoresetMode(autoreset_mode)
        if mode is AutoresetMode.DISABLED:
            raise ValueError("autoreset_mode: must be 'NextStep' or 'SameStep'")
        self.metadata = type(self).metadata | {"autoreset_mode": mode}
        self._same_step = mode is AutoresetMode.SAME_STEP
        self.num_envs, self.render_mode = num_envs, None
        self._slot_coding, self._slot_cells, self._apart = coding, cells, apart
        self.single_action_space = coding.space()
        self.single_observation_space = observation_space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.episode_slots = episode_slots
        self._least_reward, self._backend = least_reward, backend
        self._slots: np.ndarray[Any, np.dtype[np.int64]] | None = None
        self._over = np.zeros(num_envs, dtype=np.bool_)

    @abstractmethod
    def _observation(self) -> Any:
        """Return the observations ``[E, size]`` of the current slot."""

    @abstractmethod
    def _details(self, allocation: Allocation, outcome: Outcome) -> dict[str, Any]:
        """Return what ``info`` says of the users."""

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode in all cells, each a new drop; with ``seed``, one seed for all of them.

        Raises:
            ValueError: for options, or for a list of seeds: the drops are drawn together.
        """
        if options:
            raise ValueError(f"options: there are none, got {sorted(options)}")
        if seed is not None and not isinstance(seed, int | np.integer):
            raise ValueError("seed: the cells are drawn together; give one number, not a list")
        super().reset(seed=seed)
        self._restart_all(self._seed() if seed is None else int(seed))
        return self._observation(), {"slot": self._slots_now().copy()}

    def state(self) -> DownlinkState:
        """Return what an allocator would see of the slot, ``[E, N]``."""
        return self._slot_cells.observe()

    def _seed(self) -> int:
        return int(self.np_random.integers(SEEDS))

    def _restart_all(self, seed: int) -> None:
        self._slot_cells.reset(seed)
        self._slots = np.zeros(self.num_envs, dtype=np.int64)
        self._over = np.zeros(self.num_envs, dtype=np.bool_)

    def _slots_now(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        if self._slots is None:
            raise RuntimeError("the environment has no episode: call reset() before step()")
        return self._slots

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Send what ``actions [E, size]`` say.

        Returns:
            Observations ``[E, size]``, rewards, terminations, truncations ``[E]``, info.

        Raises:
            ValueError: for a wrong shape, values that are not finite, or beyond the space.
            RuntimeError: before the first reset.
        """
        slots, begins = self._slots_now(), self._over
        if begins.all() and self._apart is None:
            return self._only_restart()
        allocation: Allocation = self._slot_coding.decode(
            actions, self._slot_cells.observe().active, (self.num_envs,)
        )
        outcome = self._slot_cells.step(allocation)
        self._slots = slots = np.where(begins, 0, slots + 1)
        truncated = slots >= self.episode_slots
        reward = outcome.reward.clip(self._least_reward, None)
        terminated = outcome.exhausted
        if begins.any():
            self._restart(begins)
            reward, terminated = np.where(begins, 0.0, reward), terminated & ~begins
        info = {
            "slot": slots,
            "quality": outcome.quality,
            "delay": outcome.delay,
            "energy": outcome.energy,
            **self._details(allocation, outcome),
        }
        over = truncated | np.asarray(terminated.tolist(), dtype=np.bool_)
        observation = self._observation()
        if self._same_step and over.any():
            info |= {"final_obs": observation, "final_info": dict(info), "_final_obs": over}
            info["_final_info"] = over
            self._restart(over)
            observation, over = self._observation(), np.zeros_like(over)
        self._over = over
        return observation, reward, terminated, self._backend.array(truncated), info

    def _only_restart(self) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Begin the next episode of all cells, which needs no action."""
        self._restart_all(self._seed())
        no = np.zeros(self.num_envs, dtype=np.bool_)
        reward = self._backend.array(np.zeros(self.num_envs))
        info = {"slot": self._slots_now().copy()}
        return self._observation(), reward, self._backend.array(no), self._backend.array(no), info

    def _restart(self, cells: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        """Begin an episode in some cells. Without dynamics all end at once."""
        if self._apart is None:
            self._restart_all(self._seed())
            return
        rows = np.flatnonzero(cells).tolist()
        self._apart.restart(rows, self._seed())
        self._slots = np.where(cells, 0, self._slots_now())
