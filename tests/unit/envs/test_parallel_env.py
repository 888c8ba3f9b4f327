import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest

from semsim_envs import DownlinkEnv, DownlinkParallel

with warnings.catch_warnings():
    # PettingZoo's tests import one of its own games in a way that it no longer wants.
    warnings.simplefilter("ignore", DeprecationWarning)
    from pettingzoo.test import parallel_api_test, parallel_seed_test

STATIC, DYNAMIC = "downlink5_power_starved", "downlink_dynamic"


@pytest.mark.parametrize("name", [STATIC, DYNAMIC])
@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_pettingzoo_finds_nothing_wrong(scenario: Any, name: str, actions: Any) -> None:
    make = partial(DownlinkParallel, scenario(name), actions=actions, episode_slots=8)
    parallel_api_test(make(), num_cycles=30)
    parallel_seed_test(make, num_cycles=10)


def test_together_they_act_as_one(scenario: Any) -> None:
    many, one = (
        kind(scenario(DYNAMIC), episode_slots=9) for kind in (DownlinkParallel, DownlinkEnv)
    )
    observations, _ = many.reset(seed=3)
    alone, _ = one.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(9):
        fields = alone[:28].reshape(7, 4)
        for user, agent in enumerate(many.agents):
            seen = observations[agent]
            assert many.observation_space(agent).contains(seen)
            assert np.array_equal(seen[:7], fields[:, user])
            assert seen[7:14] == pytest.approx(fields.mean(axis=1))
            assert seen[14] == alone[28]
        table = rng.uniform(-1, 1, (4, 4))
        actions = {agent: table[:, user] for user, agent in enumerate(many.agents)}
        agents = list(many.agents)
        observations, rewards, _, truncated, infos = many.step(actions)
        alone, reward, _, ended, info = one.step(np.r_[table[:3].ravel(), table[3].mean()])
        assert set(rewards.values()) == {reward}
        assert set(truncated.values()) == {ended}
        assert [infos[agent]["user_quality"] for agent in agents] == info["user_quality"].tolist()
    assert many.agents == []


def test_missing_and_misshapen_actions_are_refused(scenario: Any) -> None:
    env = DownlinkParallel(scenario(STATIC))
    env.reset(seed=0)
    actions = {agent: np.zeros(4) for agent in env.agents}
    with pytest.raises(ValueError, match="user_2 has none"):
        env.step({agent: row for agent, row in actions.items() if agent != "user_2"})
    with pytest.raises(ValueError, match=r"user_1 has shape \(3,\)"):
        env.step(actions | {"user_1": np.zeros(3)})
