"""``semsim/Downlink-v0`` over many drops at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from semsim.channels.devices import check_device
from semsim.errors import ScenarioError
from semsim.scenario import DownlinkScenario
from semsim.types import Allocation
from semsim_envs.actions import ActionKind, Actions
from semsim_envs.backend import Backend
from semsim_envs.cell import cell_of, read_scenario
from semsim_envs.downlink import SEEDS, check_arguments
from semsim_envs.dynamic import DynamicCells
from semsim_envs.observations import Observations
from semsim_envs.static import StaticCells


class DownlinkVectorEnv(VectorEnv[Any, Any, Any]):
    """E cells of one scenario, in arrays; the same arithmetic as :class:`DownlinkEnv`.

    With one cell it is the single environment, number by number; of several, each has drops of its
    own. ``quality: fitted`` only.

    ``info`` has the single environment's entries, with a leading E: arrays, without masks.

    Args:
        num_envs: E.
        scenario: as for :class:`DownlinkEnv`, like all that follow but the last two.
        quality: ``fitted``.
        actions: ``continuous`` or ``discrete``.
        episode_slots: slots of an episode.
        share_range_db: of the largest over the smallest share.
        power_range_db: of all power over the least.
        levels: of shares and power, for discrete actions.
        gain_range_db: gains of the observations -1 and 1.
        least_reward: rewards are cut there.
        render_mode: none.
        device: of torch tensors in and out; numpy arrays by default. The numbers are the same.
        autoreset_mode: ``NEXT_STEP``: the step after an episode's last one starts the next, with
            reward 0 and whatever action; or ``SAME_STEP``: the last step does, and ``info`` has
            ``final_obs`` and ``final_info``.

    Raises:
        ScenarioError: for a scenario that does not fit.
        ValueError: for an argument that does not.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 Gymnasium declares it so
        "render_modes": [],
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int,
        scenario: str | Path | DownlinkScenario,
        quality: str = "fitted",
        actions: ActionKind = "continuous",
        episode_slots: int | None = None,
        share_range_db: float = 20.0,
        power_range_db: float = 40.0,
        levels: int = 5,
        gain_range_db: tuple[float, float] | None = None,
        least_reward: float = -1000.0,
        render_mode: str | None = None,
        device: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        found = read_scenario(scenario)
        check_arguments(found, quality, episode_slots, least_reward)
        if quality != "fitted":
            raise ScenarioError(
                f"{found.name}: the vector environment has quality='fitted' only; for 'measured' "
                "take vectorization_mode='sync' or 'async'"
            )
        if render_mode is not None:
            raise ValueError("render_mode: the vector environment draws nothing; leave it out")
        if num_envs < 1:
            raise ValueError(f"num_envs: must be 1 or more, got {num_envs}")
        mode = AutoresetMode(autoreset_mode)
        if mode is AutoresetMode.DISABLED:
            raise ValueError("autoreset_mode: must be 'NextStep' or 'SameStep'")
        if device is not None:
            check_device(device)
        self.metadata = type(self).metadata | {"autoreset_mode": mode}
        self._same_step = mode is AutoresetMode.SAME_STEP
        self.num_envs, self.render_mode = num_envs, None
        backend = Backend(device)
        self.cell = cell_of(found)
        self.coding = Actions(self.cell, actions, share_range_db, power_range_db, levels, backend)
        self.view = Observations(self.cell, backend, gain_range_db)
        self.single_action_space = self.coding.space()
        self.single_observation_space = self.view.space()
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.episode_slots = episode_slots or found.slots
        self._least_reward, self._backend = least_reward, backend
        self._slots: np.ndarray[Any, np.dtype[np.int64]] | None = None
        self._over = np.zeros(num_envs, dtype=np.bool_)
        self._cells: StaticCells | DynamicCells
        kind = StaticCells if found.dynamics is None else DynamicCells
        self._cells = kind(self.cell, num_envs, backend)

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

    def _seed(self) -> int:
        return int(self.np_random.integers(SEEDS))

    def _restart_all(self, seed: int) -> None:
        self._cells.reset(seed)
        self._slots = np.zeros(self.num_envs, dtype=np.int64)
        self._over = np.zeros(self.num_envs, dtype=np.bool_)

    def _slots_now(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        if self._slots is None:
            raise RuntimeError("the environment has no episode: call reset() before step()")
        return self._slots

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Send what ``actions [E, 3N + 1]`` say.

        Returns:
            Observations ``[E, size]``, rewards, terminations, truncations ``[E]``, info.

        Raises:
            ValueError: for a wrong shape, values that are not finite, or beyond the space.
            RuntimeError: before the first reset.
        """
        slots, begins = self._slots_now(), self._over
        if begins.all() and isinstance(self._cells, StaticCells):
            return self._only_restart()
        allocation: Allocation = self.coding.decode(
            actions, self._cells.observe().active, (self.num_envs,)
        )
        outcome = self._cells.step(allocation)
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
            "psnr_db": outcome.psnr_db,
            "delay_s": outcome.delay_s,
            "energy_j": outcome.energy_j,
            "delivered": outcome.delivered,
            "rho": allocation.rho,
            "b_hz": allocation.b_hz,
            "p_w": allocation.p_w,
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
        """Begin an episode in some cells. In static scenarios all end at once."""
        if isinstance(self._cells, StaticCells):
            self._restart_all(self._seed())
            return
        rows = np.flatnonzero(cells).tolist()
        self._cells.restart(rows, self._seed())
        self._slots = np.where(cells, 0, self._slots_now())

    def _observation(self) -> Any:
        return self.view.encode(self._cells.observe(), self._cells.last_psnr_db)
