from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from semsim.errors import ScenarioError
from semsim_envs import DownlinkEnv, DownlinkVectorEnv

STATIC, DYNAMIC = "downlink5_power_starved", "downlink_dynamic"


@pytest.mark.parametrize("name", [STATIC, DYNAMIC])
@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_one_cell_is_the_single_environment(scenario: Any, name: str, actions: Any) -> None:
    """Over several episodes, in both ways to begin the next."""
    kwargs: dict[str, Any] = {"scenario": scenario(name), "actions": actions, "episode_slots": 5}
    single = DownlinkEnv(**kwargs)
    for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        many = DownlinkVectorEnv(1, **kwargs, autoreset_mode=mode)
        single.action_space.seed(1)
        alone, _ = single.reset(seed=9)
        together, _ = many.reset(seed=9)
        assert np.array_equal(alone, together[0])
        ends = 0
        for _ in range(17):
            action = single.action_space.sample()
            alone, reward, terminated, truncated, info = single.step(action)
            together, *rest, infos = many.step(action[None])
            assert [value[0] for value in rest] == [reward, terminated, truncated]
            for part in ("quality", "delay", "energy"):
                assert infos[part][0] == info[part]
            assert np.array_equal(infos["user_quality"][0], info["user_quality"])
            if truncated:
                ends += 1
                final, (alone, _) = alone, single.reset()
                if mode is AutoresetMode.SAME_STEP:
                    assert np.array_equal(infos["final_obs"][0], final)
                else:
                    assert np.array_equal(together[0], final)
                    together, reward, *_ = many.step(action[None])
                    assert reward[0] == 0
            assert np.array_equal(alone, together[0])
        assert ends == 3


def test_it_is_what_make_vec_makes(scenario: Any) -> None:
    env = gymnasium.make_vec(
        "semsim/Downlink-v0",
        num_envs=6,
        vectorization_mode="vector_entry_point",
        scenario=scenario(STATIC),
        episode_slots=2,
    )
    assert isinstance(env.unwrapped, DownlinkVectorEnv)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    assert len({row.tobytes() for row in observation}) == 6, "each cell has a drop of its own"
    env.action_space.seed(0)
    truncations = [env.step(env.action_space.sample())[3] for _ in range(6)]
    assert np.array(truncations).all(axis=-1).tolist() == [False, True, False] * 2
    env.close()


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_torch_has_the_numbers_of_numpy(scenario: Any, actions: Any) -> None:
    # Levels of a modem too. The libraries' exp and log may differ in the last bits.
    found = scenario("downlink_umi")
    kwargs: dict[str, Any] = {"scenario": found, "actions": actions, "episode_slots": 4}
    ours = DownlinkVectorEnv(3, **kwargs, least_reward=-1e6)
    theirs = DownlinkVectorEnv(3, **kwargs, least_reward=-1e6, device="cpu")
    a, _ = ours.reset(seed=1)
    b, _ = theirs.reset(seed=1)
    ours.action_space.seed(0)
    for _ in range(9):
        assert isinstance(b, torch.Tensor)
        assert b.numpy() == pytest.approx(a, abs=1e-6)
        action = ours.action_space.sample()
        a, reward, _, truncated, _ = ours.step(action)
        b, same, _, ended, info = theirs.step(torch.from_numpy(action))
        assert same.numpy() == pytest.approx(reward, rel=1e-9)
        assert ended.tolist() == truncated.tolist()
        assert all(isinstance(b, torch.Tensor) for b in (same, ended))
        assert len(info["slot"]) == 3


def test_cells_of_a_dynamic_scenario_end_one_by_one(scenario: Any) -> None:
    found = scenario(DYNAMIC)
    energy = found.dynamics.energy.model_copy(update={"harvest_w": 0.0, "packet_j": None})
    dynamics = found.dynamics.model_copy(update={"energy": energy})
    found = found.model_copy(update={"dynamics": dynamics})
    env = DownlinkVectorEnv(5, found, episode_slots=60)
    env.reset(seed=2)
    action = np.zeros((5, 13))
    action[:, -1] = 1
    before, slots, apart = np.zeros(5, dtype=bool), np.zeros(5, dtype=int), False
    for _ in range(50):
        observation, reward, terminated, _, info = env.step(action)
        slots = np.where(before, 0, slots + 1)
        assert info["slot"].tolist() == slots.tolist()
        assert (reward[before] == 0).all()
        assert (observation[before, -1] == 1).all(), "a new episode has a full battery"
        assert not (terminated & before).any()
        assert (observation[terminated, -1] == 0).all()
        apart |= terminated.any() and not terminated.all()
        before = terminated
    assert apart


def test_bad_arguments_and_actions_are_refused(scenario: Any) -> None:
    found = scenario(STATIC)
    with pytest.raises(ScenarioError, match="quality='fitted' only"):
        DownlinkVectorEnv(2, found, "measured")
    with pytest.raises(ValueError, match="on numpy only"):
        DownlinkVectorEnv(2, scenario(DYNAMIC), device="cpu")
    with pytest.raises(ValueError, match="num_envs: must be 1"):
        DownlinkVectorEnv(0, found)
    env = DownlinkVectorEnv(2, found)
    with pytest.raises(RuntimeError, match="reset"):
        env.step(np.zeros((2, 16)))
    with pytest.raises(ValueError, match="give one number"):
        env.reset(seed=[1, 2])
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"shape \(16,\), must have \(2, 16\)"):
        env.step(np.zeros(16))
    action = np.zeros((2, 16))
    action[1, 3] = np.nan
    with pytest.raises(
        ValueError, match=r"entry 3 \(bandwidth of user 3\) of environment 1 is nan"
    ):
        env.step(action)
