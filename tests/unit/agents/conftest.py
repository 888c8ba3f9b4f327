"""An agent that has learned nothing, for any scenario."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semsim_agents.config import AgentConfig
from semsim_agents.export import write_agent
from semsim_agents.learning.training import Training

SCENARIOS = Path(__file__).parents[3] / "scenarios"


def agent_config(scenario: str, **fields: Any) -> AgentConfig:
    """Return a small configuration for a shipped scenario."""
    base = {
        "name": "tiny",
        "scenario": SCENARIOS / f"{scenario}.yaml",
        "slots": 256,
        "episode_slots": 8,
        "algorithm": {"kind": "ppo", "gamma": 0.5, "batch": 64, "minibatch": 32, "epochs": 1},
        "network": {"hidden": [8]},
        "judge": {"slots": 32, "cells": 4, "every_slots": 128},
        "resources": {"cells": 8},
    }
    return AgentConfig.model_validate(base | fields)


@pytest.fixture(scope="session", name="agent_config")
def _agent_config() -> Callable[..., AgentConfig]:
    return agent_config


@pytest.fixture(name="untrained")
def _untrained(tmp_path: Path) -> Callable[..., Path]:
    """Write an agent of random weights, and return where."""

    def write(scenario: str, **fields: Any) -> Path:
        config = agent_config(scenario, **fields)
        torch.manual_seed(1)
        agent = Training(config, tmp_path).agent
        for weights in agent.actor.parameters():
            torch.nn.init.normal_(weights, std=0.3)
        path = tmp_path / f"{scenario}.safetensors"
        write_agent(path, agent, {})
        return path

    return write
