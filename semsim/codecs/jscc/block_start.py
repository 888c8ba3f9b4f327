"""Where DeepJSCC starts to learn: at a linear code of 4×4 blocks, inside its own convolutions.

Nearly all energy of natural images lies in few directions, and five plain convolutions that start
at random take hundreds of thousands of images to find them: mean colours first, edges last. The
best linear analog code of small blocks is known without training: the Karhunen-Loève transform
with gains λ^(-1/4), as in SoftCast (Jakubczak, Katabi, 2011). Written into the weights, it is where
gradient descent begins; every weight is free from there on.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from semsim.codecs.jscc.block_transform import (
    NOISE,
    STRETCH,
    block_directions,
    over_pixels,
    pixel_basis,
    write_block,
)

#: What stays of the random start: enough to break symmetries, too little to disturb the transform.
_RANDOM = 0.1
#: Slope of a PReLU that is to bend (He et al. 2015), and of one that passes the transform.
_BENT, _STRAIGHT = 0.25, 1.0
#: Tap of a 5×5 convolution of stride 1 that sees its place.
_CENTRE = 2


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
    energies, blocks = block_directions()
    pixels = pixel_basis()
    pairs = over_pixels(blocks, pixels)
    fine = min(len(pixels), down_1.out_channels)
    kept = min(len(blocks), *(layer.out_channels for layer in (down_2, *passing)))
    sent = min(kept, squeeze.out_channels)
    gains = energies[:sent] ** -0.25
    received = gains.square() * energies[:sent]
    received /= received.mean()
    gains = (received / energies[:sent]).sqrt()

    write_block(down_1.weight[:fine], pixels[:fine])
    write_block(down_2.weight[:kept, :fine], pairs[:kept, :fine])
    for layer in passing:
        _pass(layer.weight, torch.ones(kept))
    _pass(squeeze.weight, gains)
    _pass(widen.weight, received / (received + NOISE) / gains)
    for layer in back:
        _pass(layer.weight, torch.ones(sent))
    write_block(up_1.weight[:sent, :fine], pairs[:sent, :fine])
    write_block(up_2.weight[:fine], STRETCH * pixels[:fine])
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


def _pass(weight: Tensor, gains: Tensor) -> None:
    """Let the first features of a 5×5 convolution of stride 1 through, times ``gains``."""
    count = len(gains)
    weight[:count, :count] = 0.0
    weight[range(count), range(count), _CENTRE, _CENTRE] = gains
