"""A pretrained DnCNN a latent level, and how they are trained (Fig. 5 b)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.networks import restore
from semsim.codecs.ftsc.noise import noisy_maps
from semsim.codecs.ftsc.tuning.config import DenoisersObjectiveConfig, DnCnnConfig
from semsim.codecs.ftsc.tuning.dncnn import DnCnn
from semsim.codecs.ftsc.tuning.receiver import FeatureMaps
from semsim.codecs.weights_config import Weights
from semsim.errors import CheckpointError
from semsim.types import Product, Source, Transmit, Update


class Denoisers(nn.Module):
    """Cleans the feature maps of every level; each level has a network of its own.

    Args:
        levels: how many.
        channels: length of a codebook entry.
        config: sizes of each network.
    """

    def __init__(self, levels: int, channels: int, config: DnCnnConfig) -> None:
        super().__init__()
        self.networks = nn.ModuleList(DnCnn(channels, config) for _ in range(levels))

    def forward(self, maps: FeatureMaps) -> FeatureMaps:
        """Noisy maps ``[B, d, h, w]`` of all levels to clean ones."""
        return tuple(network(level) for network, level in zip(self.networks, maps, strict=True))


class DenoisersObjective:
    """MSE between cleaned and clean feature maps of a trained network, all levels.

    Each image's error is divided by the noise that it got, so that noisy images do not outweigh
    clear ones; 1 is what doing nothing scores.
    """

    Config = DenoisersObjectiveConfig

    def __init__(
        self,
        config: DenoisersObjectiveConfig,
        transmit: Transmit | None = None,  # noqa: ARG002
        device: str = "cpu",
    ) -> None:
        self._config = config
        self._network = _trained(config.network).to(device).eval().requires_grad_(False)
        levels, channels = len(self._network.levels), self._network.config.dim
        self.models: dict[str, nn.Module] = {
            "denoisers": Denoisers(levels, channels, config.model).to(device)
        }

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """One update a batch."""
        low, high = self._config.snr_db
        draw = torch.rand(len(source), generator=generator, device=source.image.device)
        clean = self._maps(source.image)
        loss, gains = self._judge(clean, low + (high - low) * draw, generator)
        yield Update("denoisers", loss, gains)

    @torch.no_grad()
    def evaluate(self, source: Source) -> dict[str, float]:
        """How much noise is taken off each level in dB, half-way and at the ends of the SNRs."""
        low, high = self._config.snr_db
        clean = self._maps(source.image)
        generator = torch.Generator(source.image.device).manual_seed(0)
        figures: dict[str, float] = {}
        for snr_db in (0.5 * (low + high), low, high):
            snrs = torch.full((len(source),), snr_db, device=source.image.device)
            _, gains = self._judge(clean, snrs, generator)
            figures |= {f"{name} at {snr_db:g} dB": value for name, value in gains.items()}
        return figures

    def products(self) -> tuple[Product, ...]:
        """The weights of all levels."""
        sizes = {
            "latents": self._network.config.model_dump(mode="json"),
            "dncnn": self._config.model.model_dump(mode="json"),
        }
        name = self._network.config.name
        trained_for = self._config.model_dump(mode="json")["network"]
        codec = {
            "kind": "ftsc",
            "scalings": [name],
            "weights": {name: trained_for},
            "transport": "latent",
            "denoisers": {name: "WEIGHTS"},
        }
        return (Product("denoisers", sizes, codec),)

    @torch.no_grad()
    def _maps(self, image: Tensor) -> FeatureMaps:
        return self._network.look_up(*self._network.indices(image))

    def _judge(
        self, clean: FeatureMaps, snr_db: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        arrived = noisy_maps(clean, snr_db, generator)
        cleaned = self.models["denoisers"](arrived)
        loss = torch.zeros((), device=snr_db.device)
        gains: dict[str, float] = {}
        for name, before, after, wanted in zip(
            self._network.levels, arrived, cleaned, clean, strict=True
        ):
            left = _per_image(after, wanted) / _per_image(before, wanted)
            loss = loss + left.mean()
            gains[f"gain_{name}_db"] = float(-10.0 * left.detach().mean().log10())
        return loss, gains


def _per_image(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference of every image, ``[B]``."""
    return (a - b).square().mean(dim=(1, 2, 3))


def load_denoisers(
    weights: Weights, network: QuantizedAutoencoder, device: str = "cpu"
) -> Denoisers:
    """Build the denoisers that ``weights`` hold, for the latents of ``network``.

    Raises:
        CheckpointError: if they are missing, damaged, or of another network's latents.
    """
    checkpoint = checkpoints.named(weights)
    if checkpoint is None or not {"latents", "dncnn"} <= checkpoint.model.keys():
        raise CheckpointError(f"{weights}: these are no denoisers of latents")
    theirs, ours = checkpoint.model["latents"], network.config.model_dump(mode="json")
    if theirs != ours:
        raise CheckpointError(
            f"{checkpoint.origin}: cleans latents of a network of other sizes ({theirs}) than "
            f"{ours}; train others with an objective 'latent_denoisers'"
        )
    sizes = DnCnnConfig.model_validate(checkpoint.model["dncnn"])
    denoisers = Denoisers(len(network.levels), network.config.dim, sizes)
    checkpoints.load_into(denoisers, checkpoint)
    return denoisers.to(device).eval().requires_grad_(False)


def _trained(weights: Weights) -> QuantizedAutoencoder:
    checkpoint = checkpoints.named(weights)
    if checkpoint is None:
        raise CheckpointError("denoisers learn latents of trained weights, not of 'random' ones")
    return restore(checkpoint)
