"""The experiment ``agents-gap``, whole, with agents that learn for a moment."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from semsim.errors import SemsimError
from semsim.experiments.catalogue import find
from semsim.experiments.definition import Setting
from semsim.experiments.run import reproduce, tables
from semsim_agents.cluster import ray_session
from semsim_agents.config import JudgeConfig
from semsim_agents.gap import experiment, trainings

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.chdir(ROOT)
    few = {"small": 64, "paper": 64}
    agents = {
        "static": {"PPO": ("ppo_downlink5", few)},
        "time-coupled": {"PPO": ("ppo_dynamic", few)},
    }
    for module in (trainings, experiment):
        patch.setattr(module, "AGENTS", agents)
    patch.setattr(trainings, "SEEDS", (1, 2))
    patch.setattr(trainings, "_POINTS", 1)
    patch.setattr(experiment, "_CELLS", 3)
    load = trainings.load

    def quick(path: Path, model: type) -> object:
        config = load(path, model)
        judging = JudgeConfig(slots=40, cells=2)
        batch = config.algorithm.model_copy(update={"batch": 64, "minibatch": 64})
        return config.model_copy(update={"judge": judging, "algorithm": batch})

    patch.setattr(trainings, "load", quick)
    with ray_session(1):
        yield
    patch.undo()


def test_every_claim_has_a_verdict_and_nothing_is_trained_twice(
    small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = find("agents-gap")
    results, measured = reproduce(wanted, Setting(keep=tmp_path))
    shown = tables(wanted, results, measured)
    assert [len(table.rows) for table in shown] == [4, 5, len(wanted.claims)]
    verdicts = {row[0]: row[2] for row in shown[-1].rows}
    assert verdicts["nobody beats the bound"] == "holds"
    for table in shown:
        assert not any("nan" in cell for row in table.rows for cell in row)
    (figure,) = wanted.plot(measured).values()
    assert all(axis.has_data() for axis in figure.axes)

    def refuse(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(trainings, "_train", refuse)
    again, _ = reproduce(wanted, Setting(keep=tmp_path))
    assert again.summary["verdicts"] == results.summary["verdicts"]


def test_outside_a_checkout_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SemsimError, match="run this experiment in a checkout"):
        trainings.jobs(Setting(keep=tmp_path))
