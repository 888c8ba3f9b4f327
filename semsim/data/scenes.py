"""``scenes``: drawn pictures with a label and a caption whose meaning can be checked exactly."""

from __future__ import annotations

import numpy as np
import torch

from semsim.data.config import ScenesConfig
from semsim.data.images import checked_count
from semsim.data.scene_drawing import draw
from semsim.data.scene_grammar import (
    COLOURS,
    PAIRS,
    SHAPES,
    SINGLES,
    VOCABULARY,
    Scene,
    Thing,
    agreement,
    caption_of,
    parse,
    scene_at,
)
from semsim.types import Source

__all__ = [
    "COLOURS",
    "SHAPES",
    "VOCABULARY",
    "Scene",
    "Scenes",
    "Thing",
    "agreement",
    "caption_of",
    "parse",
    "scene_at",
]

_TAKE_SEED = 1729
#: What the configuration calls the arrangement of two objects.
_ARRANGED = {"left": "left", "top": "above"}


class Scenes:
    """Scenes of one or two objects; no two pictures are alike, even of one scene.

    Labels are indices into the configuration's shapes, all of :data:`SHAPES` unless it says
    otherwise, of the first object of the caption (the left or the upper one of two). Names are
    ``scenes/<index>``, with the index of :func:`~semsim.data.scene_grammar.scene_at`.
    """

    Config = ScenesConfig

    def __init__(self, config: ScenesConfig) -> None:
        self.config = config
        self._shapes: tuple[str, ...] = config.shapes

    def __len__(self) -> int:
        """Return the number of distinct scenes of the grammar."""
        return SINGLES + PAIRS

    def take(self, count: int) -> Source:
        """Return ``count`` images, always the same ones."""
        return self.sample(count, np.random.default_rng(_TAKE_SEED))

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw ``count`` images with ``rng``, half of them with two objects."""
        drawn = [self._draw(rng) for _ in range(checked_count(count))]
        scenes = [scene_at(index) for index, _ in drawn]
        return Source(
            image=torch.from_numpy(np.stack([image for _, image in drawn])),
            label=torch.tensor([self._shapes.index(scene.first.shape) for scene in scenes]),
            caption=tuple(caption_of(scene) for scene in scenes),
            name=tuple(f"scenes/{index}" for index, _ in drawn),
        )

    def _draw(self, rng: np.random.Generator) -> tuple[int, np.ndarray]:
        index = self._index(rng)
        if self.config.pictures:
            return index, draw(scene_at(index), self.config.size, rng)
        return index, np.zeros((3, self.config.size, self.config.size), np.float32)

    def _index(self, rng: np.random.Generator) -> int:
        pairs = {"left", "above"}.intersection(self.config.arrangements)
        single = "single" in self.config.arrangements
        pair = rng.random() < 0.5 if pairs and single else bool(pairs)
        while True:
            index = int(SINGLES + rng.integers(PAIRS) if pair else rng.integers(SINGLES))
            scene = scene_at(index)
            arranged = not pair or _ARRANGED[scene.place] in pairs
            if arranged and scene.background in self.config.backgrounds and self._may_show(scene):
                return index

    def _may_show(self, scene: Scene) -> bool:
        things = (scene.first, scene.second)
        return all(thing is None or thing.shape in self._shapes for thing in things)
