"""FTSC as a transceiver: images to indices or feature maps, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder, at_once
from semsim.codecs.ftsc.config import FtscConfig
from semsim.codecs.ftsc.networks import restore
from semsim.codecs.ftsc.transport import (
    Arrived,
    EntropyIndices,
    FixedIndices,
    LatentMaps,
    Transport,
)
from semsim.codecs.ftsc.tuning.denoisers import load_denoisers
from semsim.codecs.ftsc.tuning.receiver import FeatureMaps, Maps
from semsim.errors import CheckpointError
from semsim.types import (
    Csi,
    ImageShape,
    Output,
    Payload,
    Rate,
    Received,
    ReceivedBits,
    Source,
)


class Ftsc(nn.Module):
    """VQ-VAE-2 at several scaling rates [b, t], or VQ-VAE at [b].

    What travels is the configuration's choice: indices as bits through the link's modem
    (:class:`~semsim.codecs.ftsc.transport.FixedIndices`, or, saving bits,
    :class:`~semsim.codecs.ftsc.transport.EntropyIndices`), or the looked-up feature maps as symbols
    (:class:`~semsim.codecs.ftsc.transport.LatentMaps`).

    Attributes:
        transport: both ends of that way.

    Args:
        config: which scaling rates, whose weights, and how latents travel.
        device: where the networks live.

    Raises:
        CheckpointError: if weights are missing, damaged, or of another scaling rate.
    """

    Config = FtscConfig

    def __init__(self, config: FtscConfig, device: str = "cpu") -> None:
        super().__init__()
        self.config = config
        self.checkpoints = {name: self._checkpoint(name) for name in config.scalings}
        self._models = nn.ModuleDict(
            {name: _network(name, checkpoint) for name, checkpoint in self.checkpoints.items()}
        )
        self._denoisers = nn.ModuleDict(
            {
                name: load_denoisers(config.denoisers[name], self.network(name))
                for name in config.scalings
                if name in config.denoisers
            }
        )
        # Channels last takes two thirds of the time of PyTorch's default layout on a CPU.
        self.requires_grad_(False).eval().to(device).to(memory_format=torch.channels_last)
        self.transport = _transport(config)
        self._rates: dict[ImageShape, tuple[Rate, ...]] = {}

    def _checkpoint(self, name: str) -> checkpoints.Checkpoint:
        usual = "ftsc-" + name.strip("[]").replace(",", "-")
        checkpoint = checkpoints.named(self.config.weights.get(name, usual))
        if checkpoint is None:
            raise CheckpointError(f"weights[{name!r}]: FTSC needs trained weights, got 'random'")
        return checkpoint

    def network(self, name: str) -> QuantizedAutoencoder:
        """Return the network of scaling rate ``name`` (``"[4,2]"`` or ``"[4]"``)."""
        network = self._models[name]
        if not isinstance(network, QuantizedAutoencoder):
            raise TypeError(f"{name} is neither a VQ-VAE-2 nor a VQ-VAE")
        return network

    def denoiser(self, name: str) -> Maps:
        """Return what cleans the maps of scaling rate ``name``; without denoisers, nothing does."""
        if name not in self._denoisers:
            return _as_they_are
        return self._denoisers[name]

    @cached_property
    def weight_hashes(self) -> dict[str, str]:
        """SHA-256 of the weights by scaling rate, for the manifest."""
        return {name: checkpoint.sha256 for name, checkpoint in self.checkpoints.items()}

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """One rate a scaling, by rising ρ: FTSC eq. (10) for indices of fixed length.

        With ``index_code: entropy`` a rate is the most that an image may take; with ``transport:
        latent`` its unit is symbols.

        Raises:
            ValueError: if no scaling rate divides the image, or it has not three channels.
        """
        if shape not in self._rates:
            self._rates[shape] = self._measure_rates(shape)
        return self._rates[shape]

    def _measure_rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        channels, _, _ = shape
        if channels != 3:
            raise ValueError(f"FTSC codes RGB images, got {channels} channels")
        rates, refused = [], []
        for name in self.config.scalings:
            try:
                rates.append(self._rate(name, shape))
            except ValueError as error:
                refused.append(str(error))
        if not rates:
            raise ValueError("; ".join(refused))
        return tuple(sorted(rates, key=lambda rate: rate.rho))

    def _rate(self, name: str, shape: ImageShape) -> Rate:
        network = self.network(name)
        payload = self.transport.payload(network, shape)
        values = math.prod(shape)
        grids = network.latent_shapes(*shape[1:])
        maps = tuple(
            on_meta(1, q.dim, *grid) for q, grid in zip(network.quantizers, grids, strict=True)
        )
        decoding = count_flops(network, lambda m: m.reconstruct(*maps))
        if name in self._denoisers:
            decoding += count_flops(self._denoisers[name], lambda m: m(maps))
        return Rate(
            name=name,
            shape=shape,
            unit=self.transport.unit,
            payload=payload,
            rho=payload / (8 * values if self.transport.unit == "bits" else values),
            flops_encode=count_flops(network, lambda m: m.indices(on_meta(1, *shape))),
            flops_decode=decoding,
        )

    @torch.no_grad()
    def encode(self, source: Source, csi: Csi, rate: Rate) -> Payload:  # noqa: ARG002
        """``[B, 3, H, W]`` images to ``[B, payload]`` bits or symbols; the SNR plays no part."""
        image = source.image.contiguous(memory_format=torch.channels_last)
        return self.transport.send(self.network(rate.name), image)

    @torch.no_grad()
    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """``[B, payload]`` bits or symbols, right or wrong, to ``[B, 3, H, W]`` images in 0..1.

        An image in outage is mid-grey.
        """
        network = self.network(rate.name)
        parts = in_parts(received, rate.shape)
        arrived = (self.transport.arrive(network, part, rate.shape) for part in parts)
        return shown_in_parts(network, arrived, self.denoiser(rate.name))


def in_parts(
    received: Received | ReceivedBits, shape: ImageShape
) -> Iterator[Received | ReceivedBits]:
    """Yield what was received in parts small enough to be decoded at once."""
    count = len(received.x if isinstance(received, Received) else received.bits)
    step = at_once(*shape[1:])
    for start in range(0, count, step):
        yield received.rows(slice(start, start + step))


def shown(network: QuantizedAutoencoder, arrived: Arrived, clean: Maps) -> Tensor:
    """Clean what arrived, rebuild images ``[B, 3, H, W]`` in 0..1; an outage is mid-grey."""
    image = network.reconstruct(*clean(arrived.maps)).clamp(0.0, 1.0)
    if arrived.outage is None:
        return image
    return image.masked_fill(arrived.outage.view(-1, 1, 1, 1), 0.5)


def shown_in_parts(network: QuantizedAutoencoder, parts: Iterable[Arrived], clean: Maps) -> Output:
    """Show part after part, in the memory of one."""
    images, outages = [], []
    for arrived in parts:
        images.append(shown(network, arrived, clean))
        if arrived.outage is not None:
            outages.append(arrived.outage)
    return Output(image=torch.cat(images), outage=torch.cat(outages) if outages else None)


def _as_they_are(maps: FeatureMaps) -> FeatureMaps:
    return maps


def _transport(config: FtscConfig) -> Transport:
    if config.transport == "latent":
        return LatentMaps()
    return EntropyIndices() if config.index_code == "entropy" else FixedIndices()


def _network(name: str, checkpoint: checkpoints.Checkpoint) -> QuantizedAutoencoder:
    network = restore(checkpoint)
    if network.config.name != name:
        raise CheckpointError(
            f"{checkpoint.origin}: holds scaling rate {network.config.name}, not {name}; "
            f"list it under weights[{network.config.name!r}]"
        )
    return network


def save(network: QuantizedAutoencoder, path: Path) -> str:
    """Write a trained network in the form that :class:`Ftsc` loads; return the SHA-256."""
    return checkpoints.write(path, network.state_dict(), network.config.model_dump(mode="json"))
