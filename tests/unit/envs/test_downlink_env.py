import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match

from semsim.allocation.config import EqualConfig, ExactConfig, RandomConfig
from semsim.engine.config import FeedbackConfig
from semsim.engine.dynamics.config import EnergyConfig
from semsim.errors import AllocationError, ScenarioError
from semsim.scenario import DownlinkScenario
from semsim.simulation import DownlinkRun
from semsim.types import Allocation
from semsim_envs import AllocatorPolicy, DownlinkEnv
from semsim_envs.cell import Cell

STATIC, DYNAMIC = "downlink5_power_starved", "downlink_dynamic"


def test_importing_never_imports_ray_and_registering_loads_nothing_heavy() -> None:
    code = (
        "import sys, gymnasium, semsim, semsim_envs\n"
        "names = {'semsim/Downlink-v0', 'semsim/LinkAdaptation-v0'}\n"
        "assert names <= set(gymnasium.registry)\n"
        "print(sorted({'ray', 'torch', 'sionna', 'matplotlib', 'pettingzoo'} & set(sys.modules)))\n"
        "semsim_envs.DownlinkEnv, semsim_envs.DownlinkVectorEnv, semsim_envs.DownlinkParallel\n"
        "print('ray' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "False"]


@pytest.mark.parametrize("name", [STATIC, DYNAMIC])
@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_gymnasium_finds_nothing_wrong(scenario: Any, name: str, actions: str) -> None:
    env = gymnasium.make(
        "semsim/Downlink-v0", scenario=scenario(name), actions=actions, episode_slots=8
    )
    check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_stable_baselines_finds_nothing_wrong(scenario: Any, actions: Any) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(DownlinkEnv(scenario(STATIC), actions=actions, episode_slots=4))


@pytest.mark.parametrize("name", [STATIC, DYNAMIC])
def test_two_with_one_seed_agree_to_the_bit(scenario: Any, name: str) -> None:
    one, other = (DownlinkEnv(scenario(name), episode_slots=5) for _ in range(2))
    check_environments_match(one, other, num_steps=12, seed=3, info_comparison="equivalence")
    first, _ = one.reset(seed=3)
    second, _ = one.reset()
    third, _ = one.reset(seed=4)
    assert not np.array_equal(first, second), "a new episode is a new drop"
    assert not np.array_equal(first, third)


@pytest.mark.parametrize("quality", ["fitted", "measured"])
def test_pickling_goes_on_where_it_was(scenario: Any, quality: Any) -> None:
    env = DownlinkEnv(scenario(DYNAMIC), quality, episode_slots=20)
    env.reset(seed=1)
    env.action_space.seed(0)
    action = env.action_space.sample()
    env.step(action)
    copy = pickle.loads(pickle.dumps(env))  # noqa: S301
    for _ in range(4):
        ours, theirs = env.step(action), copy.step(action)
        assert np.array_equal(ours[0], theirs[0])
        assert ours[1] == theirs[1]


@pytest.mark.parametrize("name", [STATIC, "downlink_umi"])
def test_the_reward_is_the_utility_of_the_problem(scenario: Any, name: str) -> None:
    """Shannon's rate, and the levels of a modem; random actions."""
    found = scenario(name, feedback=FeedbackConfig())
    env = DownlinkEnv(found, episode_slots=40, least_reward=-1e9)
    env.reset(seed=2)
    env.action_space.seed(2)
    lost = 0
    for _ in range(40):
        gain = env.state().gain
        _, reward, _, _, info = env.step(env.action_space.sample())
        sent = Allocation(info["rho"], info["b_hz"], info["p_w"])
        env.cell.problem.check(sent, env.state())
        expected = env.cell.problem.utility(gain, sent)
        lost += bool(np.isinf(expected.total))
        assert reward == pytest.approx(max(float(expected.total), -1e9), rel=1e-12)
        assert info["quality"] == pytest.approx(float(expected.quality), rel=1e-12)
        assert info["energy"] == pytest.approx(float(expected.energy), rel=1e-12)
        assert info["user_quality"] == pytest.approx(expected.qualities, rel=1e-12)
    assert (lost > 0) == (name == "downlink_umi"), "users whom no level reaches"


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_every_action_is_feasible_and_every_rate_can_be_asked_for(
    scenario: Any, actions: Any
) -> None:
    env = DownlinkEnv(scenario(STATIC), actions=actions)
    env.action_space.seed(0)
    state_of = env.reset(seed=0)[0]
    asked = set()
    low, high = np.full(16, -1.0), np.ones(16)
    if actions == "discrete":
        low, high = np.zeros(16), env.coding.nvec - 1
    for action in (low, high, *(env.action_space.sample() for _ in range(60))):
        allocation = env.coding.decode(action)
        rows = Allocation(allocation.rho[0], allocation.b_hz[0], allocation.p_w[0])
        env.cell.problem.check(rows, env.state())
        assert rows.b_hz.sum() == pytest.approx(env.cell.problem.budget.cell.bandwidth_hz)
        asked |= set(rows.rho.tolist())
    assert asked == set(np.concatenate(env.cell.offers).tolist())
    assert state_of.shape == env.observation_space.shape


@pytest.mark.parametrize("name", [STATIC, "downlink5"])
def test_exact_through_the_environment_is_worth_what_its_allocation_is(
    scenario: Any, name: str
) -> None:
    env = DownlinkEnv(scenario(name), episode_slots=5, least_reward=-1e9)
    policy = AllocatorPolicy(env, ExactConfig(rates="grid"))
    smallest = AllocatorPolicy(env, EqualConfig())
    for seed in range(8):
        observation, _ = env.reset(seed=seed)
        state = env.state()
        allocation = policy.allocator.allocate(state)
        expected = float(env.cell.problem.utility(state.gain, allocation).total)
        action = policy(observation)
        _, reward, _, _, info = env.step(action)
        assert reward == pytest.approx(expected, rel=1e-9)
        assert info["p_w"] == pytest.approx(allocation.p_w, rel=1e-9)
        assert info["b_hz"] == pytest.approx(allocation.b_hz, rel=1e-9)
        assert info["rho"] == pytest.approx(allocation.rho, rel=1e-3)
        # Networks act in single precision.
        env.reset(seed=seed)
        assert env.step(action.astype(np.float32))[1] == pytest.approx(expected, rel=1e-5)
        env.reset(seed=seed)
        assert env.step(smallest())[1] <= reward + 1e-9


def test_dynamic_allocators_act_for_the_active_users(scenario: Any) -> None:
    env = DownlinkEnv(scenario(DYNAMIC), episode_slots=40)
    policy = AllocatorPolicy(env)
    env.reset(seed=5)
    idle = 0
    for _ in range(30):
        active = env.state().active
        assert active is not None
        expected = policy.allocator.allocate(env.state())
        info = env.step(policy())[4]
        assert info["b_hz"] == pytest.approx(expected.b_hz, rel=1e-9)
        assert info["p_w"] == pytest.approx(expected.p_w, rel=1e-9)
        assert not info["b_hz"][~active].any()
        idle += int((~active).sum())
    assert idle > 0


def test_what_no_action_stands_for_is_refused_by_name(scenario: Any) -> None:
    env = DownlinkEnv(scenario(STATIC), actions="discrete", share_range_db=1.0)
    env.reset(seed=0)
    with pytest.raises(AllocationError, match="raise share_range_db"):
        AllocatorPolicy(env, RandomConfig())()
    assert env.action_space.contains(AllocatorPolicy(env, RandomConfig(), nearest=True)())
    env = DownlinkEnv(scenario(STATIC), actions="discrete")
    env.reset(seed=0)
    with pytest.raises(AllocationError, match="raise 'levels'"):
        AllocatorPolicy(env, ExactConfig())()
    half = Allocation(np.full(5, 0.03), np.full(5, 1e4), np.full(5, 1e-3))
    with pytest.raises(AllocationError, match="give out the rest"):
        DownlinkEnv(scenario(STATIC)).coding.encode(half)
    with pytest.raises(TypeError, match=r"semsim/Downlink-v0"):
        AllocatorPolicy(gymnasium.make("CartPole-v1"))


@pytest.mark.parametrize("name", [STATIC, DYNAMIC])
def test_fitted_and_engine_face_the_same_slots(scenario: Any, name: str) -> None:
    """Gains, late and noisy reports, queues, delays, energy: those of ``semsim run``."""
    seed, feedback = 7, FeedbackConfig(error_db=2, delay_slots=1)
    found: DownlinkScenario = scenario(name, feedback=feedback, seed=seed)
    if name == STATIC:
        found = found.model_copy(update={"source": found.source.model_copy(update={"size": 64})})
    env, engine = DownlinkEnv(found, episode_slots=99), DownlinkRun(found).engine()
    env.reset(seed=seed)
    env.action_space.seed(1)
    delivered = 0
    for _ in range(12):
        state, told = env.state(), engine.observe()
        assert np.array_equal(state.gain, told.gain)
        if state.waiting is not None and told.waiting is not None:
            assert np.array_equal(state.active, told.active)
            for field in ("present", "queue", "age_s"):
                assert np.array_equal(getattr(state.waiting, field), getattr(told.waiting, field))
            for field in ("sent", "rho", "rest_bits", "energy_j"):
                ours = getattr(state.waiting, field)
                assert ours == pytest.approx(getattr(told.waiting, field), rel=1e-9), field
        info = env.step(env.action_space.sample())[4]
        columns = engine.step(Allocation(info["rho"], info["b_hz"], info["p_w"])).columns
        arrived = np.array(columns.get("delivered", [1] * len(state.gain))) > 0
        assert np.array_equal(info["delivered"], arrived)
        delays = np.array(columns["delay_s"])[arrived]
        assert info["delay_s"][arrived] == pytest.approx(delays, rel=1e-9)
        assert info["energy_j"] == pytest.approx(columns["energy_j"], rel=1e-9, abs=1e-15)
        delivered += int(arrived.sum())
    assert delivered > 5


def test_measured_rewards_are_those_of_the_images(scenario: Any) -> None:
    found = scenario(DYNAMIC)
    env = DownlinkEnv(found, "measured", render_mode="rgb_array")
    fitted = DownlinkEnv(found)
    seen, expected = env.reset(seed=4)[0], fitted.reset(seed=4)[0]
    assert np.array_equal(seen, expected)
    env.action_space.seed(3)
    qualities = set()
    for _ in range(6):
        action = env.action_space.sample()
        _, reward, _, _, info = env.step(action)
        theirs = fitted.step(action)[4]
        assert np.array_equal(info["delivered"], theirs["delivered"])
        assert reward == pytest.approx(info["quality"] - info["delay"] - info["energy"])
        assert info["quality"] == pytest.approx(0.33 * info["user_quality"].sum())
        qualities |= set(info["user_quality"][info["delivered"]].tolist())
    assert len(qualities) > 3, "no two images are alike"
    assert env.render().shape == (500, 900, 3)  # type: ignore[union-attr]


def test_episodes_end(scenario: Any) -> None:
    env = DownlinkEnv(scenario(STATIC), episode_slots=3)
    env.reset(seed=0)
    action = np.zeros(16)
    assert [env.step(action)[2:4] for _ in range(3)] == [(False, False)] * 2 + [(False, True)]
    assert DownlinkEnv(scenario(DYNAMIC)).episode_slots == 40, "the scenario's slots"
    found = scenario(DYNAMIC)
    budget = found.dynamics.model_copy(update={"energy": EnergyConfig(capacity_j=0.2)})
    for energy, ends in ((budget, True), (found.dynamics, False)):
        env = DownlinkEnv(found.model_copy(update={"dynamics": energy}), episode_slots=60)
        env.reset(seed=0)
        steps = [env.step(np.array([0.0] * 12 + [1.0])) for _ in range(60)]
        assert any(terminated for _, _, terminated, _, _ in steps) == ends
        if ends:
            last = next(step for step in steps if step[2])
            assert last[0][-1] == 0, "the battery is empty, and seen to be"
            assert last[0][8:12].tolist() == [0.0] * 4, "nobody is active"


@pytest.mark.parametrize(
    ("actions", "action", "message"),
    [
        ("continuous", np.zeros(15), r"shape \(15,\), must have \(16,\)"),
        ("continuous", np.full(16, np.nan), r"entry 0 \(bandwidth of user 0\) is nan"),
        ("continuous", np.r_[np.zeros(7), 1.5, np.zeros(8)], r"entry 7 \(power of user 2\) is 1.5"),
        ("continuous", np.r_[np.zeros(15), -np.inf], r"entry 15 \(total power\) is -inf"),
        ("discrete", np.r_[np.zeros(12), 3, 0, 0, 0], r"\(rate of user 2\) is 3; .* from 0 to 2"),
        ("discrete", np.r_[0.5, np.zeros(15)], r"\(bandwidth of user 0\) is 0.5"),
    ],
)
def test_bad_actions_are_refused_by_place(
    scenario: Any, actions: Any, action: Any, message: str
) -> None:
    env = DownlinkEnv(scenario(STATIC), actions=actions)
    with pytest.raises(RuntimeError, match="reset"):
        env.step(action)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(action)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"quality": "guessed"}, "quality: must be"),
        ({"actions": "both"}, "actions: must be"),
        ({"episode_slots": 0}, "episode_slots: must be 1"),
        ({"levels": 1}, "levels: must be 2"),
        ({"share_range_db": 0}, "share_range_db: must be above 0"),
        ({"gain_range_db": (3.0, 1.0)}, "gain_range_db: must be"),
        ({"least_reward": float("-inf")}, "least_reward: must be finite"),
        ({"render_mode": "ascii"}, "render_mode: must be"),
    ],
)
def test_bad_arguments_are_refused_by_name(scenario: Any, change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DownlinkEnv(scenario(STATIC), **change)


def test_scenarios_that_do_not_fit_are_refused() -> None:
    root = Path(__file__).parents[3] / "scenarios"
    with pytest.raises(ScenarioError, match="task: downlink"):
        DownlinkEnv(root / "link_awgn.yaml")
    with pytest.raises(ScenarioError, match="'adapt' tunes decoders by images"):
        DownlinkEnv(root / "downlink5_adapt.yaml")


@pytest.mark.parametrize("name", [STATIC, DYNAMIC])
def test_pictures(scenario: Any, name: str) -> None:
    env = DownlinkEnv(scenario(name), render_mode="rgb_array")
    with pytest.raises(RuntimeError, match="reset"):
        env.render()
    env.reset(seed=0)
    before = env.render()
    env.step(np.zeros(env.action_space.shape or ()))
    after = env.render()
    assert before is not None and after is not None  # noqa: PT018
    assert before.shape == after.shape == (500, 900, 3)
    assert before.dtype == np.uint8
    assert (before != after).any()


def test_a_window_shows_the_same_and_closes() -> None:
    pygame = pytest.importorskip("pygame")
    root = Path(__file__).parents[3] / "scenarios"
    env = DownlinkEnv(root / f"{STATIC}.yaml", render_mode="human")
    env.metadata = env.metadata | {"render_fps": 1000}
    drawn = DownlinkEnv(root / f"{STATIC}.yaml", render_mode="rgb_array")
    for each in (env, drawn):
        each.reset(seed=0)
        each.step(np.zeros(16))
    shown = pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1)
    assert np.array_equal(shown, drawn.render())
    assert pickle.loads(pickle.dumps(env)).render_mode == "human"  # noqa: S301 our own
    env.close()
    assert not pygame.display.get_init()
    env.close()


def test_observations_are_bounded_and_named(scenario: Any) -> None:
    env = DownlinkEnv(scenario(DYNAMIC), episode_slots=50, gain_range_db=(-90.0, -89.0))
    names = [field.name for field in env.view.fields]
    assert names == ["gain", "quality", "active", "queue", "age", "sent", "rho", "energy"]
    observation, _ = env.reset(seed=0)
    assert observation.shape == (7 * 4 + 1,)
    env.action_space.seed(0)
    for _ in range(30):
        state, seen = env.state(), observation.reshape(-1)
        assert env.observation_space.contains(observation)
        assert state.active is not None and state.waiting is not None  # noqa: PT018
        assert seen[8:12] == pytest.approx(state.active.astype(float))
        assert seen[12:16] == pytest.approx(state.waiting.queue / 6)
        assert seen[16:20] == pytest.approx(state.waiting.age_s / 1.5, rel=1e-6)
        assert seen[-1] == pytest.approx(float(state.waiting.energy_j) / 0.5, rel=1e-6)
        observation, *_ = env.step(env.action_space.sample())
    wide = DownlinkEnv(scenario(DYNAMIC)).view.scales.gain_range_db
    assert isinstance(env.cell, Cell)
    assert wide[0] < -110 < -90 < wide[1]
