"""What objectives share: the loss of classes, and what a codec leaves behind."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from semsim.config import PluginConfig
from semsim.errors import ScenarioError
from semsim.types import Product, Source, Trainable


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
