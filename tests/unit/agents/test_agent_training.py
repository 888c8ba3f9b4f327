"""Agents learn with Ray, go on after a kill, and leave no process behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
import yaml

from semsim.allocation.config import ExactConfig
from semsim.errors import CheckpointError
from semsim_agents.cluster import ray_session
from semsim_agents.config import AgentAllocatorConfig, AgentConfig
from semsim_agents.export import read_agent, write_agent
from semsim_agents.judging import judge
from semsim_agents.learning.cloning import clone
from semsim_agents.learning.training import Step, Training
from semsim_agents.learning.worlds import RewardScale, reward_scale
from semsim_envs.cell import cell_of, read_scenario

STARVED, DYNAMIC = "downlink5_power_starved", "downlink_dynamic"
Make = Callable[..., AgentConfig]


@pytest.fixture(scope="module", autouse=True)
def _ray() -> Iterator[None]:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with ray_session(2):
        yield
    left = [c for c in psutil.Process().children(recursive=True) if c.pid not in before]
    psutil.wait_procs(left, timeout=30)
    assert not [c for c in left if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]


def trained(config: AgentConfig, folder: Path, **options: Any) -> dict[str, Any]:
    return Training(config, folder).run(**options)


@pytest.mark.parametrize(
    ("scenario", "fields"),
    [
        (STARVED, {}),
        (DYNAMIC, {"actions": "discrete", "network": {"kind": "flat", "hidden": [8]}}),
        (DYNAMIC, {"algorithm": {"kind": "sac", "batch": 16, "begin": 64, "memory": 512}}),
        (
            DYNAMIC,
            {
                "slots": 64,
                "algorithm": {"kind": "ppo", "multi_agent": True, "batch": 32, "minibatch": 32},
            },
        ),
        (DYNAMIC, {"clone": {"allocator": {"kind": "exact", "rates": "grid"}, "slots": 64}}),
    ],
    ids=["ppo", "ppo-discrete", "sac", "agents", "cloned"],
)
def test_every_algorithm_learns_something_and_its_agent_acts(
    scenario: str, fields: dict[str, Any], agent_config: Make, tmp_path: Path
) -> None:
    config = agent_config(scenario, **fields)
    card = trained(config, tmp_path)
    weights = Path(card["weights"])
    multi = fields.get("algorithm", {}).get("multi_agent", False)
    assert read_agent(weights, card["sha256"]).settings.multi_agent is multi
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert curve["slots"].iloc[0] == 0
    assert curve["slots"].iloc[-1] >= config.slots
    assert card["figures"]["utility"] == pytest.approx(curve["utility"].max(), abs=1e-3)
    cell = cell_of(read_scenario(config.scenario))
    found = judge(cell, {"agent": AgentAllocatorConfig(checkpoint=weights)}, 16, 2, 0, 8)
    assert np.isfinite(found["utility"]).all()
    assert list((tmp_path / "tensorboard").iterdir())


def test_learning_from_the_same_seed_is_the_same(agent_config: Make, tmp_path: Path) -> None:
    config = agent_config(STARVED)
    cards = [trained(config, tmp_path / name) for name in ("one", "two")]
    assert cards[0]["sha256"] == cards[1]["sha256"]
    other = trained(config.model_copy(update={"seed": 9}), tmp_path / "three")
    assert other["sha256"] != cards[0]["sha256"]


def test_a_training_goes_on_from_its_checkpoint(agent_config: Make, tmp_path: Path) -> None:
    config = agent_config(STARVED)
    trained(config, tmp_path)
    longer = config.model_copy(update={"slots": 512})
    seen: list[Step] = []
    Training(longer, tmp_path, seen.append).run(resume=True)
    learning = [step.slots for step in seen if step.stage == "learning"]
    assert min(learning) > config.slots
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert curve["slots"].is_monotonic_increasing
    assert curve["slots"].is_unique
    assert curve["slots"].iloc[-1] >= 512
    faster = longer.algorithm.model_copy(update={"learning_rate": 1e-2})
    with pytest.raises(CheckpointError, match=r"trained with another algorithm; .*--folder"):
        trained(longer.model_copy(update={"algorithm": faster}), tmp_path, resume=True)
    card = Training(longer, tmp_path).export_latest(tmp_path / "latest.safetensors")
    assert card["slots"] == curve["slots"].iloc[-1]


def test_a_killed_runner_is_replaced(agent_config: Make, tmp_path: Path) -> None:
    config = agent_config(STARVED, resources={"cells": 8, "runners": 1})
    killed: list[int] = []

    def kill_one(step: Step) -> None:
        if step.stage == "learning" and not killed:
            runners = [
                child
                for child in psutil.Process().children(recursive=True)
                if "SingleAgentEnvRunner" in " ".join(child.cmdline())
            ]
            killed.extend(runner.pid for runner in runners)
            for runner in runners:
                runner.send_signal(signal.SIGKILL)

    card = Training(config, tmp_path, kill_one).run()
    assert killed
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert config.slots <= curve["slots"].iloc[-1] <= config.slots + config.algorithm.batch
    assert Path(card["weights"]).is_file()


#: Trains like the command line, and kills its own process after the first checkpoint.
KILLED = """
import os, signal, sys
from pathlib import Path
from semsim.config import load
from semsim_agents.cluster import ray_session
from semsim_agents.config import AgentConfig

path, folder = Path(sys.argv[1]), Path(sys.argv[2])
with ray_session(1):
    from semsim_agents.learning.training import Training

    def report(step):
        if (folder / "tiny" / "checkpoint").is_dir():
            os.kill(os.getpid(), signal.SIGKILL)

    Training(load(path, AgentConfig), folder / "tiny", report).run()
"""


def test_a_killed_driver_is_resumed(agent_config: Make, tmp_path: Path) -> None:
    fields = agent_config(STARVED).model_dump(mode="json", by_alias=True)
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(fields), encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        own = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, capture_output=True, text=True, env=own)

    killed = run("-c", KILLED, str(path), str(tmp_path))
    assert killed.returncode == -signal.SIGKILL
    before = pd.read_csv(tmp_path / "tiny" / "curve.csv")
    assert before["slots"].iloc[-1] < fields["slots"]
    resumed = run(
        *("-m", "semsim", "agent", "train", str(path), "--folder", str(tmp_path)),
        *("--resume", "--json", str(tmp_path / "card.json")),
    )
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stderr == ""  # Ray is quiet
    after = pd.read_csv(tmp_path / "tiny" / "curve.csv")
    pd.testing.assert_frame_equal(after[: len(before)], before)
    assert after["slots"].is_unique
    assert after["slots"].iloc[-1] >= fields["slots"]
    card = json.loads((tmp_path / "card.json").read_text())
    assert Path(card["weights"]).is_file()


def test_a_search_keeps_the_best(agent_config: Make, tmp_path: Path) -> None:
    from semsim_agents.learning.tuning import tune_agent

    space = {"algorithm.learning_rate": {"choice": [1e-9, 3e-2]}}
    wanted = {"samples": 2, "space": space, "grace_slots": 128, "reduction": 2}
    config = agent_config(STARVED, tune=wanted, reward="asinh")
    said: list[str] = []
    lock = threading.RLock()  # a progress bar holds one, and cannot be pickled

    def report(_done: int, _total: int, what: str) -> None:
        with lock:
            said.append(what)

    table = tune_agent(config, tmp_path, report=report)
    assert len(table) == 2
    assert table["utility"].is_monotonic_decreasing
    best = AgentConfig.model_validate(yaml.safe_load((tmp_path / "best.yaml").read_text()))
    assert best.algorithm.learning_rate == table["algorithm.learning_rate"].iloc[0]
    assert best.tune is None
    assert read_agent(tmp_path / "tiny.safetensors")
    assert any("ended" in what for what in said)


def test_a_clone_does_what_the_allocator_does(agent_config: Make, tmp_path: Path) -> None:
    exact = {"kind": "exact", "rates": "grid"}
    wanted = {"allocator": exact, "slots": 2048, "epochs": 30, "batch": 64}
    config = agent_config(STARVED, clone=wanted, network={"hidden": [32, 32]})
    torch.manual_seed(0)
    agent = Training(config, tmp_path).agent
    losses: list[float] = []
    clone(agent, config, lambda _done, _total, loss: losses.append(loss))
    write_agent(tmp_path / "clone.safetensors", agent, {})
    cell = cell_of(read_scenario(config.scenario))
    methods = {
        "exact": ExactConfig(rates="grid"),
        "clone": AgentAllocatorConfig(checkpoint=tmp_path / "clone.safetensors"),
    }
    table = judge(cell, methods, 200, 20, 1, 4).set_index("method")
    assert losses[-1] < 0.05 * losses[0]
    # An equal split is 1 below exact: the clone is nearly there without any reward.
    assert -0.25 < table.loc["clone", "lead"] < 0


def test_rewards_are_scaled_by_an_equal_split(agent_config: Make) -> None:
    scale = reward_scale(agent_config(STARVED))
    assert scale == reward_scale(agent_config(STARVED))
    assert 54 < scale.mean < 56  # what `equal` gets there
    rewards = np.array([scale.mean, scale.mean + scale.spread, -1e6])
    assert scale(rewards)[:2].tolist() == pytest.approx([0, 1])
    assert scale(rewards)[2] == -20
    bent = RewardScale(scale.mean, scale.spread, bent=True)(rewards)
    assert bent[1] == pytest.approx(np.arcsinh(1))
    assert np.isfinite(bent).all()
