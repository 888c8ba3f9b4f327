"""The search itself, Algorithm 1 of RKD-SC: architectures and weights in turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from semsim.codecs.rkd_sc.search_config import KdlDarts
from semsim.codecs.rkd_sc.space import DEPTHS, stage_parameters
from semsim.codecs.rkd_sc.supernet import Architecture, candidate_parameters
from semsim.codecs.rkd_sc.teachers import teacher
from semsim.rng import Streams
from semsim.training.loop import CHECKPOINT, TrainingError, arithmetic
from semsim.training.memory import keep_freed_memory
from semsim.training.recipe import Optimizer
from semsim.training.schedule import set_learning_rates
from semsim.training.search.images import Batch, Images, split_images
from semsim.training.search.losses import Losses, architecture_gradient
from semsim.training.search.network import SearchNetwork
from semsim.training.search.recipe import SearchRecipe
from semsim.training.state import State
from semsim.training.transmission import Transmission


@dataclass(frozen=True)
class SearchProgress:
    """What a search reports after a step.

    Attributes:
        step: batches done.
        steps: batches to do.
        loss: of the weights' last batch.
        epoch: epochs done.
        row: of the trajectory, where this step ended an epoch.
    """

    step: int
    steps: int
    loss: float
    epoch: int
    row: dict[str, Any] | None


@dataclass(frozen=True)
class Found:
    """What a search gave.

    Attributes:
        blocks: bottlenecks of each stage.
        parameters: of the four stages, as Table III counts.
        epochs: one row an epoch: ``epoch, step, training_loss, validation_loss, accuracy,
            expected_parameters, selected_parameters, blocks``.
        stages: one row an epoch, stage and candidate: ``epoch, stage, blocks, alpha, share, score,
            selected, parameters``.
    """

    blocks: tuple[int, ...]
    parameters: int
    epochs: pd.DataFrame
    stages: pd.DataFrame


class Searcher:
    """One run of a search recipe.

    What happens in an epoch depends on the recipe and its number alone, so that a resumed search on
    the same machine continues exactly; checkpoints are made at the end of each.

    Args:
        recipe: what to search.
        folder: where the checkpoint is.
        device: where to compute.

    Attributes:
        network: the supernet with its classifier.
        architecture: the weights of its candidates.
        teacher: whose features it learns; ``None`` for DARTS.
        losses: of both problems.
        state: all that is kept to go on.

    Raises:
        ScenarioError: if the images do not suit the recipe.
        CheckpointError: if the teacher's weights cannot be had.
    """

    def __init__(self, recipe: SearchRecipe, folder: Path, device: str = "cpu") -> None:
        self.recipe = recipe
        self.path = folder / CHECKPOINT
        self._device = device
        self._streams = Streams(recipe.seed).child("search")
        self._transmit = None if recipe.link is None else Transmission(recipe.link, device)
        coder = None if recipe.link is None else recipe.channel_coder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._streams.numpy("weights").integers(2**62)))
            network = SearchNetwork(recipe.model, coder)
            architecture = Architecture(recipe.method.temperature)
            self.teacher = (
                teacher(recipe.method.teacher, device)
                if isinstance(recipe.method, KdlDarts)
                else None
            )
        self.network = network.to(device).to(memory_format=torch.channels_last)
        self.architecture = architecture.to(device)
        self.losses = Losses(recipe.method, self._transmit, device)
        self._settings: dict[str, Optimizer] = {
            "architecture": recipe.architecture,
            "weights": recipe.weights,
        }
        models: dict[str, nn.Module] = {"architecture": self.architecture, "weights": self.network}
        self.state = State(models, self._settings, averages=False)
        self._learnt, self._judged = split_images(recipe, self._streams, device)
        self._epoch_steps = len(self._learnt) // recipe.batch
        self.state.steps = recipe.epochs * self._epoch_steps
        self._counts = candidate_parameters()

    def run(
        self, *, resume: bool = False, report: Callable[[SearchProgress], None] = lambda _: None
    ) -> Found:
        """Search to the end.

        Raises:
            CheckpointError: if ``resume`` finds a checkpoint of another recipe.
            TrainingError: if a loss or a gradient stops being a number.
        """
        keep_freed_memory()
        state, steps = self.state, self.recipe.epochs * self._epoch_steps
        if resume and self.path.is_file():
            state.restore(self.path, self.recipe, self._device)
        if state.step < steps:
            self._ask_teacher()
        rows: list[dict[str, Any]] = state.notes.setdefault("epochs", [])
        while state.step < steps:
            epoch, losses = len(rows) + 1, []
            self.network.train()
            for judged, learnt in self._epoch(epoch):
                self._set_learning_rates()
                loss = self._step(judged, learnt)
                losses.append(loss)
                state.step += 1
                if len(losses) < self._epoch_steps:
                    report(SearchProgress(state.step, steps, loss, epoch - 1, None))
            rows.append(self._judge(epoch, sum(losses) / len(losses)))
            state.save(self.path, self.recipe)
            report(SearchProgress(state.step, steps, losses[-1], epoch, rows[-1]))
        return self._found(rows)

    def _ask_teacher(self) -> None:
        if self.teacher is None:
            return
        with arithmetic(self.recipe.precision, self._device):
            self._learnt.learn_from(self.teacher)
            self._judged.learn_from(self.teacher)

    def _epoch(self, epoch: int) -> Iterator[tuple[Batch, Batch]]:
        stream = self._streams.child("epoch", epoch)

        def batches(images: Images, name: str) -> Iterator[Batch]:
            order = torch.from_numpy(stream.numpy(name).permutation(len(images)))
            return images.batches(self.recipe.batch, order)

        pairs = zip(batches(self._judged, "judged"), batches(self._learnt, "learnt"), strict=False)
        return islice(pairs, self._epoch_steps)

    def _set_learning_rates(self) -> None:
        state = self.state
        for name, optimizers in state.optimizers.items():
            set_learning_rates(optimizers, state.step, state.steps, self._settings[name])

    def _step(self, judged: Batch, learnt: Batch) -> float:
        """Lines 5 to 8 of Algorithm 1; return the inner loss."""
        if self._transmit is not None:
            self._transmit.seed(self._streams.child("step", self.state.step))
        with arithmetic(self.recipe.precision, self._device):
            outer = self.losses.outer(self.network, self.architecture, judged)
        self._check("validation loss", outer)
        self.architecture.alpha.grad = architecture_gradient(outer, self.architecture)
        self._descend("architecture")
        shares = self.architecture.shares().detach()
        with arithmetic(self.recipe.precision, self._device):
            inner = self.losses.training(self.network, shares, learnt)
        value = self._check("loss", inner)
        inner.backward()  # type: ignore[no-untyped-call]
        self._descend("weights")
        return value

    def _descend(self, name: str) -> None:
        model, optimizers = self.state.models[name], self.state.optimizers[name]
        norm = nn.utils.clip_grad_norm_(model.parameters(), self._settings[name].clip_norm)
        self._check(f"norm of the gradient of the {name}", norm)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def _check(self, what: str, value: Tensor) -> float:
        found = float(value.detach())
        if not math.isfinite(found):
            kept = self.path if self.path.is_file() else "none"
            raise TrainingError(
                f"{self.recipe.name}: the {what} is {found} at step {self.state.step}; last good "
                f"checkpoint: {kept}. Lower the learning rates and search again"
            )
        return found

    @torch.no_grad()
    def _judge(self, epoch: int, training_loss: float) -> dict[str, Any]:
        """Return one row of the trajectory, as plain data."""
        self.network.eval()
        shares = self.architecture.shares()
        loss = right = seen = 0.0
        for batch in self._judged.first(self.recipe.judged):
            with arithmetic(self.recipe.precision, self._device):
                value, logits = self.losses.validation(self.network, shares, batch)
            loss += float(value) * len(batch.label)
            right += float((logits.argmax(dim=1) == batch.label).sum())
            seen += len(batch.label)
        blocks = self.architecture.choice(self.losses.penalty)
        return {
            "epoch": epoch,
            "step": self.state.step,
            "training_loss": training_loss,
            "validation_loss": loss / seen,
            "accuracy": right / seen,
            "expected_parameters": float((shares.cpu().double() * self._counts).sum()),
            "selected_parameters": sum(stage_parameters(blocks)),
            "blocks": list(blocks),
            "alpha": self.architecture.alpha.tolist(),
            "share": shares.tolist(),
            "score": self.architecture.scores(self.losses.penalty).tolist(),
        }

    def _found(self, rows: list[dict[str, Any]]) -> Found:
        matrices = ("alpha", "share", "score")
        epochs = pd.DataFrame(
            [{name: value for name, value in row.items() if name not in matrices} for row in rows]
        )
        stages = [
            {
                "epoch": row["epoch"],
                "stage": stage + 1,
                "blocks": depth,
                **{name: row[name][stage][place] for name in matrices},
                "selected": row["blocks"][stage] == depth,
                "parameters": int(self._counts[stage, place]),
            }
            for row in rows
            for stage in range(len(row["blocks"]))
            for place, depth in enumerate(DEPTHS)
        ]
        last = rows[-1]
        blocks = tuple(last["blocks"])
        return Found(blocks, last["selected_parameters"], epochs, pd.DataFrame(stages))
