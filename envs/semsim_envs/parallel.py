"""The downlink as a PettingZoo world: one agent a user, one utility for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from semsim.scenario import DownlinkScenario
from semsim_envs.downlink import DownlinkEnv, Quality
from semsim_envs.entries import ActionKind

#: Entries of an agent's action.
_ENTRIES = ("bandwidth", "power", "rate", "total power")


class DownlinkParallel(ParallelEnv[str, NDArray[np.float32], Any]):  # type: ignore[misc]
    """Every user asks for itself; what all ask for is shared as in :class:`DownlinkEnv`.

    ## Agents

    ``user_0`` … ``user_{N-1}``, all of them from the first slot to the last; one whom nothing can
    be sent acts without effect.

    ## Action Space

    ``Box(-1, 1, (4,), float32)``: bandwidth, power and rate, as the user's three entries of the
    single-agent action, and its wish for the total power, which is the mean of all wishes.
    With ``actions="discrete"`` the levels of the first, second and fourth, and the number of the
    rate: ``MultiDiscrete``.

    ## Observation Space

    ``Box``: the user's own fields in the order of the single-agent observation, then the mean of
    each field over all users, then the cell's own fields.

    ## Rewards

    The cell's utility, the same for all agents. ``info`` of an agent has the parts of the utility
    and its own ``user_quality``, ``delay_s``, ``energy_j``, ``delivered``, ``rho``, ``b_hz``,
    ``p_w``.

    ## Episode End

    As in the single-agent environment, for all agents at once.

    ## Arguments

    Args:
        scenario: as for :class:`DownlinkEnv`, like all others.
        quality: ``fitted`` or ``measured``.
        actions: ``continuous`` or ``discrete``.
        episode_slots: slots of an episode.
        share_range_db: of the largest over the smallest share.
        power_range_db: of all power over the least.
        levels: of shares and power, for discrete actions.
        gain_range_db: gains of the observations -1 and 1.
        least_reward: rewards are cut there.
        render_mode: ``rgb_array``, ``human``, or none.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "semsim_downlink_v0",
        "render_modes": ["human", "rgb_array"],
        "is_parallelizable": True,
    }

    def __init__(
        self,
        scenario: str | Path | DownlinkScenario,
        quality: Quality = "fitted",
        actions: ActionKind = "continuous",
        episode_slots: int | None = None,
        share_range_db: float = 20.0,
        power_range_db: float = 40.0,
        levels: int = 5,
        gain_range_db: tuple[float, float] | None = None,
        least_reward: float = -1000.0,
        render_mode: str | None = None,
    ) -> None:
        self.env = env = DownlinkEnv(
            scenario,
            quality,
            actions,
            episode_slots,
            share_range_db,
            power_range_db,
            levels,
            gain_range_db,
            least_reward,
            render_mode,
        )
        self.render_mode = render_mode
        self._levels = levels
        users = env.cell.users
        self.possible_agents = [f"user_{user}" for user in range(users)]
        self.agents: list[str] = []
        each = np.array([field.low for field in env.view.fields if field.each])
        whole = np.array([field.low for field in env.view.fields if not field.each])
        self._rows = len(each)
        low = np.concatenate([each, each, whole]).astype(np.float32)
        self.observation_spaces = {
            agent: gymnasium.spaces.Box(low, np.float32(1.0), dtype=np.float32)
            for agent in self.possible_agents
        }
        self.action_spaces = {
            agent: self._space(user) for user, agent in enumerate(self.possible_agents)
        }

    def _space(self, user: int) -> gymnasium.spaces.Space[Any]:
        if self.env.coding.kind == "discrete":
            rates = self.env.cell.offers[user].size
            return gymnasium.spaces.MultiDiscrete([self._levels, self._levels, rates, self._levels])
        return gymnasium.spaces.Box(-1.0, 1.0, (len(_ENTRIES),), np.float32)

    def observation_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> tuple[dict[str, NDArray[np.float32]], dict[str, dict[str, Any]]]:
        """Start an episode, a new drop; with ``seed``, that seed's. Options change nothing."""
        observation, _ = self.env.reset(seed=seed)
        self.agents = list(self.possible_agents)
        return self._views(observation), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[
        dict[str, NDArray[np.float32]],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Send what all agents ask for.

        Raises:
            ValueError: if an agent's action is missing, or not of its space.
        """
        if not self.agents:
            return {}, {}, {}, {}, {}
        observation, reward, terminated, truncated, info = self.env.step(self._joined(actions))
        agents = self.agents
        shared = {name: info[name] for name in ("slot", "quality", "delay", "energy")}
        own = [name for name in info if name not in shared]
        infos = {
            agent: shared | {name: info[name][user] for name in own}
            for user, agent in enumerate(agents)
        }
        if terminated or truncated:
            self.agents = []
        return (
            self._views(observation),
            dict.fromkeys(agents, reward),
            dict.fromkeys(agents, terminated),
            dict.fromkeys(agents, truncated),
            infos,
        )

    def _joined(self, actions: dict[str, Any]) -> NDArray[Any]:
        rows = []
        for agent in self.possible_agents:
            if agent not in actions:
                raise ValueError(f"actions: {agent} has none; every agent acts in every slot")
            row = np.asarray(actions[agent], dtype=np.float64)
            if row.shape != (len(_ENTRIES),):
                raise ValueError(
                    f"actions: that of {agent} has shape {row.shape}, must have "
                    f"({len(_ENTRIES)},): {', '.join(_ENTRIES)}"
                )
            rows.append(row)
        table = np.stack(rows, axis=-1)  # [4, N]
        total = table[3].mean()
        if self.env.coding.kind == "discrete":
            total = np.rint(total)
        return np.concatenate([table[0], table[1], table[2], [total]])

    def _views(self, observation: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        users, rows = len(self.possible_agents), self._rows
        fields = observation[: rows * users].reshape(rows, users)
        shared = np.concatenate([fields.mean(axis=-1), observation[rows * users :]])
        return {
            agent: np.concatenate([fields[:, user], shared])
            for user, agent in enumerate(self.possible_agents)
        }

    def state(self) -> NDArray[np.float32]:
        """Return the single-agent observation."""
        return self.env.observation()

    def render(self) -> NDArray[np.uint8] | None:
        """Return a picture, or show it in a window."""
        picture: NDArray[np.uint8] | None = self.env.render()
        return picture

    def close(self) -> None:
        """Close the window, if there is one."""
        self.env.close()
