"""The best linear code of 4×4 blocks of photographs, as taps of 5×5 convolutions of stride 2."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

#: Noise power over signal power that decoders start for.
NOISE = 0.1
#: A sigmoid flattens towards black and white; what enters it is stretched by this.
STRETCH = 1.35
#: Correlation of neighbouring pixels, and of two colours of one pixel, of natural photographs.
_NEIGHBOURS, _COLOURS = 0.95, 0.9
#: Taps of a 5×5 convolution of stride 2 that see the 2×2 pixels of its place.
_BLOCK = slice(2, 4)


def block_directions() -> tuple[Tensor, Tensor]:
    """The energies ``[48]`` of the directions ``[48, 3, 4, 4]`` of blocks, largest first."""
    places = np.arange(4)
    line = _NEIGHBOURS ** np.abs(np.subtract.outer(places, places))
    colours = np.full((3, 3), _COLOURS) + (1.0 - _COLOURS) * np.eye(3)
    energies, directions = np.linalg.eigh(np.kron(colours, np.kron(line, line)))
    blocks = np.ascontiguousarray(directions.T[::-1]).reshape(48, 3, 4, 4)
    return torch.tensor(energies[::-1].copy()).float(), torch.tensor(blocks).float()


def pixel_basis() -> Tensor:
    """An orthonormal basis ``[12, 3, 2, 2]`` of 2×2 pixels: grey or two hues, times Haar's."""
    haar = torch.tensor([[1.0, 1.0], [1.0, -1.0]]) / math.sqrt(2.0)
    squares = torch.einsum("ai,bj->abij", haar, haar).reshape(4, 2, 2)
    hues = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
    hues = hues / hues.norm(dim=1, keepdim=True)
    return torch.einsum("kc,hij->hkcij", hues, squares).reshape(12, 3, 2, 2)


def over_pixels(blocks: Tensor, pixels: Tensor) -> Tensor:
    """Write directions of blocks over the pixels' basis: ``[48, 12, 2, 2]``."""
    return torch.einsum("ncrisj,qcij->nqrs", blocks.view(-1, 3, 2, 2, 2, 2), pixels)


def write_block(weight: Tensor, block: Tensor) -> None:
    """Let 5×5 kernels of stride 2 see ``block`` at their place and nothing else of these inputs."""
    weight.zero_()
    weight[:, :, _BLOCK, _BLOCK] = block
