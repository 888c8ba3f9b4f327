"""The one training loop: draw, step, average, checkpoint, resume."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from semsim.errors import CheckpointError, SemsimError
from semsim.rng import Streams
from semsim.training.recipe import Recipe
from semsim.types import Source


class Objective(Protocol):
    """What the loop trains: a model, its loss on a batch, and a held-out measure."""

    model: nn.Module

    def loss(self, source: Source, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Loss of a batch and figures to show."""
        ...

    def evaluate(self, source: Source) -> dict[str, float]:
        """Held-out figures of the current model."""
        ...


class TrainingError(SemsimError):
    """Training went wrong (the loss is not a number); the last good checkpoint is kept."""


@dataclass(frozen=True)
class Progress:
    """What the loop reports after a step."""

    step: int
    steps: int
    loss: float
    figures: dict[str, float]


class Mixture:
    """Several sources as one, each drawn as often as it has images."""

    def __init__(self, sources: list[Any]) -> None:
        self._sources = sources
        sizes = np.array([len(source) for source in sources], dtype=np.float64)
        self._share = sizes / sizes.sum()

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw ``count`` images."""
        counts = rng.multinomial(count, self._share)
        parts = [s.sample(int(n), rng) for s, n in zip(self._sources, counts, strict=True) if n]
        return Source(image=torch.cat([part.image for part in parts]))


def train(
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "cpu",
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
) -> tuple[nn.Module, dict[str, float]]:
    """Run ``recipe`` and return the averaged model with its held-out figures.

    The state after step ``k`` depends on the recipe alone: data of step ``k`` come from stream
    ``k``, so a resumed run on the same machine continues exactly.

    Raises:
        CheckpointError: if ``resume`` finds a checkpoint of another recipe.
        TrainingError: if the loss stops being a number.
    """
    streams = Streams(recipe.seed).child("training")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(streams.numpy("weights").integers(2**62)))
        objective: Objective = recipe.objective.build()
    model = objective.model.to(device).train()
    averaged = copy.deepcopy(model).eval()
    settings = recipe.optimizer
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    mixture = Mixture([source.build() for source in recipe.sources])
    held_out = None
    if recipe.evaluation is not None:
        held_out = recipe.evaluation.source.build().take(recipe.evaluation.count).to(device)
    path = folder / "checkpoint.pt"
    start = _restore(path, recipe, model, averaged, optimizer) if resume else 0
    figures: dict[str, float] = {}

    for step in range(start, recipe.steps):
        stream = streams.child("step", step)
        source = mixture.sample(recipe.batch, stream.numpy("data")).to(device)
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(step, recipe)
        loss, shown = objective.loss(source, stream.torch("objective", device))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"{recipe.name}: the loss is {value} at step {step}; the last good checkpoint is "
                f"{path}. Lower the learning rate and run again with --resume"
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()
        _average(averaged, model, min(settings.average, (1 + step) / (10 + step)))
        done = step + 1
        if held_out is not None and _due(done, recipe.evaluate_every_steps, recipe):
            figures = _evaluate(objective, averaged, held_out)
        if _due(done, recipe.checkpoint_every_steps, recipe):
            _save(path, recipe, done, model, averaged, optimizer)
        held = {f"held_out_{name}": value for name, value in figures.items()}
        report(Progress(done, recipe.steps, value, shown | held))
    if held_out is not None and not figures:
        figures = _evaluate(objective, averaged, held_out)
    return averaged, figures


def _due(step: int, every: int, recipe: Recipe) -> bool:
    return step % every == 0 or step == recipe.steps


def _learning_rate(step: int, recipe: Recipe) -> float:
    settings = recipe.optimizer
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    share = (step - settings.warmup_steps) / max(1, recipe.steps - settings.warmup_steps)
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))


@torch.no_grad()
def _average(averaged: nn.Module, model: nn.Module, decay: float) -> None:
    source = model.state_dict()
    for name, value in averaged.state_dict().items():
        if value.is_floating_point():
            value.lerp_(source[name], 1.0 - decay)
        else:
            value.copy_(source[name])


def _evaluate(objective: Objective, averaged: nn.Module, held_out: Source) -> dict[str, float]:
    current = objective.model
    objective.model = averaged
    try:
        return objective.evaluate(held_out)
    finally:
        objective.model = current


def _state(model: nn.Module) -> dict[str, Tensor]:
    # Buffers that do not ship (a codebook's running averages) are needed to go on training.
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _save(
    path: Path,
    recipe: Recipe,
    step: int,
    model: nn.Module,
    averaged: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save(
        {
            "recipe": recipe.model_dump_json(),
            "step": step,
            "model": _state(model),
            "averaged": _state(averaged),
            "optimizer": optimizer.state_dict(),
        },
        temporary,
    )
    os.replace(temporary, path)


def _restore(
    path: Path,
    recipe: Recipe,
    model: nn.Module,
    averaged: nn.Module,
    optimizer: torch.optim.Optimizer,
) -> int:
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    if state["recipe"] != recipe.model_dump_json():
        raise CheckpointError(
            f"{path}: made by another version of recipe {recipe.name!r}; "
            "train without --resume or give another --folder"
        )
    with torch.no_grad():
        for target, name in ((model, "model"), (averaged, "averaged")):
            for key, value in _state(target).items():
                value.copy_(state[name][key])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])
