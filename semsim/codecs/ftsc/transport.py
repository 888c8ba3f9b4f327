"""How latents travel: indices at a fixed length, indices by a range coder, or feature maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from semsim.codecs.bits import from_bits, to_bits
from semsim.codecs.ftsc.autoencoder import Grid, QuantizedAutoencoder
from semsim.codecs.ftsc.index_code import IndexCoder
from semsim.codecs.pairs import to_symbols
from semsim.types import (
    BitPayload,
    ImageShape,
    Payload,
    Received,
    ReceivedBits,
    SymbolPayload,
)

#: Share of the symbols of a latent that are pilots.
_PILOTS = 1 / 64


@dataclass(frozen=True)
class Arrived:
    """What a receiver has of a batch before it decodes.

    Attributes:
        maps: ``[B, d, h, w]`` entries of every level, right, wrong or noisy.
        outage: ``[B]`` bool, true where there is nothing to decode; ``None``: nowhere.
    """

    maps: tuple[Tensor, ...]
    outage: Tensor | None = None


class Transport(Protocol):
    """Both ends of one way to send what a network finds in images."""

    unit: Literal["symbols", "bits"]

    def payload(self, network: QuantizedAutoencoder, shape: ImageShape) -> int:
        """Symbols or bits that an image of ``shape`` takes at most.

        Raises:
            ValueError: if the network's scaling rates do not divide the image.
        """
        ...

    def send(self, network: QuantizedAutoencoder, image: Tensor) -> Payload:
        """Images ``[B, 3, H, W]`` to what travels."""
        ...

    def arrive(
        self, network: QuantizedAutoencoder, received: Received | ReceivedBits, shape: ImageShape
    ) -> Arrived:
        """What the channel gave to the maps that the decoder works from.

        Raises:
            TypeError: if bits arrive where symbols should, or symbols where bits should.
        """
        ...


class FixedIndices:
    """Indices of all levels, the coarsest first, at ``⌈log2 entries⌉`` bits each (FTSC eq. 10).

    A wrong bit chooses a wrong entry.
    """

    unit: Literal["symbols", "bits"] = "bits"

    def payload(self, network: QuantizedAutoencoder, shape: ImageShape) -> int:
        """Bits of an image."""
        return network.index_bits(*shape[1:])

    def send(self, network: QuantizedAutoencoder, image: Tensor) -> BitPayload:
        """Images ``[B, 3, H, W]`` to bits."""
        return BitPayload(_packed(network, network.indices(image)))

    def arrive(
        self, network: QuantizedAutoencoder, received: Received | ReceivedBits, shape: ImageShape
    ) -> Arrived:
        """Bits, right or wrong, to maps."""
        index = _unpacked(network, _bits_of(received), network.latent_shapes(*shape[1:]))
        return Arrived(network.look_up(*index))


class EntropyIndices:
    """Indices by a range coder (:mod:`semsim.codecs.ftsc.index_code`), as long as each image needs.

    The first bit says whether the coder's stream follows or, where that would be longer, indices of
    fixed length: an image takes one bit more than these at most. A wrong bit ruins all that comes
    after it in a stream. So where a CRC was sent, an element that failed it is an outage, which the
    codec shows as mid-grey, as a receiver discards the packet. Where none was, damaged bits are
    decoded as far as they go, and what the coder cannot decode is an outage.
    """

    unit: Literal["symbols", "bits"] = "bits"

    def payload(self, network: QuantizedAutoencoder, shape: ImageShape) -> int:
        """Most bits that an image takes."""
        return 1 + network.index_bits(*shape[1:])

    def send(self, network: QuantizedAutoencoder, image: Tensor) -> BitPayload:
        """Images ``[B, 3, H, W]`` to bits, zeros after the ``lengths`` that are sent."""
        index = network.indices(image)
        rows = pad(_packed(network, index), (1, 0))
        lengths = torch.full((len(rows),), rows.shape[1], device=rows.device)
        coder = IndexCoder([quantizer.codebook for quantizer in network.quantizers])
        maps = [level.cpu().numpy() for level in index]
        for i in range(len(rows)):
            stream = coder.encode([level[i] for level in maps])
            if 1 + len(stream) < rows.shape[1]:
                rows[i] = 0
                rows[i, 0] = 1
                rows[i, 1 : 1 + len(stream)] = torch.from_numpy(stream)
                lengths[i] = 1 + len(stream)
        return BitPayload(rows, lengths)

    def arrive(
        self, network: QuantizedAutoencoder, received: Received | ReceivedBits, shape: ImageShape
    ) -> Arrived:
        """Bits to maps, with the outages."""
        bits = _bits_of(received)
        failed = received.failed if isinstance(received, ReceivedBits) else None
        shapes = network.latent_shapes(*shape[1:])
        index = _unpacked(network, bits[:, 1:], shapes)
        outage = torch.zeros(len(bits), dtype=torch.bool, device=bits.device)
        outage |= False if failed is None else failed
        coder = IndexCoder([quantizer.codebook for quantizer in network.quantizers])
        for i in (bits[:, 0].bool() & ~outage).nonzero().flatten().tolist():
            maps = coder.decode(bits[i, 1:].to("cpu", torch.uint8).numpy(), shapes)
            if maps is None:
                outage[i] = True
                continue
            for level, found in zip(index, maps, strict=True):
                level[i] = torch.from_numpy(found.astype(np.int64)).to(level.device)
        return Arrived(network.look_up(*index), outage)


class LatentMaps:
    """The looked-up feature maps of all levels as analog symbols, two values each.

    Noise lands on the maps, and the decoder works from what arrives without looking anything up.
    The link scales every image to unit power, but the decoder needs the maps at the scale of the
    codebook: known pilot symbols, one to 64 of the maps', tell it.
    """

    unit: Literal["symbols", "bits"] = "symbols"

    def payload(self, network: QuantizedAutoencoder, shape: ImageShape) -> int:
        """Complex symbols of an image, pilots included."""
        symbols = math.ceil(sum(_map_sizes(network, shape)) / 2)
        return symbols + _pilots(symbols)

    def send(self, network: QuantizedAutoencoder, image: Tensor) -> SymbolPayload:
        """Images ``[B, 3, H, W]`` to symbols: pilots, then the maps, the coarsest first."""
        maps = network.look_up(*network.indices(image))
        symbols = to_symbols(torch.cat([level.flatten(1) for level in maps], dim=1))
        level = _amplitude(network, _shape_of(image))
        return SymbolPayload(pad(symbols, (_pilots(symbols.shape[1]), 0), value=level))

    def arrive(
        self, network: QuantizedAutoencoder, received: Received | ReceivedBits, shape: ImageShape
    ) -> Arrived:
        """Noisy symbols to noisy maps."""
        if not isinstance(received, Received):
            raise TypeError("FTSC with latent transport decodes symbols, not bits")
        sizes = _map_sizes(network, shape)
        pilots = _pilots(math.ceil(sum(sizes) / 2))
        seen, weight = received.x[:, :pilots].real, 1 / received.noise_variance[:, :pilots]
        # About one where an image has the codebook's mean power; a tenth only by a bad estimate.
        scale = ((seen * weight).sum(dim=1) / weight.sum(dim=1)).clamp_min(0.1)
        symbols = received.x[:, pilots:] * (_amplitude(network, shape) / scale).unsqueeze(1)
        values = torch.view_as_real(symbols).flatten(1)[:, : sum(sizes)]
        grids = network.latent_shapes(*shape[1:])
        levels = zip(torch.split(values, sizes, dim=1), network.quantizers, grids, strict=True)
        return Arrived(tuple(part.view(len(part), q.dim, *grid) for part, q, grid in levels))


def _packed(network: QuantizedAutoencoder, index: tuple[Tensor, ...]) -> Tensor:
    """Index maps ``[B, h, w]`` to bits ``[B, n]``."""
    levels = zip(network.quantizers, index, strict=True)
    return torch.cat([to_bits(level.flatten(1), q.bits) for q, level in levels], dim=1)


def _unpacked(
    network: QuantizedAutoencoder, bits: Tensor, shapes: tuple[Grid, ...]
) -> tuple[Tensor, ...]:
    """Bits ``[B, n]`` to index maps ``[B, h, w]``; a number beyond the entries is the last one."""
    levels = tuple(zip(network.quantizers, shapes, strict=True))
    parts = torch.split(bits, [q.bits * h * w for q, (h, w) in levels], dim=1)
    return tuple(
        from_bits(part, q.bits).clamp_max(q.entries - 1).view(-1, *grid)
        for part, (q, grid) in zip(parts, levels, strict=True)
    )


def _bits_of(received: Received | ReceivedBits) -> Tensor:
    if not isinstance(received, ReceivedBits):
        raise TypeError("FTSC with digital transport decodes bits; give the link a modem")
    return received.bits


def _map_sizes(network: QuantizedAutoencoder, shape: ImageShape) -> list[int]:
    """Values of every level's map."""
    grids = network.latent_shapes(*shape[1:])
    return [q.dim * h * w for q, (h, w) in zip(network.quantizers, grids, strict=True)]


def _pilots(symbols: int) -> int:
    return math.ceil(_PILOTS * symbols)


def _amplitude(network: QuantizedAutoencoder, shape: ImageShape) -> float:
    """Return the amplitude of a pilot: that of a symbol whose entries are used evenly."""
    sizes = _map_sizes(network, shape)
    powers = [float(q.codebook.square().mean()) for q in network.quantizers]
    mean = sum(n * power for n, power in zip(sizes, powers, strict=True)) / sum(sizes)
    return math.sqrt(2 * mean)


def _shape_of(image: Tensor) -> ImageShape:
    _, channels, height, width = image.shape
    return channels, height, width
