"""Where ADJSCC-V starts to learn: at the linear code of blocks, inside its residual convolutions.

As :mod:`~semsim.codecs.jscc.block_start` for DeepJSCC, and for the same reason. The transform
stands in the first two blocks of either end; the others pass it on by their shortcuts. Channels
come in the order of their energy, so that the beginning of a code is the best shorter linear code.
"""

from __future__ import annotations

from typing import Any, cast

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
from semsim.codecs.jscc.residual import ResidualConv
from semsim.codecs.layers.attention_feature import AttentionFeature

#: What stays of the random start.
_RANDOM = 0.1
#: Root of γ on GDN's diagonal: nearly linear.
_ROOT_GAMMA = 0.02
#: Bias before the sigmoid of attention, and the factor on every channel that it stands for.
_BIAS = 2.0
_FACTOR = float(torch.sigmoid(torch.tensor(_BIAS)))


@torch.no_grad()
def start_at_blocks(
    encoder: nn.ModuleList,
    encoder_attention: nn.ModuleList,
    decoder: nn.ModuleList,
    decoder_attention: nn.ModuleList,
) -> None:
    """Make the ends the linear code; where filters are too few, what fits.

    Args:
        encoder: five residual convolutions 5×5, of which the first two halve the sides.
        encoder_attention: what follows each.
        decoder: five, of which the first two double the sides.
        decoder_attention: what goes before each.
    """
    for part in (*encoder_attention, *decoder_attention):
        _open(_as(part, AttentionFeature))
    first, second, *passing, squeeze = (_as(block, ResidualConv) for block in encoder)
    up_1, up_2, *back, last = (_as(block, ResidualConv) for block in decoder)
    for block in (first, second, *passing, squeeze, up_1, up_2, *back, last):
        _straighten(block)
    energies, blocks = block_directions()
    pixels = pixel_basis()
    pairs = over_pixels(blocks, pixels)
    fine = min(len(pixels), _width(first))
    sent = min(len(blocks), _width(second), *(_width(block) for block in passing), _width(squeeze))
    gains = energies[:sent] ** -0.25
    received = gains.square() * energies[:sent]
    received /= received.mean()
    gains = (received / energies[:sent]).sqrt()
    restored = received / (received + NOISE) / gains

    _transform(first, first.conv.weight[:fine], pixels[:fine])
    coded = pairs[:sent, :fine] * gains.view(-1, 1, 1, 1)
    _transform(second, second.conv.weight[:sent, :fine], coded)
    decoded = pairs[:sent, :fine] * restored.view(-1, 1, 1, 1) / _FACTOR
    _transform(up_1, up_1.conv.weight[:sent, :fine], decoded)
    _transform(up_2, up_2.conv.weight[:fine, :3], STRETCH / _FACTOR * pixels[:fine])
    for block in (*passing, squeeze, *back):
        _pass(block, sent)
    # For itself and for the blocks before it that only pass on.
    _pass(last, 3, _FACTOR ** -(1 + len(back)))


def _transform(block: ResidualConv, taps: Tensor, wanted: Tensor) -> None:
    """Let ``taps`` of the block's convolution be ``wanted``, and the rest of it nearly nothing."""
    block.conv.weight.mul_(_RANDOM)
    write_block(taps, wanted)
    block.mix.weight.mul_(_RANDOM)
    block.mix.weight[:, :, 0, 0] += torch.eye(_width(block))
    if not isinstance(block.shortcut, nn.Identity):
        block.shortcut.weight.mul_(_RANDOM**2)


def _pass(block: ResidualConv, count: int, gain: float = 1.0) -> None:
    """Let the first channels through by the shortcut, times ``gain``."""
    block.conv.weight.mul_(_RANDOM)
    block.mix.weight.mul_(_RANDOM)
    if isinstance(block.shortcut, nn.Identity):
        return
    block.shortcut.weight.mul_(_RANDOM)
    block.shortcut.weight[:count, :count, 0, 0] = gain * torch.eye(count)


def _straighten(block: ResidualConv) -> None:
    for norm in (block.norm, block.mix_norm):
        norm.root_gamma.fill_diagonal_(_ROOT_GAMMA)
    block.prelu.weight.fill_(1.0)


def _open(attention: AttentionFeature) -> None:
    """Start near one factor for all channels at every SNR."""
    out = cast(nn.Linear, attention.factors[2])
    out.weight.mul_(_RANDOM)
    out.bias.fill_(_BIAS)


def _width(block: ResidualConv) -> int:
    return block.mix.out_channels


def _as(module: nn.Module, kind: type[nn.Module]) -> Any:
    if not isinstance(module, kind):
        raise TypeError(f"expected {kind.__name__}, got {type(module).__name__}")
    return module
