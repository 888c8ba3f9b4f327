"""What a VQ-VAE-2 or VQ-VAE learns: FTSC eq. (3) and (4)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from semsim.codecs import checkpoints
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.config import VqVae2ObjectiveConfig
from semsim.codecs.ftsc.networks import build, restore
from semsim.codecs.ftsc.noise import TrainingNoise
from semsim.types import Product, Source, Transmit, Update


class VqVae2Objective:
    """MSE(x, x̂) + w·L_q, with noise on the way where the configuration asks for denoising.

    L_q of eq. (4) has two terms a level: the codebook's, ``‖sg[z_e] − e‖²``, and the encoder's,
    ``β‖z_e − sg[e]‖²``. As printed, eq. (4) looks the bottom's entry up at the *top's* index and
    stops the gradient of both sides of the β term, which would then teach nothing; what is meant
    is plain from VQ-VAE-2, which it cites, and is what is done here.

    With ``codebook: averages`` the quantisers' running averages minimise the first term, so that
    the loss has the second alone; with ``gradient`` it has both. Errors are measured on the scale
    −1..1 that the network sees (four times the squared error of 0..1), which sets the balance
    between the reconstruction and L_q.

    Raises:
        CheckpointError: if the weights to start from are missing, damaged, or of another codec.
    """

    Config = VqVae2ObjectiveConfig

    def __init__(
        self,
        config: VqVae2ObjectiveConfig,
        transmit: Transmit | None = None,  # noqa: ARG002
        device: str = "cpu",
    ) -> None:
        self.config = config
        checkpoint = None if config.start is None else checkpoints.named(config.start)
        network = build(config.model) if checkpoint is None else restore(checkpoint)
        if config.codebook == "gradient":
            for quantizer in network.quantizers:
                quantizer.learn_by_gradient()
        self.models: dict[str, nn.Module] = {"network": network.to(device)}
        self._noise = TrainingNoise(config.noise)

    @property
    def _network(self) -> QuantizedAutoencoder:
        network = self.models["network"]
        if not isinstance(network, QuantizedAutoencoder):
            raise TypeError("the model is neither a VQ-VAE-2 nor a VQ-VAE")
        return network

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """One update a batch."""
        network = self._network
        sent = self._noise.on_source(source.image, generator)
        latents = [*network.latents(sent, generator)]
        arrived = self._noise.on_latents(network, latents, generator)
        error = F.mse_loss(network.reconstruct(*arrived), source.image)
        commitment = torch.stack([level.commitment for level in latents]).sum()
        quantization = self.config.beta * commitment
        if self.config.codebook == "gradient":
            quantization = quantization + torch.stack([lv.attraction for lv in latents]).sum()
        loss = 4.0 * error + self.config.latent_weight * quantization
        figures = {
            "psnr_db": float(-10.0 * error.detach().log10()),
            "commitment": float(commitment.detach()),
        }
        for name, level in zip(network.levels, latents, strict=True):
            figures[f"perplexity_{name}"] = float(level.perplexity)
        yield Update("network", loss, figures)

    @torch.no_grad()
    def evaluate(self, source: Source) -> dict[str, float]:
        """Mean of the images' PSNR in dB after rounding to 8 bit, without noise or a channel."""
        restored, _ = self._network(source.image)
        restored = (restored.clamp(0, 1) * 255.0).round()
        error = (restored - (source.image * 255.0).round()).square().mean(dim=(1, 2, 3))
        return {"psnr_db": float((10.0 * torch.log10(255.0**2 / error.clamp_min(1e-10))).mean())}

    def products(self) -> tuple[Product, ...]:
        """The network's weights."""
        sizes = self._network.config
        codec = {"kind": "ftsc", "scalings": [sizes.name], "weights": {sizes.name: "WEIGHTS"}}
        return (Product("network", sizes.model_dump(mode="json"), codec),)
