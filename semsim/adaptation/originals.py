"""Original images as lossless packets."""

from __future__ import annotations

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from semsim.data.images import to_tensor, to_uint8


def pack(image: Tensor) -> list[NDArray[np.uint8]]:
    """``[B, 3, H, W]`` in 0..1, rounded to 8 bit, to the bits of one PNG file an image."""
    packets = []
    for pixels in to_uint8(image):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="png", optimize=True)
        packets.append(np.unpackbits(np.frombuffer(buffer.getvalue(), np.uint8)))
    return packets


def unpack(packets: list[NDArray[np.uint8]], device: str | torch.device = "cpu") -> Tensor:
    """The bits of PNG files to ``[B, 3, H, W]`` in 0..1."""
    files = [io.BytesIO(np.packbits(bits).tobytes()) for bits in packets]
    return to_tensor([Image.open(file).convert("RGB") for file in files]).to(device)
