"""A classifier of clean images, to see what a receiver can still tell (Fig. 7)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import ResNet50_Weights, resnet18, resnet50

from semsim.errors import DataError
from semsim.experiments.definition import Setting
from semsim.experiments.ftsc.roles import DataSet
from semsim.shortcuts import load_source

#: Images are classified at this size, whatever the codec worked on; ImageNet at 224.
_SIZE = 32
_STEPS = {"small": 600, "paper": 20_000}
_BATCH = 64
_TRAINED_ON = {"small": 4000, "paper": 50_000}


class Classifier:
    """A network and the size of image that it takes."""

    def __init__(self, network: nn.Module, size: int) -> None:
        self._network = network.eval()
        self._size = size

    @torch.inference_mode()
    def right(self, image: Tensor, label: Tensor) -> Tensor:
        """Tell for images ``[B, 3, H, W]`` whether the first guess is ``label``, ``[B]`` bool."""
        guesses = [
            self._network(_prepared(batch, self._size)).argmax(1)
            for batch in torch.split(image, _BATCH)
        ]
        return torch.cat(guesses) == label.to(image.device)


def classifier(dataset: DataSet, setting: Setting) -> Classifier:
    """Train a classifier on the clean training images of ``dataset``; ImageNet's is torchvision's.

    Raises:
        DataError: if its images have no labels.
    """
    if dataset.name == "imagenet":
        weights = ResNet50_Weights.DEFAULT
        return Classifier(resnet50(weights=weights).to(setting.device), 224)
    images = load_source(dataset.source("train")).take(_TRAINED_ON[setting.scale])
    if images.label is None:
        raise DataError(f"{dataset.name}: its images have no labels, which top-1 accuracy needs")
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        classes = int(images.label.max()) + 1
        network = _small(classes) if setting.scale == "small" else resnet18(num_classes=classes)
    network = network.to(setting.device).train()
    steps = _STEPS[setting.scale]
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    image = _prepared(images.image, _SIZE)
    for step in range(steps):
        if step % 50 == 0:
            setting.report(step, steps, f"classifier of {dataset.name}")
        rows = torch.randint(len(image), (_BATCH,), generator=generator)
        batch, label = image[rows].to(setting.device), images.label[rows].to(setting.device)
        loss = F.cross_entropy(network(batch), label)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return Classifier(network, _SIZE)


def _small(classes: int) -> nn.Module:
    layers: list[Any] = []
    for before, after in ((3, 32), (32, 64), (64, 128)):
        layers += [
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, classes))


def _prepared(image: Tensor, size: int) -> Tensor:
    """Resize and centre as ImageNet's statistics have it."""
    mean = torch.tensor((0.485, 0.456, 0.406), device=image.device).view(1, 3, 1, 1)
    deviation = torch.tensor((0.229, 0.224, 0.225), device=image.device).view(1, 3, 1, 1)
    smaller = F.interpolate(image, (size, size), mode="bilinear", antialias=True)
    return (smaller - mean) / deviation
