"""FTSC as a transceiver: images to codebook indices to bits, and back."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import nn

from semsim.codecs import checkpoints
from semsim.codecs.bits import from_bits, to_bits
from semsim.codecs.complexity import count_flops, on_meta
from semsim.codecs.ftsc.config import FtscConfig, VqVae2Config
from semsim.codecs.ftsc.vqvae2 import VqVae2
from semsim.errors import CheckpointError
from semsim.types import (
    BitPayload,
    Csi,
    ImageShape,
    Output,
    Rate,
    Received,
    ReceivedBits,
    Source,
)


class Ftsc(nn.Module):
    """VQ-VAE-2 at several scaling rates [b, t] with ``transport: digital``.

    The indices of the top latent, then those of the bottom one, travel as bits through the link's
    modem; a residual bit error selects a wrong codebook entry.

    Args:
        config: which scaling rates, and whose weights.
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
        # Channels last takes two thirds of the time of PyTorch's default layout on a CPU.
        self.requires_grad_(False).eval().to(device).to(memory_format=torch.channels_last)
        self._rates: dict[ImageShape, tuple[Rate, ...]] = {}

    def _checkpoint(self, name: str) -> checkpoints.Checkpoint:
        usual = "ftsc-" + name.strip("[]").replace(",", "-")
        checkpoint = checkpoints.named(self.config.weights.get(name, usual))
        if checkpoint is None:
            raise CheckpointError(f"weights[{name!r}]: FTSC needs trained weights, got 'random'")
        return checkpoint

    def network(self, name: str) -> VqVae2:
        """Return the VQ-VAE-2 of scaling rate ``name`` (``"[4,2]"``)."""
        network = self._models[name]
        if not isinstance(network, VqVae2):
            raise TypeError(f"{name} is no VQ-VAE-2")
        return network

    @cached_property
    def weight_hashes(self) -> dict[str, str]:
        """SHA-256 of the weights by scaling rate, for the manifest."""
        return {name: checkpoint.sha256 for name, checkpoint in self.checkpoints.items()}

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """One rate a scaling, by rising ρ (FTSC eq. 10).

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
        _, height, width = shape
        top, bottom = network.latent_shapes(height, width)
        bits = network.quantize_top.bits * (top[0] * top[1] + bottom[0] * bottom[1])
        indices = [on_meta(1, *grid, dtype=torch.long) for grid in (top, bottom)]
        return Rate(
            name=name,
            shape=shape,
            unit="bits",
            payload=bits,
            rho=bits / (8 * 3 * height * width),
            flops_encode=count_flops(network, lambda m: m.indices(on_meta(1, *shape))),
            flops_decode=count_flops(network, lambda m: m.decode_indices(*indices)),
        )

    @torch.no_grad()
    def encode(self, source: Source, csi: Csi, rate: Rate) -> BitPayload:  # noqa: ARG002
        """``[B, 3, H, W]`` images to ``[B, payload]`` bits; the SNR plays no part."""
        network = self.network(rate.name)
        image = source.image.contiguous(memory_format=torch.channels_last)
        top, bottom = network.indices(image)
        index = torch.cat([top.flatten(1), bottom.flatten(1)], dim=1)
        return BitPayload(to_bits(index, network.quantize_top.bits))

    @torch.no_grad()
    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:  # noqa: ARG002
        """``[B, payload]`` bits, right or wrong, to ``[B, 3, H, W]`` images in 0..1."""
        if not isinstance(received, ReceivedBits):
            raise TypeError("FTSC with digital transport decodes bits; give the link a modem")
        network = self.network(rate.name)
        entries = network.quantize_top.entries
        index = from_bits(received.bits, network.quantize_top.bits).clamp_max(entries - 1)
        top, bottom = network.latent_shapes(rate.shape[1], rate.shape[2])
        cut = top[0] * top[1]
        image = network.decode_indices(
            index[:, :cut].view(-1, *top), index[:, cut:].view(-1, *bottom)
        )
        return Output(image=image.clamp(0, 1))


def _network(name: str, checkpoint: checkpoints.Checkpoint) -> VqVae2:
    try:
        config = VqVae2Config.model_validate(checkpoint.model)
    except ValidationError as error:
        raise CheckpointError(f"{checkpoint.origin}: no VQ-VAE-2: {error}") from error
    if config.name != name:
        raise CheckpointError(
            f"{checkpoint.origin}: holds scaling rate {config.name}, not {name}; "
            f"list it under weights[{config.name!r}]"
        )
    network = VqVae2(config)
    checkpoints.load_into(network, checkpoint)
    return network


def save(network: VqVae2, path: Path) -> str:
    """Write a trained VQ-VAE-2 in the form that :class:`Ftsc` loads; return the SHA-256."""
    return checkpoints.write(path, network.state_dict(), network.config.model_dump(mode="json"))
