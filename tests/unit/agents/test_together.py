"""Workers on Ray train what one trains, and go on when one of them dies."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file
from typer.testing import CliRunner

from semsim.cli.main import app
from semsim.errors import ScenarioError, SemsimError
from semsim.training.loop import CHECKPOINT, Progress, Trainer
from semsim_agents.cluster import ray_session
from semsim_agents.together import team
from semsim_agents.together.team import Team, train_together
from semsim_agents.together.work import Order, work
from tests.unit.training.test_gang import together
from tests.unit.training.test_loop import COTRAINING, JSCC, recipe

# Ray warns of its own settings when it loads Ray Data, which nothing here uses.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RECIPE = Path("tiny.yaml")
EVALUATION = {"source": {"kind": "photos", "size": 16}, "count": 3, "snr_db": [10]}


@pytest.fixture(scope="module", autouse=True)
def _two_cores() -> Iterator[None]:
    with ray_session(2):
        yield


def test_a_worker_dies_and_the_weights_are_those_of_an_undisturbed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One worker has begun it; two go on, and one of them is killed.
    asked = recipe(9, **COTRAINING, batch=5, checkpoint_every_steps=3, evaluation=EVALUATION)
    begun, died = tmp_path / "threads", tmp_path / "died"

    def stop(progress: Progress) -> None:
        if progress.step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together(asked, begun, 1, report=stop)
    for folder in (tmp_path / "ray" / "tiny", begun / "1"):
        folder.mkdir(parents=True)
        shutil.copy(begun / "0" / CHECKPOINT, folder)

    def deadly(order: Order) -> None:
        """Work like any worker, but for rank 1, which ends its process once at step 7."""
        step = Trainer._step

        def hindered(self: Trainer) -> object:
            if self.state.step == 7 and self._gang.rank == 1 and not died.exists():
                died.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return step(self)

        Trainer._step = hindered
        work(order)

    told: list[Progress] = []

    def hindered(*args: Any, report: Callable[[Progress], None], **kwargs: Any) -> list[Any]:
        def hear(progress: Progress) -> None:
            told.append(progress)
            report(progress)

        return train_together(*args, report=hear, task=deadly, **kwargs)

    monkeypatch.setattr(team, "train_together", hindered)
    written = tmp_path / "tiny.yaml"
    written.write_text(yaml.safe_dump(asked.model_dump(mode="json")), encoding="utf-8")
    command = ["train", str(written), "--folder", str(tmp_path / "ray"), "--quiet", "--resume"]
    done = CliRunner().invoke(app, [*command, "--workers", "2"])
    assert done.exit_code == 0, done.output
    made = tmp_path / "ray" / "tiny"
    assert f"weights: {made / 'tiny.safetensors'}" in done.output

    assert died.exists()
    steps = [progress.step for progress in told]
    assert steps[:3] == [4, 5, 6]
    assert steps[-3:] == [7, 8, 9]  # from the checkpoint after step 6, made by two
    assert len(steps) in (6, 7)  # whether step 7 was told of before the death

    # Two numbers have one sum, so that processes and threads come to the same bits.
    (undisturbed, _), (one, _) = together(asked, begun, 2, resume=True)
    assert {s.step: s.loss for s in told} == {s.step: s.loss for s in one}
    kept = torch.load(made / CHECKPOINT, weights_only=True)
    for name, model in undisturbed.models.items():
        for key, value in model.state_dict().items():
            assert torch.equal(kept["averaged"][name][key], value), f"{name}: {key}"
    for name, file in (("student", "tiny"), ("teacher", "tiny-teacher")):
        shipped = load_file(made / f"{file}.safetensors")
        for key, value in undisturbed.models[name].state_dict().items():
            assert torch.equal(shipped[key], value.to(shipped[key].dtype)), f"{name}: {key}"
    card = yaml.safe_load((made / "tiny.yaml").read_text())
    figures = {f"held_out_{name}": round(v, 3) for name, v in undisturbed.figures.items()}
    assert card["figures"] == figures
    assert {path.name for path in made.iterdir()} == {
        CHECKPOINT,
        "tensorboard",
        *(f"tiny{model}.{end}" for model in ("", "-teacher") for end in ("safetensors", "yaml")),
    }


def test_a_mistake_on_one_worker_is_told_and_not_tried_again(tmp_path: Path) -> None:
    attempts = tmp_path / "attempts"

    def mistaken(order: Order) -> None:
        with attempts.open("a") as file:
            file.write("x")
        build = Trainer.__init__

        def missing(self: Trainer, *args: object) -> None:
            build(self, *args)
            if self._gang.rank == 1:
                raise SemsimError("there are no such images")

        Trainer.__init__ = missing
        work(order)

    with pytest.raises(SemsimError, match=r"^there are no such images$"):
        train_together(recipe(5, **JSCC), RECIPE, tmp_path, Team(2), task=mistaken)
    assert attempts.read_text() == "xx"


@pytest.mark.parametrize(
    ("team", "message"),
    [
        (Team(3), r"^--workers 3 ask for 3 CPU together, and Ray at .* has 2; ask for less"),
        (Team(2, device="mps"), r"^--device mps: several workers compute on 'cpu', or on 'cuda'"),
    ],
)
def test_workers_that_cannot_be_had_are_refused(team: Team, message: str, tmp_path: Path) -> None:
    with pytest.raises(SemsimError, match=message):
        train_together(recipe(5, **JSCC), RECIPE, tmp_path, team)


def test_a_recipe_that_cannot_be_shared_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="objective 'vqvae2' does not declare"):
        train_together(recipe(5), RECIPE, tmp_path, Team(2))
