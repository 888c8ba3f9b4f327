"""The order of images, which both ends draw alike."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from semsim.codecs.ftsc.tuning.config import TuningConfig


def batches(config: TuningConfig, images: int) -> Iterator[Tensor]:
    """Yield ``config.steps`` batches of positions among ``images``; every image once an epoch.

    Raises:
        ValueError: if there is no image.

    >>> [rows.tolist() for rows in batches(TuningConfig(steps=2, batch=4), 2)]
    [[0, 1], [1, 0]]
    """
    if images < 1:
        raise ValueError("no image arrived that a decoder could be tuned on")
    generator = torch.Generator().manual_seed(config.seed)
    size = min(config.batch, images)
    waiting = torch.empty(0, dtype=torch.long)
    for _ in range(config.steps):
        if len(waiting) < size:
            waiting = torch.cat([waiting, torch.randperm(images, generator=generator)])
        yield waiting[:size]
        waiting = waiting[size:]
