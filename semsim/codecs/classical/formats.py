"""What every classical image format must do, and the four that there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semsim.codecs.classical.avif import Avif
from semsim.codecs.classical.config import ClassicalConfig
from semsim.codecs.classical.hevc import Hevc
from semsim.codecs.classical.jpeg import Jpeg
from semsim.codecs.classical.webp import WebP


class Format(Protocol):
    """One format under one agreement on headers."""

    @property
    def qualities(self) -> Sequence[int]:
        """Settings of the encoder, by rising quality."""
        ...

    @property
    def subsamplings(self) -> tuple[int, ...]:
        """Chroma formats to choose from in Pillow's numbers: 0 is 4:4:4, 2 is 4:2:0."""
        ...

    @property
    def max_side(self) -> int:
        """The largest width and height in pixels."""
        ...

    def pack(self, image: Image.Image, subsampling: int, quality: int, /) -> bytes:
        """Compress an RGB image to the stream that travels."""
        ...

    def unpack(self, stream: bytes, width: int, height: int) -> bytes:
        """Return the file behind a ``stream`` that may be padded with zeros."""
        ...

    def read(self, file: bytes, size: tuple[int, int]) -> NDArray[np.uint8] | None:
        """Decode a file to ``[H, W, 3]``; none where its (width, height) is not ``size``."""
        ...


def build_format(config: ClassicalConfig) -> Format:
    """Return the format that ``config`` names.

    Raises:
        MissingExtraError: if its encoder is not installed.
    """
    agreed = config.headers == "agreed"
    formats: dict[str, type[Jpeg | WebP | Avif | Hevc]] = {
        "jpeg": Jpeg,
        "webp": WebP,
        "avif": Avif,
        "hevc": Hevc,
    }
    return formats[config.format](agreed)
