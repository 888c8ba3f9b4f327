"""Where DeepJSCC starts to learn: at a linear code of 4×4 blocks, inside its own convolutions.

Nearly all energy of natural images lies in few directions, and five plain convolutions that start
at random take hundreds of thousands of images to find them: mean colours first, edges last. The
best linear analog code of small blocks is known without training: the Karhunen-Loève transform
with gains λ^(-1/4), as in SoftCast (Jakubczak, Katabi, 2011). Written into the weights, it is where
gradient descent begins; every weight is free from there on.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

#: Correlation of neighbouring pixels, and of two colours of one pixel, of natural photographs.
_NEIGHBOURS, _COLOURS = 0.95, 0.9
#: Noise power over signal power that the decoder starts for.
_NOISE = 0.1
#: What stays of the random start: enough to break symmetries, too little to disturb the transform.
_RANDOM = 0.1
#: A sigmoid flattens towards black and white; what enters it is stretched by this.
_STRETCH = 1.35
#: Slope of a PReLU that is to bend (He et al. 2015), and of one that passes the transform.
_BENT, _STRAIGHT = 0.25, 1.0
#: Taps of a 5×5 convolution of stride 2 that see the 2×2 pixels of its place, and of stride 1.
_BLOCK, _CENTRE = slice(2, 4), 2


@torch.no_grad()
def start_at_blocks(encoder: nn.Sequential, decoder: nn.Sequential) -> None:
    """Make ``decoder(encoder(image))`` the linear code; where filters are too few, what fits.

    The first two convolutions are the transform, the last of the encoder has the gains; the decoder
    mirrors them with gains of least mean squared error. The convolutions between pass it on.

    Args:
        encoder: five ``Conv2d`` 5×5 of strides 2, 2, 1, 1, 1, a ``PReLU`` after each.
        decoder: five ``ConvTranspose2d`` 5×5 of strides 1, 1, 1, 2, 2, a ``PReLU`` between them.
    """
    for layer in (*encoder, *decoder):
        _bend(layer)
    down_1, down_2, *passing, squeeze = _convolutions(encoder)
    widen, *back, up_1, up_2 = _convolutions(decoder)
    energies, blocks = _transform()
    pixels = _pixel_transform()
    pairs = _over_pixels(blocks, pixels)
    fine = min(len(pixels), down_1.out_channels)
    kept = min(len(blocks), *(layer.out_channels for layer in (down_2, *passing)))
    sent = min(kept, squeeze.out_channels)
    gains = energies[:sent] ** -0.25
    received = gains.square() * energies[:sent]
    received /= received.mean()
    gains = (received / energies[:sent]).sqrt()

    _write(down_1.weight[:fine], pixels[:fine])
    _write(down_2.weight[:kept, :fine], pairs[:kept, :fine])
    for layer in passing:
        _pass(layer.weight, torch.ones(kept))
    _pass(squeeze.weight, gains)
    _pass(widen.weight, received / (received + _NOISE) / gains)
    for layer in back:
        _pass(layer.weight, torch.ones(sent))
    _write(up_1.weight[:sent, :fine], pairs[:sent, :fine])
    _write(up_2.weight[:fine], _STRETCH * pixels[:fine])
    for network, straight in (
        (encoder, (fine, kept, kept, kept, sent)),
        (decoder, (sent, sent, sent, fine)),
    ):
        slopes = [layer.weight for layer in network if isinstance(layer, nn.PReLU)]
        for slope, count in zip(slopes, straight, strict=True):
            slope[:count] = _STRAIGHT


def _bend(layer: nn.Module) -> None:
    """Start at random, a little, with variances that no layer changes (He et al. 2015, eq. 15)."""
    if isinstance(layer, nn.PReLU):
        nn.init.constant_(layer.weight, _BENT)
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        taps = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        if isinstance(layer, nn.ConvTranspose2d):
            taps //= layer.stride[0] * layer.stride[1]  # the others meet the zeros between inputs
        nn.init.normal_(layer.weight, std=_RANDOM * math.sqrt(2.0 / ((1 + _BENT**2) * taps)))
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def _convolutions(network: nn.Sequential) -> list[nn.Conv2d | nn.ConvTranspose2d]:
    return [layer for layer in network if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]


def _transform() -> tuple[Tensor, Tensor]:
    """The energies ``[48]`` of the directions ``[48, 3, 4, 4]`` of blocks, largest first."""
    places = np.arange(4)
    line = _NEIGHBOURS ** np.abs(np.subtract.outer(places, places))
    colours = np.full((3, 3), _COLOURS) + (1.0 - _COLOURS) * np.eye(3)
    energies, directions = np.linalg.eigh(np.kron(colours, np.kron(line, line)))
    blocks = np.ascontiguousarray(directions.T[::-1]).reshape(48, 3, 4, 4)
    return torch.tensor(energies[::-1].copy()).float(), torch.tensor(blocks).float()


def _pixel_transform() -> Tensor:
    """An orthonormal basis ``[12, 3, 2, 2]`` of 2×2 pixels: grey or two hues, times Haar's."""
    haar = torch.tensor([[1.0, 1.0], [1.0, -1.0]]) / math.sqrt(2.0)
    squares = torch.einsum("ai,bj->abij", haar, haar).reshape(4, 2, 2)
    hues = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
    hues = hues / hues.norm(dim=1, keepdim=True)
    return torch.einsum("kc,hij->hkcij", hues, squares).reshape(12, 3, 2, 2)


def _over_pixels(blocks: Tensor, pixels: Tensor) -> Tensor:
    """Write directions of blocks over the pixels' basis: ``[48, 12, 2, 2]``."""
    return torch.einsum("ncrisj,qcij->nqrs", blocks.view(-1, 3, 2, 2, 2, 2), pixels)


def _write(weight: Tensor, block: Tensor) -> None:
    """Let 5×5 kernels of stride 2 see ``block`` at their place and nothing else of these inputs."""
    weight.zero_()
    weight[:, :, _BLOCK, _BLOCK] = block


def _pass(weight: Tensor, gains: Tensor) -> None:
    """Let the first features of a 5×5 convolution of stride 1 through, times ``gains``."""
    count = len(gains)
    weight[:count, :count] = 0.0
    weight[range(count), range(count), _CENTRE, _CENTRE] = gains
