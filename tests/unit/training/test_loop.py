from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semsim.errors import CheckpointError, ScenarioError
from semsim.training.loop import Trained, TrainingError, train
from semsim.training.recipe import Recipe
from semsim.training.schedule import Pace


def recipe(steps: int | None, **changes: object) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "tiny",
            "objective": {
                "kind": "vqvae2",
                "model": {
                    "filters": 8,
                    "residual_filters": 4,
                    "residual_blocks": 1,
                    "entries": 16,
                    "dim": 4,
                },
            },
            "sources": [{"kind": "photos", "split": "train", "size": 16, "crop": "random"}],
            "batch": 4,
            "steps": steps,
            "checkpoint_every_steps": 5,
            "optimizer": {"warmup_steps": 2, "learning_rate": 2e-3},
        }
        | changes
    )


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value
        for name, model in trained.models.items()
        for key, value in model.state_dict().items()
    }


def assert_same(a: Trained, b: Trained) -> None:
    left, right = weights(a), weights(b)
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name


SMALL = {"hidden": 16, "symbols": 4, "channel_hidden": 16, "blocks": 1}
CODEC = {"kind": "trangdeepsc", "weights": "random", "model": SMALL}
JSCC = {
    "objective": {"kind": "reconstruction", "codec": CODEC},
    "link": {"channel": "rayleigh", "snr_db": {"low": 0, "high": 20}},
}
COTRAINING = {
    "objective": {
        "kind": "cotraining",
        "student": CODEC,
        "teacher": {
            "kind": "vitdeepsc",
            "weights": "random",
            "model": {**SMALL, "heads": 2, "positions": 8},
        },
    },
    "link": {"channel": "awgn", "snr_db": 12},
}


MUON = {**JSCC, "optimizer": {"kind": "muon", "warmup_steps": 2}}


@pytest.mark.parametrize(
    "changes", [{}, JSCC, COTRAINING, MUON], ids=["vqvae2", "jscc", "cotraining", "muon"]
)
def test_a_resumed_run_is_the_same_run(changes: dict, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = train(recipe(10, **changes), tmp_path / "whole")

    def stop_at_seven(progress) -> None:
        if progress.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe(10, **changes), tmp_path / "cut", report=stop_at_seven)
    steps = []
    resumed = train(
        recipe(10, **changes),
        tmp_path / "cut",
        resume=True,
        report=lambda p: steps.append(p.step),
    )
    assert steps == [6, 7, 8, 9, 10]
    assert_same(whole, resumed)


def test_training_lowers_the_error(tmp_path: Path) -> None:
    losses = []
    evaluation = {"source": {"kind": "photos", "size": 32}, "count": 2}
    quick = recipe(
        120,
        batch=8,
        evaluation=evaluation,
        optimizer={"warmup_steps": 10, "learning_rate": 1e-2},
    )
    trained = train(quick, tmp_path, report=lambda p: losses.append(p.loss))
    assert sum(losses[-20:]) < 0.7 * sum(losses[:20])
    assert 5 < trained.figures["psnr_db"] < 40


def test_a_codec_learns_through_its_channel(tmp_path: Path) -> None:
    evaluation = {"source": {"kind": "photos", "size": 16}, "count": 8, "snr_db": [20, 0]}
    losses = []
    quick = recipe(
        150,
        **JSCC,
        batch=8,
        evaluation=evaluation,
        evaluate_every_steps=150,
        optimizer={"warmup_steps": 10, "learning_rate": 1e-2, "average": 0.9},
    )
    trained = train(quick, tmp_path, report=lambda p: losses.append(p.loss))
    assert sum(losses[-20:]) < 0.5 * sum(losses[:20])
    good, bad = trained.figures.values()
    assert list(trained.figures) == ["psnr_db at 20 dB", "psnr_db at 0 dB"]
    assert good > bad > 5


def test_minutes_become_steps_that_a_resumed_run_keeps(tmp_path: Path) -> None:
    def stop_at(step: int, seen: list) -> Callable:
        def report(progress) -> None:
            seen.append(progress.steps)
            if progress.step == step:
                raise KeyboardInterrupt

        return report

    timed = recipe(None, minutes=1e4, **JSCC)
    first: list = []
    with pytest.raises(KeyboardInterrupt):
        train(timed, tmp_path, report=stop_at(30, first))
    assert first[:24] == [None] * 24  # five steps to warm up, twenty on the clock
    assert first[24] > 30
    assert len(set(first[24:])) == 1
    again: list = []
    with pytest.raises(KeyboardInterrupt):
        train(timed, tmp_path, resume=True, report=stop_at(32, again))
    assert again == [first[-1]] * 2


def test_the_pace_of_the_first_steps_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0] * 4 + [10.0 + 0.5 * i for i in range(30)])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    pace = Pace(minutes=3.0)
    assert [pace.steps(step) for step in range(1, 25)] == [None] * 24
    assert pace.steps(25) == 360  # 180 s at half a second a step


def test_training_stops_when_nothing_is_gained_and_keeps_the_best(tmp_path: Path) -> None:
    # A learning rate of nearly nothing never gains; the first evaluation stays the best.
    steps = []
    idle = recipe(
        100,
        **JSCC,
        evaluation={"source": {"kind": "photos", "size": 16}, "count": 4, "snr_db": [10]},
        evaluate_every_steps=2,
        early_stop={"patience": 3, "least_gain": 0.5},
        optimizer={"learning_rate": 1e-12, "warmup_steps": 0},
    )
    trained = train(idle, tmp_path, report=lambda p: steps.append(p))
    assert steps[-1].step == 8
    assert trained.figures == steps[1].held_out


def test_bfloat16_trains_other_weights_than_float32(tmp_path: Path) -> None:
    single = weights(train(recipe(3, **JSCC), tmp_path / "single"))
    half = weights(train(recipe(3, **JSCC, precision="bfloat16"), tmp_path / "half"))
    assert all(value.dtype == torch.float32 for value in half.values())
    assert any(not torch.equal(value, half[name]) for name, value in single.items())


def test_the_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    train(recipe(5), tmp_path)
    with pytest.raises(CheckpointError, match="another version of recipe 'tiny'"):
        train(recipe(6), tmp_path, resume=True)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match=r"(?s)checkpoint.pt: cannot be read .* remove it"):
        train(recipe(5), tmp_path, resume=True)


def test_a_loss_that_is_no_number_stops_with_the_checkpoint_named(tmp_path: Path) -> None:
    wild = recipe(
        200,
        optimizer={"warmup_steps": 0, "learning_rate": 1e30, "clip_norm": 1e30},
        checkpoint_every_steps=1,
    )
    with pytest.raises(TrainingError, match=r"(loss|norm) is .* last good checkpoint .* --resume"):
        train(wild, tmp_path)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] >= 1


def test_training_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    train(recipe(2, **JSCC), tmp_path)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"link": None, "objective": JSCC["objective"]}, "say through which 'link'"),
        ({"minutes": 1.0}, "either 'steps' or 'minutes'"),
        ({"early_stop": {}}, "'early_stop' watches 'evaluation'"),
        ({"link": {"channel": "awgn", "snr_db": {"low": 3, "high": 1}}}, "lies below"),
    ],
)
def test_recipes_that_contradict_themselves_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe(5, **changes)


def test_a_learning_rate_for_nobody_is_refused(tmp_path: Path) -> None:
    wrong = recipe(5, **JSCC, optimizer={"learning_rates": {"teacher": 1e-3}})
    with pytest.raises(ScenarioError, match="names 'teacher'; the objective trains codec"):
        train(wrong, tmp_path)
