"""The worlds that agents are trained in: the environments, with rewards on a scale for learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import VectorWrapper
from numpy.typing import NDArray

from semsim.allocation.config import EqualConfig
from semsim_agents.config import AgentConfig
from semsim_agents.judging import play
from semsim_agents.networks import Layout
from semsim_envs.cell import cell_of, read_scenario
from semsim_envs.downlink import DownlinkEnv
from semsim_envs.parallel import DownlinkParallel
from semsim_envs.vector import DownlinkVectorEnv

#: Slots of an equal split that tell how rewards are scattered.
_LOOKED_AT = 2_000
#: Rewards for learning stay within so many spreads: where a user gets next to nothing, its delay,
#: and the loss, are a thousand times the usual.
_MOST = 20.0


@dataclass(frozen=True)
class RewardScale:
    """Rewards for learning, in standard deviations of an equal split's; reports are not scaled.

    Attributes:
        mean: of an equal split's rewards.
        spread: their standard deviation.
        bent: whether asinh is taken, which is linear near the mean and keeps telling bad from
            worse far below it. It changes what is best on average, but not what is best in a slot:
            right where slots are independent, wrong where a risk pays off later.
    """

    mean: float
    spread: float
    bent: bool

    def __call__(self, reward: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scale rewards of any shape."""
        scaled = (reward - self.mean) / self.spread
        return np.arcsinh(scaled) if self.bent else np.clip(scaled, -_MOST, _MOST)


def environment_arguments(config: AgentConfig) -> dict[str, Any]:
    """Return the arguments of the environment that a configuration describes."""
    return {
        "scenario": str(config.scenario),
        "actions": config.actions,
        "episode_slots": config.episode_slots,
        "share_range_db": config.share_range_db,
        "power_range_db": config.power_range_db,
        "levels": config.levels,
    }


def layout_of(env: DownlinkEnv | DownlinkVectorEnv) -> Layout:
    """Return how observations and actions of an environment are laid out.

    Raises:
        ValueError: for discrete actions where users' codecs offer different numbers of rates.
    """
    fields = env.view.fields
    each = sum(field.each for field in fields)
    choices = (1, 1, 1, 1)
    if env.coding.kind == "discrete":
        rates = {offered.size for offered in env.cell.offers}
        if len(rates) > 1:
            raise ValueError(
                f"actions: the users' codecs offer {sorted(rates)} rates; discrete actions need as "
                "many for each, take 'continuous'"
            )
        levels = int(env.coding.nvec[-1])
        choices = (levels, levels, rates.pop(), levels)
    return Layout(env.cell.users, each, len(fields) - each, choices)


def reward_scale(config: AgentConfig) -> RewardScale:
    """Return the scale of rewards, found by an equal split on drops of the configuration's seed."""
    cell = cell_of(read_scenario(config.scenario))
    rewards = play(cell, EqualConfig(), _LOOKED_AT, config.resources.cells, config.seed).reward
    spread = max(float(rewards.std()), 1e-6)
    return RewardScale(float(rewards.mean()), spread, config.reward == "asinh")


class ScaledVector(VectorWrapper):
    """The vector environment with scaled rewards and without the tables in ``info``."""

    def __init__(self, env: DownlinkVectorEnv, scale: RewardScale) -> None:
        super().__init__(env)
        self._scale = scale

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode in all cells."""
        observation, _ = self.env.reset(seed=seed, options=options)
        return observation, {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Send what the actions say."""
        observation, reward, terminated, truncated, _ = self.env.step(actions)
        return observation, self._scale(reward), terminated, truncated, {}


class ScaledParallel(DownlinkParallel):
    """The PettingZoo world with scaled rewards and without the tables in ``info``."""

    def __init__(self, scale: RewardScale, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._scale = scale

    def step(self, actions: dict[str, Any]) -> Any:
        """Send what all agents ask for."""
        observations, rewards, terminated, truncated, infos = super().step(actions)
        scaled = {agent: float(self._scale(np.array(r))) for agent, r in rewards.items()}
        return observations, scaled, terminated, truncated, {agent: {} for agent in infos}


def vector_world(
    config: AgentConfig, scale: RewardScale, num_envs: int
) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    """Return cells for one agent each."""
    env = DownlinkVectorEnv(num_envs, **environment_arguments(config))
    return ScaledVector(env, scale)
