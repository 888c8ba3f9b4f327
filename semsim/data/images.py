"""Photographs in memory, and squares cut from them at mixed scales."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from semsim.errors import DataError
from semsim.types import Source

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})


def read_image(path: Path, max_side: int | None = None) -> Image.Image:
    """Read one image as RGB, upright, its shorter side at most ``max_side`` pixels.

    Transparent parts become white; 16-bit grey is scaled to 8 bit.

    Raises:
        DataError: if the file is no image, is damaged, or has no known white level.
    """
    try:
        with Image.open(path) as opened:
            if max_side is not None:
                opened.draft("RGB", (2 * max_side, 2 * max_side))
            image = _to_rgb(ImageOps.exif_transpose(opened))
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise DataError(
            f"{path}: cannot be read as an image ({error}); remove or replace it"
        ) from error
    shorter = min(image.size)
    if max_side is not None and shorter > max_side:
        size = (round(image.width * max_side / shorter), round(image.height * max_side / shorter))
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.float64) / 257.0  # Pillow would clip at 255
        image = Image.fromarray(levels.round().astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode!r} have no known white level")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")


def to_tensor(images: Sequence[Image.Image]) -> Tensor:
    """Stack equally large RGB images to ``[B, 3, H, W]`` in 0..1."""
    stacked = np.stack([np.asarray(image, dtype=np.uint8) for image in images])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous().float() / 255.0


def draw_order(total: int, count: int, rng: np.random.Generator) -> list[int]:
    """Draw ``count`` of ``total`` indices; they repeat only when all of them were drawn.

    Raises:
        ValueError: if ``count`` is not positive.
    """
    order: list[int] = []
    while len(order) < checked_count(count):
        order += rng.permutation(total).tolist()
    return order[:count]


def checked_count(count: int) -> int:
    """Return ``count``.

    Raises:
        ValueError: if it is not positive.
    """
    if count < 1:
        raise ValueError(f"the number of images must be positive, got {count}")
    return count


class Album(Protocol):
    """Photographs by index: a list of them, or files that are read when asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Image.Image: ...


class Photographs:
    """An album of photographs from which square images of one size are cut.

    Args:
        images: RGB photographs.
        names: one a photograph.
        size: height and width of what is cut, in pixels.
        crop: ``center`` takes the largest central square; ``random`` a square whose side is
            log-uniform between ``size`` and the shorter side, at a uniform place, mirrored half
            of the time.
        least: the smallest random square's side as a share of the shorter side.
        labels: class of each photograph, where there are classes.
        hold: keep the photographs, with smaller copies, instead of asking the album at each draw.
    """

    def __init__(
        self,
        images: Album,
        names: Sequence[str],
        size: int,
        crop: str,
        least: float = 0.0,
        labels: Sequence[int] | None = None,
        *,
        hold: bool = True,
    ) -> None:
        if not len(images):
            raise DataError("there are no photographs to draw from")
        self.names = tuple(names)
        self.size = size
        self.crop = crop
        self.least = least
        self._labels = None if labels is None else torch.tensor(labels)
        self._images = images
        self._held = [_pyramid(images[i], size) for i in range(len(images))] if hold else None

    def __len__(self) -> int:
        return len(self.names)

    def take(self, count: int) -> Source:
        """Return ``count`` images, always the same.

        Each photograph's central square comes first, then random squares of a fixed seed.
        """
        rng = np.random.default_rng(20_24)
        whole = [self._center(i) for i in range(min(checked_count(count), len(self)))]
        more = [i % len(self) for i in range(count - len(whole))]
        images = whole + [self._random(i, rng) for i in more]
        return self._source(images, [*range(len(whole)), *more])

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw ``count`` images; photographs repeat only when all of them were drawn."""
        chosen = draw_order(len(self), count, rng)
        cut = self._center if self.crop == "center" else lambda i: self._random(i, rng)
        return self._source([cut(i) for i in chosen], chosen)

    def _source(self, images: list[Image.Image], index: list[int]) -> Source:
        return Source(
            image=to_tensor(images),
            label=None if self._labels is None else self._labels[index],
            name=tuple(self.names[i] for i in index),
        )

    def _levels(self, index: int) -> list[Image.Image]:
        if self._held is not None:
            return self._held[index]
        return _pyramid(self._images[index], self.size)

    def _center(self, index: int) -> Image.Image:
        levels = self._levels(index)
        side = min(levels[0].size)
        left, top = (levels[0].width - side) // 2, (levels[0].height - side) // 2
        return self._cut(levels, left, top, side)

    def _random(self, index: int, rng: np.random.Generator) -> Image.Image:
        levels = self._levels(index)
        image = levels[0]
        shorter = min(image.size)
        smallest = max(self.size, self.least * shorter)
        side = round(float(np.exp(rng.uniform(np.log(smallest), np.log(shorter)))))
        left = int(rng.integers(image.width - side + 1))
        top = int(rng.integers(image.height - side + 1))
        cut = self._cut(levels, left, top, side)
        return ImageOps.mirror(cut) if rng.random() < 0.5 else cut

    def _cut(self, levels: list[Image.Image], left: int, top: int, side: int) -> Image.Image:
        # Cut from the smallest level that still has `size` pixels: the same picture, far faster.
        level = 0
        while level + 1 < len(levels) and side >> (level + 1) >= self.size:
            level += 1
        scale = 1 << level
        source = levels[level]
        box = (left / scale, top / scale, (left + side) / scale, (top + side) / scale)
        box = (box[0], box[1], min(box[2], source.width), min(box[3], source.height))
        return source.resize((self.size, self.size), Image.Resampling.LANCZOS, box=box)


def _pyramid(image: Image.Image, size: int) -> list[Image.Image]:
    shorter = min(image.size)
    if shorter < size:
        factor = size / shorter
        wanted = (max(size, round(image.width * factor)), max(size, round(image.height * factor)))
        image = image.resize(wanted, Image.Resampling.BICUBIC)
    levels = [image]
    while min(levels[-1].size) // 2 >= size:
        levels.append(levels[-1].reduce(2))
    return levels


def to_uint8(image: Tensor) -> NDArray[np.uint8]:
    """``[B, 3, H, W]`` in 0..1 to ``[B, H, W, 3]`` bytes, clamped and rounded."""
    rounded = (image.detach().clamp(0, 1) * 255.0).round().to(torch.uint8)
    return rounded.permute(0, 2, 3, 1).cpu().numpy()
