"""What a VQ-VAE-2 learns: FTSC eq. (3) and (4)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from semsim.codecs.ftsc.config import VqVae2ObjectiveConfig
from semsim.codecs.ftsc.vqvae2 import VqVae2
from semsim.types import Product, Source, Transmit, Update


class VqVae2Objective:
    """MSE(x, x̂) + w·β·(commitment of both levels).

    The codebook's own term of eq. (4) is minimised by the quantiser's running averages, so it is
    no part of the loss. Errors are measured on the scale −1..1 that the network sees (four times
    the squared error of 0..1), which sets the balance between the two terms.
    """

    Config = VqVae2ObjectiveConfig

    def __init__(
        self,
        config: VqVae2ObjectiveConfig,
        transmit: Transmit | None = None,  # noqa: ARG002
        device: str = "cpu",
    ) -> None:
        self.config = config
        self.models: dict[str, nn.Module] = {"network": VqVae2(config.model).to(device)}

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """One update a batch."""
        restored, latents = self.models["network"](source.image, generator)
        error = F.mse_loss(restored, source.image)
        commitment = latents.top.commitment + latents.bottom.commitment
        loss = 4.0 * error + self.config.latent_weight * self.config.beta * commitment
        figures = {
            "psnr_db": float(-10.0 * error.detach().log10()),
            "commitment": float(commitment.detach()),
            "perplexity_top": float(latents.top.perplexity),
            "perplexity_bottom": float(latents.bottom.perplexity),
        }
        yield Update("network", loss, figures)

    @torch.no_grad()
    def evaluate(self, source: Source) -> dict[str, float]:
        """Mean of the images' PSNR in dB after rounding to 8 bit, without a channel."""
        restored, _ = self.models["network"](source.image)
        restored = (restored.clamp(0, 1) * 255.0).round()
        error = (restored - (source.image * 255.0).round()).square().mean(dim=(1, 2, 3))
        return {"psnr_db": float((10.0 * torch.log10(255.0**2 / error.clamp_min(1e-10))).mean())}

    def products(self) -> tuple[Product, ...]:
        """The network's weights."""
        name = self.config.model.name
        codec = {"kind": "ftsc", "scalings": [name], "weights": {name: "WEIGHTS"}}
        return (Product("network", self.config.model.model_dump(mode="json"), codec),)
