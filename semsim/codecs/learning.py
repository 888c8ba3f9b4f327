"""What objectives share: lessons, the loss of classes, and what a codec leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from semsim.config import PluginConfig
from semsim.errors import ScenarioError
from semsim.types import Codec, Product, Source, Trainable


@dataclass(frozen=True)
class Lesson:
    """How a codec learns from one batch, where that is not how it sends one.

    Attributes:
        codec: stands in for the codec on this batch's way through the link.
        loss: to be added to the objective's, a scalar.
        figures: what to show while training.
    """

    codec: Codec
    loss: Tensor
    figures: dict[str, float] = field(default_factory=dict)


@runtime_checkable
class GivesLessons(Protocol):
    """A codec that has a loss of its own, or sends what passes no gradient."""

    def lesson(self, source: Source, generator: torch.Generator) -> Lesson:
        """Prepare a batch; ``generator`` decides what is left to chance."""
        ...


def task_loss(logits: Tensor, source: Source) -> Tensor:
    """Return the cross-entropy of ``[B, classes]`` logits.

    Raises:
        ScenarioError: if the source has no classes, or more than the codec tells apart.
    """
    if source.label is None:
        raise ScenarioError(
            "sources: the images have no classes to learn; choose sources that all have them "
            "(scenes, collection, torchvision, folder with 'labels: folders')"
        )
    classes, found = logits.shape[1], int(source.label.max()) + 1
    if found > classes:
        raise ScenarioError(
            f"objective: the codec tells {classes} classes apart, the sources have at least "
            f"{found}; set the model's 'classes'"
        )
    return F.cross_entropy(logits, source.label)


def product_of(
    config: PluginConfig, codec: Trainable, model: str = "codec", part: str = ""
) -> Product:
    """Return what a codec that was built from ``config`` leaves behind."""
    options = config.model_dump(mode="json", exclude_defaults=True, exclude={"model"})
    named = {**options, "kind": config.kind, "weights": "WEIGHTS"}
    return Product(model, codec.sizes(), named, part)
