"""A classifier of clean images, to see what a receiver can still tell of what arrives."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torchvision.models import resnet18

from semsim.errors import DataError
from semsim.experiments.definition import Setting
from semsim.results import recorded_versions
from semsim.types import Source

#: Images are classified at this size, whatever the codec worked on; ImageNet at 224.
_SIZE = 32
_STEPS = {"small": 600, "paper": 20_000}
_BATCH = 64


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


def learn(images: Source, name: str, setting: Setting) -> Classifier:
    """Train a classifier on clean labelled images, or take it from where it was kept.

    Args:
        images: with a label each.
        name: what they are, for progress and messages.
        setting: the scale decides on the network and its steps; ``keep`` on where it is kept.

    Raises:
        DataError: if they have no labels.
    """
    if images.label is None:
        raise DataError(f"{name}: its images have no labels, which top-1 accuracy needs")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        classes = int(images.label.max()) + 1
        network = _small(classes) if setting.scale == "small" else resnet18(num_classes=classes)
    network = network.to(setting.device)
    kept = _kept(images.image, images.label, setting)
    if kept.is_file():
        network.load_state_dict(load_file(kept, device=setting.device))
        return Classifier(network, _SIZE)
    _train(network, images.image, images.label, name, setting)
    kept.parent.mkdir(parents=True, exist_ok=True)
    written = kept.with_suffix(".tmp")
    save_file(network.state_dict(), written)
    os.replace(written, kept)
    return Classifier(network, _SIZE)


def _kept(image: Tensor, label: Tensor, setting: Setting) -> Path:
    """Return the file of a classifier: by all that decides its weights."""
    decides = [recorded_versions(), setting.scale, _STEPS[setting.scale], _BATCH]
    digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
    for part in (image, label):
        digest.update(part.contiguous().cpu().numpy().tobytes())
    return setting.keep / "classifiers" / f"{digest.hexdigest()[:12]}.safetensors"


def _train(network: nn.Module, image: Tensor, label: Tensor, name: str, setting: Setting) -> None:
    generator = torch.Generator().manual_seed(0)
    network.train()
    steps = _STEPS[setting.scale]
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    image = _prepared(image, _SIZE)
    for step in range(steps):
        if step % 50 == 0:
            setting.report(step, steps, f"classifier of {name}")
        rows = torch.randint(len(image), (_BATCH,), generator=generator)
        batch, wanted = image[rows].to(setting.device), label[rows].to(setting.device)
        loss = F.cross_entropy(network(batch), wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


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
