"""All that a training run must remember, on disk whole or not at all."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from semsim.errors import CheckpointError, ScenarioError
from semsim.training.optimizers import optimizers
from semsim.training.recipe import Named, Optimizer

Tensors = dict[str, Tensor]


@dataclass
class Best:
    """The best weights so far, for early stopping.

    Attributes:
        value: the held-out figure.
        stale: evaluations since then.
        weights: averaged weights of each model.
    """

    value: float = float("-inf")
    stale: int = 0
    weights: dict[str, Tensors] = field(default_factory=dict)


class State:
    """Models with their running averages and optimisers, and how far they have come.

    Attributes:
        models: what is trained.
        averaged: running averages of the weights, which is what is kept.
        optimizers: of each model; every group knows its ``initial_lr``.
        step: batches done.
        steps: batches to do; ``None`` until a recipe in minutes knows its pace.
        best: for early stopping.
        notes: what else a run wants to remember, as plain data.

    Args:
        models: what is trained.
        settings: of their optimisers, one for all or one each.
        averages: whether running averages are wanted.
    """

    def __init__(
        self,
        models: dict[str, nn.Module],
        settings: Optimizer | Mapping[str, Optimizer],
        *,
        averages: bool = True,
    ) -> None:
        self.models = models
        self.averaged = {
            name: copy.deepcopy(model).eval() for name, model in models.items() if averages
        }
        each = _of_each(settings, models)
        self.optimizers = {
            name: optimizers(
                model, each[name].learning_rates.get(name, each[name].learning_rate), each[name]
            )
            for name, model in models.items()
        }
        self.step = 0
        self.steps: int | None = None
        self.best = Best()
        self.notes: dict[str, Any] = {}

    def tensors(self) -> dict[str, dict[str, Tensors]]:
        """Return the models' weights and buffers, and the averages'."""
        return {"models": _tensors(self.models), "averaged": _tensors(self.averaged)}

    def fill(self, kept: dict[str, dict[str, Tensors]]) -> None:
        """Take over what :meth:`tensors` gave elsewhere."""
        _fill(self.models, kept["models"])
        _fill(self.averaged, kept["averaged"])

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the averages towards the models."""
        for name, model in self.models.items():
            source = model.state_dict()
            for key, value in self.averaged[name].state_dict().items():
                if value.is_floating_point():
                    value.lerp_(source[key], 1.0 - decay)
                else:
                    value.copy_(source[key])

    def note(self, value: float, least_gain: float) -> None:
        """Keep the averages if ``value`` is the best held-out figure so far."""
        if value < self.best.value + least_gain:
            self.best.stale += 1
            return
        self.best = Best(value, 0, copy.deepcopy(_tensors(self.averaged)))

    def take_best(self) -> None:
        """Put the best weights that were noted into the averages."""
        if self.best.weights:
            _fill(self.averaged, self.best.weights)

    def save(self, path: Path, recipe: Named) -> None:
        """Write everything to ``path``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        torch.save(
            {
                "recipe": recipe.model_dump_json(),
                "step": self.step,
                "steps": self.steps,
                **self.tensors(),
                "optimizers": {
                    name: [optimizer.state_dict() for optimizer in several]
                    for name, several in self.optimizers.items()
                },
                "best": vars(self.best),
                "notes": self.notes,
            },
            temporary,
        )
        os.replace(temporary, path)

    def restore(self, path: Path, recipe: Named, device: str) -> None:
        """Read what :meth:`save` wrote.

        Raises:
            CheckpointError: if it belongs to another recipe, or cannot be read.
        """
        try:
            kept: dict[str, Any] = torch.load(path, weights_only=True, map_location=device)
        except Exception as error:  # damaged files make torch.load raise nearly anything
            raise CheckpointError(
                f"{path}: cannot be read ({error}); remove it to start anew"
            ) from error
        if not _same(kept["recipe"], recipe):
            raise CheckpointError(
                f"{path}: made by another version of recipe {recipe.name!r}; "
                "begin anew with --fresh, or in another folder"
            )
        self.fill(kept)
        for name, several in self.optimizers.items():
            for optimizer, found in zip(several, kept["optimizers"][name], strict=True):
                optimizer.load_state_dict(found)
        self.step, self.steps, self.best = kept["step"], kept["steps"], Best(**kept["best"])
        self.notes = kept.get("notes", {})


def _of_each(
    settings: Optimizer | Mapping[str, Optimizer], models: dict[str, nn.Module]
) -> Mapping[str, Optimizer]:
    if not isinstance(settings, Optimizer):
        return settings
    unknown = sorted(set(settings.learning_rates) - set(models))
    if unknown:
        raise ScenarioError(
            f"optimizer.learning_rates names {unknown[0]!r}; the objective trains "
            f"{', '.join(models)}"
        )
    return dict.fromkeys(models, settings)


def _same(text: str, recipe: Named) -> bool:
    """Compare recipes, not their text: an option that is new since then has its default."""
    try:
        return type(recipe).model_validate_json(text) == recipe
    except ValidationError:
        return False


def _tensors(models: dict[str, nn.Module]) -> dict[str, Tensors]:
    # Buffers that do not ship (a codebook's running averages) are needed to go on training.
    return {
        name: {**dict(model.named_parameters()), **dict(model.named_buffers())}
        for name, model in models.items()
    }


@torch.no_grad()
def _fill(models: dict[str, nn.Module], tensors: dict[str, Tensors]) -> None:
    for name, values in _tensors(models).items():
        for key, value in values.items():
            value.copy_(tensors[name][key])
