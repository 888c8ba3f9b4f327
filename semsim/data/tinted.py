"""``tinted``: small pictures in colour, with classes and captions that can be checked."""

from __future__ import annotations

import zlib
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from semsim.data.collection import Collection
from semsim.data.config import CollectionConfig, FashionClass, TintedConfig
from semsim.data.labelled import LabelledImages

#: Names and sRGB values of the tints; white stays grey as it was.
TINTS: dict[str, tuple[int, int, int]] = {
    "red": (230, 40, 40),
    "orange": (255, 140, 20),
    "yellow": (250, 225, 50),
    "green": (50, 180, 70),
    "blue": (60, 100, 240),
    "purple": (160, 70, 200),
    "white": (255, 255, 255),
}
TONES = ("dark", "bright")
SIZES = ("small", "large")

#: Median of the mean grey of lit pixels, and of the share of lit pixels, over the training pictures
#: of bags and sneakers; they divide dark from bright and small from large.
_MEDIAN_GREY = 161.8
_MEDIAN_SHARE = 0.369
_LIT = 25


class Tinted(LabelledImages):
    """Fashion-MNIST's grey pictures, each in one of seven colours, on black.

    The colour is drawn by a hash of the picture's name, so that it is always the same one, is
    independent of the class, and carries information of its own. Captions are ``a <size> <tone>
    <colour> <class>``: whether more or less of the picture is lit than of most bags and sneakers,
    and whether what is lit is lighter or darker. Names are those of the collection ``fashion``.
    """

    Config = TintedConfig

    def __init__(self, config: TintedConfig) -> None:
        grey = Collection(CollectionConfig(name="fashion", split=config.split, size=28))
        classes = [get_args(FashionClass).index(name) for name in config.classes]
        index = [i for i, label in enumerate(grey.labels) if label in classes]
        images = [tint(grey.images[i], colour_of(grey.names[i])) for i in index]
        labels = np.array([classes.index(int(grey.labels[i])) for i in index], np.int64)
        captions = [
            f"a {_described(grey.images[i])} {colour_of(grey.names[i])} {config.classes[label]}"
            for i, label in zip(index, labels, strict=True)
        ]
        names = [grey.names[i] for i in index]
        super().__init__(np.stack(images), labels, names, config.size, captions)


def colour_of(name: str) -> str:
    """Return the tint of the picture that is called ``name``."""
    return list(TINTS)[zlib.crc32(name.encode()) % len(TINTS)]


def tint(image: NDArray[np.uint8], colour: str) -> NDArray[np.uint8]:
    """Multiply a grey picture ``[H, W, 3]`` by a colour."""
    values = np.array(TINTS[colour], np.float64) / 255.0
    return np.rint(image * values).astype(np.uint8)


def _described(image: NDArray[np.uint8]) -> str:
    grey = image[..., 0]
    lit = grey > _LIT
    size = SIZES[int(lit.mean() > _MEDIAN_SHARE)]
    tone = TONES[int(bool(lit.any()) and float(grey[lit].mean()) > _MEDIAN_GREY)]
    return f"{size} {tone}"
