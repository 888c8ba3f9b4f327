from pathlib import Path

import pytest
import torch

from semsim.errors import CheckpointError
from semsim.training.loop import TrainingError, train
from semsim.training.recipe import Recipe


def recipe(steps: int, **changes: object) -> Recipe:
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


def test_a_resumed_run_is_the_same_run(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole, _ = train(recipe(10), tmp_path / "whole")

    def stop_at_seven(progress) -> None:
        if progress.step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe(10), tmp_path / "cut", report=stop_at_seven)
    steps = []
    resumed, _ = train(
        recipe(10), tmp_path / "cut", resume=True, report=lambda p: steps.append(p.step)
    )
    assert steps == [6, 7, 8, 9, 10]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_training_lowers_the_error(tmp_path: Path) -> None:
    losses = []
    evaluation = {"source": {"kind": "photos", "size": 32}, "count": 2}
    quick = recipe(
        120,
        batch=8,
        evaluation=evaluation,
        optimizer={"warmup_steps": 10, "learning_rate": 1e-2},
    )
    _, figures = train(quick, tmp_path, report=lambda p: losses.append(p.loss))
    assert sum(losses[-20:]) < 0.7 * sum(losses[:20])
    assert 5 < figures["psnr_db"] < 40


def test_the_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    train(recipe(5), tmp_path)
    with pytest.raises(CheckpointError, match="another version of recipe 'tiny'"):
        train(recipe(6), tmp_path, resume=True)


def test_a_loss_that_is_no_number_stops_with_the_checkpoint_named(tmp_path: Path) -> None:
    wild = recipe(200, optimizer={"warmup_steps": 0, "learning_rate": 1e30, "clip_norm": 1e30})
    with pytest.raises(TrainingError, match=r"the loss is .* last good checkpoint .* --resume"):
        train(wild, tmp_path)


def test_training_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    train(recipe(2), tmp_path)
    assert torch.equal(before, torch.random.get_rng_state())
