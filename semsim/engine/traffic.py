"""Which images the users are sent, and what they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

from semsim.types import Source


class ImageSource(Protocol):
    """Where images come from."""

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw ``count`` images."""
        ...


class UserSources:
    """One source a user; users of the same one are drawn together.

    Args:
        sources: by user.
    """

    def __init__(self, sources: Sequence[ImageSource]) -> None:
        self._sources = tuple(sources)

    def of(self, user: int) -> ImageSource:
        """Return the source of ``user``."""
        return self._sources[user]

    def class_name(self, user: int, label: int) -> str:
        """Return what a label of the user's source stands for, its number if that is not known."""
        classes: Sequence[str] = getattr(self.of(user), "classes", ())
        return classes[label] if label < len(classes) else f"class {label}"

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw one image a user, and its label: -1 where the user's source has none.

        Raises:
            ValueError: if ``count`` is not the number of users, or their images differ in size.
        """
        if count != len(self._sources):
            raise ValueError(f"{count} images for {len(self._sources)} users")
        different = list(dict.fromkeys(self._sources))
        if len(different) == 1:
            return different[0].sample(count, rng)
        images: list[torch.Tensor] = [torch.empty(0)] * count
        label = torch.full((count,), -1)
        names = [""] * count
        for source in different:
            members = [user for user, own in enumerate(self._sources) if own is source]
            drawn = source.sample(len(members), rng)
            for place, user in enumerate(members):
                images[user] = drawn.image[place]
                names[user] = drawn.name[place] if drawn.name else ""
                if drawn.label is not None:
                    label[user] = drawn.label[place]
        if len({image.shape for image in images}) > 1:
            raise ValueError("the users' sources have images of different sizes")
        return Source(torch.stack(images), label, name=tuple(names))
