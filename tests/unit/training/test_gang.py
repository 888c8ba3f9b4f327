"""Several workers train what one trains; here each is a thread."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from semsim.errors import ScenarioError
from semsim.training.gang import Part, PartOfChannel, part_of
from semsim.training.loop import CHECKPOINT, Progress, Trained, Trainer, TrainingError
from semsim.training.recipe import Recipe
from tests.unit.training.test_loop import COTRAINING, JSCC, recipe, weights

#: Relative error of sums in another order: a weight's gradient here has up to some thousand
#: float32 terms, whose roundings (2⁻²⁴ each) add up as a random walk, and the optimiser takes a few
#: steps by them: √4096 · 2⁻²⁴ = 4e-6, and a margin of five.
ROUNDING = 2e-5
#: What one pixel that rounds to another of 256 levels may change of a PSNR, generously.
LAST_BIT_DB = 1e-2
#: Seconds after which a thread that waits for the others gives up.
PATIENCE_S = 30
ADJSCC = {
    "kind": "adjscc_v",
    "weights": "random",
    "model": {"filters": 4, "kernel": 3, "channels": 6, "shortest": 4},
}
FADING = {"channel": "rayleigh", "snr_db": {"low": 0, "high": 20}}
ORACLE = {"objective": {"kind": "oracle", "codec": ADJSCC}, "link": FADING}
RATES = {
    "objective": {"kind": "reconstruction", "codec": ADJSCC, "rates": "uniform"},
    "link": FADING,
}
LAMOSC = {
    "kind": "lamosc",
    "weights": "random",
    "model": {
        "widths": [8, 8],
        "depths": [1, 1],
        "heads": [1, 1],
        "modulation_layers": 1,
        "words": ["a", "small", "large", "red", "bag"],
        "longest": 5,
        "text_depth": 1,
    },
}
CAPTIONS = {
    "objective": {"kind": "reconstruction", "codec": LAMOSC},
    "link": FADING,
    "sources": [{"kind": "tinted", "split": "train", "size": 16}],
}
DECIBELS = {**JSCC, "objective": {**JSCC["objective"], "loss": "psnr"}}
EVALUATION = {"source": {"kind": "photos", "size": 16}, "count": 3, "snr_db": [10]}


class Threads:
    """Sums and messages between threads that run the same code."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._values: list[Any] = [None] * size
        self.barrier = threading.Barrier(size, timeout=PATIENCE_S)

    def everybody(self, rank: int, value: Any) -> list[Any]:
        self._values[rank] = value
        self.barrier.wait()
        values = list(self._values)
        self.barrier.wait()
        return values


class Thread:
    """One of them."""

    def __init__(self, rank: int, threads: Threads) -> None:
        self.rank, self.size = rank, threads.size
        self._threads = threads

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        return torch.stack(self._threads.everybody(self.rank, values)).sum(0)

    def agree(self, value: Any) -> Any:
        return self._threads.everybody(self.rank, value)[0]


def together(
    asked: Recipe,
    folder: Path,
    size: int,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
    told: list[list[Progress]] | None = None,
    every_error: type[BaseException] | None = None,
) -> tuple[list[Trained], list[list[Progress]]]:
    """Return what every worker has in the end, and what each reported."""
    torch.set_num_threads(1)
    threads = Threads(size)
    trainers = [
        Trainer(asked, folder / str(rank), gang=Thread(rank, threads) if size > 1 else None)
        for rank in range(size)
    ]
    trained: list[Any] = [None] * size
    heard = [[] for _ in range(size)] if told is None else told

    def run(rank: int) -> None:
        def hear(progress: Progress) -> None:
            heard[rank].append(progress)
            report(progress)

        try:
            trained[rank] = trainers[rank].run(resume=resume, report=hear)
        except BaseException as error:
            trained[rank] = error
            if every_error is None or not isinstance(error, every_error):
                threads.barrier.abort()  # nobody is to wait for this one

    started = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    errors = [result for result in trained if isinstance(result, BaseException)]
    if every_error is not None:
        assert [type(error) for error in errors] == [every_error] * size
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    return trained, heard


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> float:
    """Return the distance between two sets of weights."""
    return float(
        torch.stack([(after[k] - v).square().sum() for k, v in before.items()]).sum().sqrt()
    )


def taught(trained: Trained) -> dict[str, torch.Tensor]:
    """Return the weights that the loss depends on.

    A softmax does not see what is added to all its scores, so that the true gradient of the bias
    of an attention's keys is zero, and AdamW makes steps of whatever rounding leaves of it.
    """
    found = {name: value.clone() for name, value in weights(trained).items()}
    for name, value in found.items():
        if name.endswith(("in_proj_bias", "attn.qkv.bias")):
            value.chunk(3)[1].zero_()
    return found


def start_of(asked: Recipe, folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights before the first step."""
    models = Trainer(asked, folder).objective.models
    return {
        f"{name}.{key}": value.clone()
        for name, model in models.items()
        for key, value in model.state_dict().items()
    }


@pytest.mark.parametrize(
    ("changes", "workers"),
    [(JSCC, 2), (COTRAINING, 3), (ORACLE, 2), (RATES, 2), (CAPTIONS, 2), (DECIBELS, 3)],
    ids=["reconstruction", "cotraining", "oracle", "rates", "captions", "decibels"],
)
def test_many_workers_train_what_one_does(changes: dict, workers: int, tmp_path: Path) -> None:
    asked = recipe(6, **changes, batch=5, optimizer={"warmup_steps": 2, "average": 0})
    start = start_of(asked, tmp_path / "start")
    (alone,), (one,) = together(asked, tmp_path / "one", 1)
    trained, told = together(asked, tmp_path / "many", workers)
    assert moved(start, weights(alone)) > 0.01
    assert moved(taught(alone), taught(trained[0])) < ROUNDING * moved(start, weights(alone))
    for result, steps in zip(trained, told, strict=True):
        assert moved(weights(trained[0]), weights(result)) == 0  # nobody drifts
        assert [s.loss for s in steps] == pytest.approx([s.loss for s in one], rel=ROUNDING)
        for mine, theirs in zip(steps, one, strict=True):
            assert mine.figures == pytest.approx(theirs.figures, rel=ROUNDING)
            assert mine.held_out == pytest.approx(theirs.held_out, abs=LAST_BIT_DB)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_a_checkpoint_is_anybody_s(before: int, after: int, tmp_path: Path) -> None:
    asked = recipe(8, **JSCC, batch=5, optimizer={"warmup_steps": 2, "average": 0.5})
    start = start_of(asked, tmp_path / "start")
    (whole, *_), _ = together(asked, tmp_path / "whole", 1)
    kept = asked.model_copy(update={"checkpoint_every_steps": 5})

    def stop(progress: Progress) -> None:
        if progress.step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together(kept, tmp_path / "cut", before, report=stop)
    assert not (tmp_path / "cut" / "1" / CHECKPOINT).exists()  # rank 0 alone writes
    if after == 2:
        (tmp_path / "cut" / "1").mkdir(exist_ok=True)
        shutil.copy(tmp_path / "cut" / "0" / CHECKPOINT, tmp_path / "cut" / "1" / CHECKPOINT)
    (resumed, *_), (told, *_) = together(kept, tmp_path / "cut", after, resume=True)
    assert [s.step for s in told] == [6, 7, 8]
    assert moved(weights(whole), weights(resumed)) < ROUNDING * moved(start, weights(whole))


def test_all_stop_early_at_the_same_step_and_take_the_same_weights(tmp_path: Path) -> None:
    idle = recipe(
        100,
        **JSCC,
        evaluation=EVALUATION,
        evaluate_every_steps=2,
        early_stop={"patience": 2, "least_gain": 0.5},
        optimizer={"learning_rate": 1e-12, "warmup_steps": 0},
    )
    trained, told = together(idle, tmp_path, 2)
    assert [steps[-1].step for steps in told] == [6, 6]
    assert [result.figures for result in trained] == [told[0][1].held_out] * 2
    assert moved(*map(weights, trained)) == 0


def test_minutes_are_measured_once_for_all(tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 26:
            raise KeyboardInterrupt

    told: list[list[Progress]] = [[], []]
    with pytest.raises(KeyboardInterrupt):
        together(recipe(None, minutes=1e4, **JSCC), tmp_path, 2, report=stop, told=told)
    assert told[0][24].steps is not None
    assert told[0][24].steps == told[1][24].steps


def test_a_gradient_that_is_no_number_stops_everybody(tmp_path: Path) -> None:
    wild = recipe(
        50, **JSCC, optimizer={"warmup_steps": 0, "learning_rate": 1e30, "clip_norm": 1e30}
    )
    torch.set_num_threads(1)
    with pytest.raises(TrainingError, match=r"(loss|norm) is .* at step \d+"):
        together(wild, tmp_path, 2, every_error=TrainingError)


@pytest.mark.parametrize(
    "channel",
    [
        "awgn",
        {"kind": "rayleigh", "block": 3, "antennas": 2},
        {"kind": "ofdm_tdl", "csi": "ls", "subcarriers": 24},
    ],
    ids=str,
)
def test_rows_meet_the_channel_that_the_whole_batch_meets(channel: Any) -> None:
    settings = Recipe.model_validate(
        recipe(1, **JSCC).model_dump() | {"link": {"channel": channel, "snr_db": 10}}
    ).link
    assert settings is not None
    x = torch.randn(7, 30, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))
    snr = torch.linspace(1, 100, 7)

    def made() -> Any:
        return settings.channel.build(device="cpu", generator=torch.Generator().manual_seed(2))

    whole = made().apply(x, snr)
    for rank in range(3):
        part = part_of(Thread(rank, Threads(3)), 7)
        assert part is not None
        seen = PartOfChannel(made(), part).apply(x[part.rows], snr[part.rows])
        wanted = whole.rows(part.rows)
        for name in ("x", "noise_variance", "gain", "snr_measured"):
            assert torch.equal(getattr(seen, name), getattr(wanted, name)), name


def test_some_rows_of_a_part_are_refused() -> None:
    with pytest.raises(ScenarioError, match=r"sends 1 of 2 images .* use --workers 1"):
        PartOfChannel(None, Part(2, 2, 4)).apply(torch.ones(1, 3) + 0j, torch.ones(1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "objective 'vqvae2' does not declare"),
        ({"objective": {"kind": "latent_denoisers"}}, "objective 'latent_denoisers' does not"),
        (
            {**JSCC, "objective": {"kind": "reconstruction", "codec": {"kind": "linear"}}},
            "objective 'reconstruction': codec 'linear' does not declare",
        ),
        (
            {**JSCC, "link": {**FADING, "snr_convention": "batch_power"}},
            "'batch_power' scales .* objective 'reconstruction'",
        ),
        ({**JSCC, "batch": 1}, "batch: 1 images cannot be shared by 2 workers; use"),
    ],
)
def test_what_cannot_be_shared_is_refused_by_name(
    changes: dict, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError, match=f"{message}.*--workers 1"):
        Trainer(recipe(5, **changes), tmp_path, gang=Thread(0, Threads(2)))
