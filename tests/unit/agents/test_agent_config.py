"""An agent's file: what is wrong is said with line and place."""

from pathlib import Path

import pytest

from semsim.config import load
from semsim.errors import ScenarioError
from semsim_agents.config import AgentConfig, PpoConfig

CONFIGS = Path(__file__).parents[3] / "agents" / "configs"
GOOD = """\
name: mine
scenario: cell.yaml
actions: continuous
algorithm: {kind: sac, gamma: 0.9}
"""


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_files_are_right(path: Path) -> None:
    config = load(path, AgentConfig)
    assert config.name == path.stem
    assert config.scenario.is_file()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("gamma: 0.9", "gama: 0.9", r"mine.yaml:4: algorithm.gama: unknown key"),
        ("gamma: 0.9", "gamma: 1.0", r"mine.yaml:4: algorithm.gamma: .* less than 1"),
        ("kind: sac", "kind: dqn", r"mine.yaml:4: algorithm.*'ppo', 'sac'"),
        ("continuous", "discrete", r"'sac' acts on continuous ones only"),
        ("cell.yaml", "cell.yaml\nclone: {allocator: exakt}", r"did you mean 'exact'"),
    ],
)
def test_mistakes_are_explained(before: str, after: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.replace(before, after), encoding="utf-8")
    with pytest.raises(ScenarioError, match=message):
        load(path, AgentConfig)


def test_the_scenario_is_found_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert load(path, AgentConfig).scenario == tmp_path / "cell.yaml"


def test_a_batch_holds_its_minibatches() -> None:
    with pytest.raises(ValueError, match="512 is more than the batch, 64"):
        PpoConfig(batch=64)
