"""Decoding by Pillow, guarded against damaged headers."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image


class PillowReader:
    """Reads files of the one format that Pillow knows as ``pillow``."""

    pillow: str

    def read(self, file: bytes, size: tuple[int, int]) -> NDArray[np.uint8] | None:
        """Decode a file to ``[H, W, 3]``; none where its (width, height) is not ``size``."""
        with Image.open(BytesIO(file), formats=(self.pillow,)) as image:
            # A damaged header may ask for gigabytes: look before the pixels are read.
            return np.array(image.convert("RGB")) if image.size == size else None
