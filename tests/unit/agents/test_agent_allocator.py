"""A trained agent as an allocator: the same deeds as in its environment, in any scenario."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semsim.config import load_tagged
from semsim.errors import AllocationError, CheckpointError
from semsim.scenario import DownlinkScenario
from semsim.simulation import DownlinkRun, simulate
from semsim.testing import check_allocator
from semsim.types import DownlinkState
from semsim_agents.config import AgentAllocatorConfig
from semsim_agents.export import export_best, read_agent
from semsim_envs.downlink import DownlinkEnv
from semsim_envs.policy import AllocatorPolicy

SCENARIOS = Path(__file__).parents[3] / "scenarios"
STARVED, DYNAMIC = "downlink5_power_starved", "downlink_dynamic"
Write = Callable[..., Path]


def shipped(name: str, **changes: Any) -> DownlinkScenario:
    found = load_tagged(SCENARIOS / f"{name}.yaml", "task", {"downlink": DownlinkScenario})
    return found.model_copy(update=changes)


@pytest.mark.parametrize("scenario", [STARVED, DYNAMIC])
def test_it_does_what_it_would_do_in_the_environment(scenario: str, untrained: Write) -> None:
    path = untrained(scenario)
    agent, config = read_agent(path), AgentAllocatorConfig(checkpoint=path)
    one, other = (DownlinkEnv(SCENARIOS / f"{scenario}.yaml") for _ in range(2))
    observation, _ = one.reset(seed=4)
    other.reset(seed=4)
    policy = AllocatorPolicy(other, config, nearest=True)
    for _ in range(8):
        observation, reward, *_ = one.step(agent.act(observation[None])[0])
        _, same, *_ = other.step(policy())
        assert same == pytest.approx(reward, rel=1e-5, abs=1e-5)


def test_it_keeps_the_contract_of_allocators(untrained: Write) -> None:
    problem = DownlinkRun(shipped(STARVED)).problem
    allocator = AgentAllocatorConfig(checkpoint=untrained(STARVED)).build(problem)
    cell = problem.budget.cell
    check_allocator(allocator, cell.bandwidth_hz, cell.power_w)


@pytest.mark.parametrize("scenario", [STARVED, DYNAMIC])
def test_it_allocates_in_a_scenario(scenario: str, untrained: Write) -> None:
    config = AgentAllocatorConfig(checkpoint=untrained(scenario), label="mine")
    source = {"kind": "photos", "split": "test", "size": 64}
    fields = shipped(scenario).model_dump(mode="json") | {"compare": [], "slots": 2}
    fields |= {"allocator": config.model_dump(mode="json"), "source": source}
    results = simulate(DownlinkScenario.model_validate(fields))
    assert list(results.summary["allocators"]) == ["mine"]
    assert np.isfinite(results.slots["energy_j"]).all()


def test_one_for_users_serves_another_number_of_them(untrained: Write) -> None:
    path = untrained(STARVED)
    scenario = shipped(STARVED)
    fewer = DownlinkRun(scenario.model_copy(update={"users": scenario.users[:3]}))  # type: ignore[index]
    allocator = AgentAllocatorConfig(checkpoint=path).build(fewer.problem)
    state = DownlinkState(gain=np.full(3, 1e-11), distance_m=np.full(3, 300.0))
    found = allocator.allocate(state)
    np.testing.assert_allclose(found.b_hz, found.b_hz[0])  # equal users get equal shares
    assert found.b_hz.sum() == pytest.approx(scenario.cell.bandwidth_hz)
    flat = untrained(STARVED, network={"kind": "flat", "hidden": [8]})
    with pytest.raises(CheckpointError, match=r"trained for 5 users .* the scenario has 3"):
        AgentAllocatorConfig(checkpoint=flat).build(fewer.problem)


def test_it_refuses_a_world_of_another_kind(untrained: Write) -> None:
    problem = DownlinkRun(shipped(STARVED)).problem
    allocator = AgentAllocatorConfig(checkpoint=untrained(DYNAMIC)).build(problem)
    state = DownlinkState(gain=np.full(5, 1e-11), distance_m=np.full(5, 300.0))
    with pytest.raises(AllocationError, match="trained in a scenario with queues"):
        allocator.allocate(state)


def test_damaged_and_foreign_weights_are_refused(untrained: Write, tmp_path: Path) -> None:
    path = untrained(STARVED)
    with pytest.raises(CheckpointError, match="SHA-256"):
        read_agent(path, "0" * 64)
    with pytest.raises(CheckpointError, match="there are no weights"):
        read_agent(tmp_path / "none.safetensors")
    codec = next((SCENARIOS.parent / "semsim/codecs/weights").glob("*.safetensors"))
    with pytest.raises(CheckpointError, match="holds no agent"):
        read_agent(codec)


def test_an_exported_agent_acts_the_same(untrained: Write, tmp_path: Path) -> None:
    path = untrained(DYNAMIC)
    card = export_best(path, tmp_path / "kept" / "one.safetensors")
    copy = read_agent(tmp_path / "kept" / "one.safetensors", card["sha256"])
    original = read_agent(path)
    rows = np.random.default_rng(0).random((6, 29), dtype=np.float32)
    assert np.array_equal(copy.act(rows), original.act(rows))
    assert replace(copy, network=original.network).settings == original.settings
