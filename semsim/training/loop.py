"""The one training loop: draw, update, average, evaluate, checkpoint, resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from semsim.errors import SemsimError
from semsim.rng import Streams
from semsim.training.gang import Gang, Solo, check_shareable, part_of, total, total_gradients
from semsim.training.memory import keep_freed_memory
from semsim.training.objective import Objective, OwnData
from semsim.training.recipe import Precision, Recipe
from semsim.training.schedule import Pace, set_learning_rates
from semsim.training.state import State
from semsim.training.transmission import Transmission
from semsim.types import Product, Source, Update

CHECKPOINT = "checkpoint.pt"


class TrainingError(SemsimError):
    """Training went wrong (the loss is not a number); the last good checkpoint is kept."""


@dataclass(frozen=True)
class Progress:
    """What the loop reports after a step.

    Attributes:
        step: batches done.
        steps: batches to do, ``None`` while a recipe in minutes has not found its pace.
        loss: the last update's.
        figures: what the objective shows of this batch.
        held_out: figures of the last evaluation.
        evaluated: whether this step made them.
        images_per_s: since this process started.
        learning_rate: of the first model.
        saved: whether this step left a checkpoint.
    """

    step: int
    steps: int | None
    loss: float
    figures: dict[str, float]
    held_out: dict[str, float]
    evaluated: bool
    images_per_s: float
    learning_rate: float
    saved: bool = False


@dataclass(frozen=True)
class Trained:
    """What a run gave.

    Attributes:
        models: averaged (or best) models by name.
        products: which of them to keep, the main one first.
        figures: held-out figures of them.
        steps: batches that they learnt from.
    """

    models: dict[str, nn.Module]
    products: tuple[Product, ...]
    figures: dict[str, float]
    steps: int


class Mixture:
    """Several sources as one, each drawn as often as it has images."""

    def __init__(self, sources: list[Any]) -> None:
        self._sources = sources
        sizes = np.array([len(source) for source in sources], dtype=np.float64)
        self._share = sizes / sizes.sum()

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw ``count`` images."""
        counts = rng.multinomial(count, self._share)
        return _joined(
            [s.sample(int(n), rng) for s, n in zip(self._sources, counts, strict=True) if n]
        )


def _joined(parts: list[Source]) -> Source:
    """Return several sources as one; labels, captions and names stay where all have them."""
    labels = [part.label for part in parts if part.label is not None]
    captions = [part.caption for part in parts if part.caption is not None]
    named = all(part.name for part in parts)
    return Source(
        image=torch.cat([part.image for part in parts]),
        label=torch.cat(labels) if len(labels) == len(parts) else None,
        caption=tuple(chain.from_iterable(captions)) if len(captions) == len(parts) else None,
        name=tuple(chain.from_iterable(part.name for part in parts)) if named else (),
    )


class Trainer:
    """One run of a recipe.

    The state after step ``k`` depends on the recipe alone: images, noise and SNRs of step ``k``
    come from stream ``k``, so that a resumed run on the same machine continues exactly. Several
    workers come to the same state, but for the order in which floats are summed.

    Args:
        recipe: what to train.
        folder: where the checkpoint is.
        device: where to compute.
        gang: who trains together; each of them runs a trainer of its own. Those that resume need
            the same checkpoint in their folders.

    Raises:
        ScenarioError: if the recipe names a model that its objective does not have, or several
            workers cannot share its batches.
    """

    def __init__(
        self, recipe: Recipe, folder: Path, device: str = "cpu", gang: Gang | None = None
    ) -> None:
        self._gang = gang or Solo()
        check_shareable(recipe, self._gang.size)
        self._part = part_of(self._gang, recipe.batch)
        self.recipe = recipe
        self.path = folder / CHECKPOINT
        self._device = device
        self._streams = Streams(recipe.seed).child("training")
        self._transmit = self._transmission()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._streams.numpy("weights").integers(2**62)))
            self.objective: Objective = recipe.objective.build(self._transmit, device)
        for model in self.objective.models.values():
            model.train()
        self.state = State(self.objective.models, recipe.optimizer)
        self.state.steps = recipe.steps
        self._pace = Pace(recipe.minutes) if recipe.minutes is not None else None
        self._draw = self._drawer()
        self._held_out = self._take()

    def _transmission(self) -> Transmission | None:
        if self.recipe.link is None:
            return None
        judged = self.recipe.evaluation.snr_db if self.recipe.evaluation is not None else ()
        return Transmission(self.recipe.link, self._device, judged)

    def _drawer(self) -> Callable[[int, np.random.Generator], Any]:
        if self.recipe.sources:
            return Mixture([source.build() for source in self.recipe.sources]).sample
        own = cast(OwnData, self.objective)
        return own.draw

    def _take(self) -> Any:
        asked = self.recipe.evaluation
        if asked is None:
            return None
        if asked.source is None:
            return cast(OwnData, self.objective).held_out(asked.count).to(self._device)
        return asked.source.build().take(asked.count).to(self._device)

    def run(
        self, *, resume: bool = False, report: Callable[[Progress], None] = lambda _: None
    ) -> Trained:
        """Train to the end, or to an early stop.

        Raises:
            CheckpointError: if ``resume`` finds a checkpoint of another recipe.
            TrainingError: if a loss or a gradient stops being a number.
        """
        keep_freed_memory()
        state, recipe = self.state, self.recipe
        if resume and self.path.is_file():
            state.restore(self.path, recipe, self._device)
        if self._gang.size > 1:
            # Machines may round a start differently that is computed and not drawn.
            state.fill(self._gang.agree(state.tensors()))
        figures: dict[str, float] = {}
        begun, first = time.perf_counter(), state.step
        while (state.steps is None or state.step < state.steps) and not self._stale():
            rate = self._set_learning_rates()
            loss, shown = self._step()
            state.step += 1
            if self._pace is not None and state.steps is None:
                state.steps = self._gang.agree(self._pace.steps(state.step))
            due = self._due(recipe.evaluate_every_steps)
            if due and self._held_out is not None:
                figures = self._evaluate()
                if recipe.early_stop is not None:
                    state.note(next(iter(figures.values())), recipe.early_stop.least_gain)
            saved = self._due(recipe.checkpoint_every_steps) or self._stale()
            if saved and self._gang.rank == 0:
                state.save(self.path, recipe)
            seen = (state.step - first) * recipe.batch
            pace = seen / (time.perf_counter() - begun)
            report(Progress(state.step, state.steps, loss, shown, figures, due, pace, rate, saved))
        if recipe.early_stop is not None:
            state.take_best()
            figures = {}
        if self._held_out is not None and not figures:
            figures = self._evaluate()
        return Trained(state.averaged, self.objective.products(), figures, state.step)

    def _step(self) -> tuple[float, dict[str, float]]:
        stream = self._streams.child("step", self.state.step)
        source = self._draw(self.recipe.batch, stream.numpy("data"))
        if self._part is not None:
            source = source.select(list(range(self.recipe.batch))[self._part.rows])
        source = source.to(self._device)
        if self._transmit is not None:
            self._transmit.seed(stream, self._part)
        shown: dict[str, float] = {}
        loss: float | None = None
        updates = self.objective.updates(source, stream.torch("objective", self._device))
        while True:
            with arithmetic(self.recipe.precision, self._device):
                update = next(updates, None)
            if update is None:
                break
            loss, figures = self._apply(update)
            shown |= figures
        if loss is None:
            raise TypeError("the objective yielded no update")
        settings, step = self.recipe.optimizer, self.state.step
        self.state.average(min(settings.average, (1 + step) / (10 + step)))
        return loss, shown

    def _apply(self, update: Update) -> tuple[float, dict[str, float]]:
        """Take one step of an optimiser; return loss and figures of the whole batch."""
        optimizers, part = self.state.optimizers[update.model], self._part
        value, figures = float(update.loss.detach()), update.figures
        if part is not None:
            numbers = (value, *figures.values())
            value, *means = total(self._gang, part, numbers, self._device)
            figures = dict(zip(figures, means, strict=True))
            loss = torch.tensor(value)
            figures |= {name: float(f(loss)) for name, f in update.of_loss.items()}
        if not math.isfinite(value):
            raise self._failure(f"the loss is {value}")
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        update.loss.backward()  # type: ignore[no-untyped-call]
        model = self.objective.models[update.model]
        if part is not None:
            total_gradients(self._gang, part, model)
        norm = nn.utils.clip_grad_norm_(model.parameters(), self.recipe.optimizer.clip_norm)
        if not bool(torch.isfinite(norm)):
            raise self._failure(f"the gradient's norm is {float(norm)}")
        for optimizer in optimizers:
            optimizer.step()
        return value, figures

    def _failure(self, what: str) -> TrainingError:
        kept = f"the last good checkpoint is {self.path}" if self.path.is_file() else "none is kept"
        return TrainingError(
            f"{self.recipe.name}: {what} at step {self.state.step}; {kept}. Lower the learning "
            "rate and run again with --resume"
        )

    def _set_learning_rates(self) -> float:
        state = self.state
        every = [optimizer for several in state.optimizers.values() for optimizer in several]
        return set_learning_rates(every, state.step, state.steps, self.recipe.optimizer)

    def _due(self, every: int) -> bool:
        return self.state.step % every == 0 or self.state.step == self.state.steps

    def _stale(self) -> bool:
        stop = self.recipe.early_stop
        return stop is not None and self.state.best.stale >= stop.patience

    def _evaluate(self) -> dict[str, float]:
        return self._gang.agree(self._judge() if self._gang.rank == 0 else {})

    @torch.no_grad()
    def _judge(self) -> dict[str, float]:
        """Judge the averaged weights, always on the same images, noise and fading."""
        if self._held_out is None:
            return {}
        if self._transmit is not None:
            self._transmit.seed(self._streams.child("evaluation"))
        current = dict(self.objective.models)
        self.objective.models.update(self.state.averaged)
        try:
            return self.objective.evaluate(self._held_out)
        finally:
            self.objective.models.update(current)


def arithmetic(precision: Precision, device: str) -> AbstractContextManager[Any]:
    """Return the context in which matrix products have the precision that a recipe asks for."""
    kind = torch.device(device).type
    fast = precision == "bfloat16" or (precision == "auto" and has_fast_bfloat16(kind))
    return torch.autocast(kind, torch.bfloat16, enabled=fast)


def has_fast_bfloat16(device: str) -> bool:
    """Tell whether the hardware multiplies bfloat16 matrices faster than single precision."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def train(
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "cpu",
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
) -> Trained:
    """Run ``recipe`` with its checkpoint in ``folder``; see :class:`Trainer`."""
    return Trainer(recipe, folder, device).run(resume=resume, report=report)
