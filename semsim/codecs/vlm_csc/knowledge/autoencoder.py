"""AutoencoderKL of diffusers: images to latents and back, and how it is trained.

    image [B, 3, H, W] -> encoder -> mean, variance -> z [B, 4, H/4, W/4] -> decoder -> image

Latents are a quarter of the image high and wide with three resolutions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.checkpoints import Checkpoint
from semsim.codecs.vision_language import need
from semsim.codecs.vlm_csc.knowledge.config import AutoencodingConfig
from semsim.codecs.vlm_csc.knowledge.sizes import AutoencoderSizes
from semsim.codecs.weights_config import Weights
from semsim.errors import CheckpointError
from semsim.types import Product, Source, Update

#: How slowly the measured spread of the latents follows the network.
_DECAY = 0.99


def make_autoencoder(sizes: AutoencoderSizes, scaling_factor: float = 1.0) -> Any:
    """Return an ``AutoencoderKL`` of these sizes, untrained."""
    levels = len(sizes.channels)
    return need("diffusers", "a latent diffusion model").AutoencoderKL(
        block_out_channels=sizes.channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=sizes.latent_channels,
        norm_num_groups=sizes.groups,
        mid_block_add_attention=False,
        sample_size=sizes.size,
        scaling_factor=scaling_factor,
    )


class Autoencoder(nn.Module):
    """An ``AutoencoderKL`` that knows the spread of its latents.

    Args:
        sizes: of the network.

    Attributes:
        vae: the network.
        latent_std: root mean square of the latents, measured while training; Stable Diffusion
            divides latents by it (``scaling_factor`` is its inverse).
    """

    latent_std: Tensor

    def __init__(self, sizes: AutoencoderSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.vae = make_autoencoder(sizes)
        self.register_buffer("latent_std", torch.ones(()))

    def forward(self, image: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Rebuild ``image [B, 3, H, W]`` in 0..1 from drawn latents.

        Returns:
            the images and the KL divergence of the latents' law from a standard normal, in nats a
            latent value, a scalar.
        """
        law = self.vae.encode(2.0 * image - 1.0).latent_dist
        mean, logvar = law.mean.float(), law.logvar.float()
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        latent = mean + (0.5 * logvar).exp() * noise
        if self.training:
            self._measure(latent)
        rebuilt = self.vae.decode(latent).sample.float()
        divergence = 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar).mean()
        return 0.5 * rebuilt + 0.5, divergence

    @torch.no_grad()
    def _measure(self, latent: Tensor) -> None:
        power = self.latent_std.square().lerp(latent.square().mean(), 1.0 - _DECAY)
        self.latent_std.copy_(power.sqrt())


class Autoencoding:
    """Mean absolute error of rebuilt images, and a little of the divergence.

    Absolute errors keep edges sharper than squared ones. The divergence is weighted so lightly
    that it only keeps latents near zero and smooth, as in latent diffusion.
    """

    Config = AutoencodingConfig

    def __init__(
        self,
        config: AutoencodingConfig,
        transmit: object = None,  # noqa: ARG002
        device: str = "cpu",
    ) -> None:
        self._config = config
        self.models: dict[str, nn.Module] = {"autoencoder": Autoencoder(config.model).to(device)}

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """One update a batch."""
        rebuilt, divergence = self.models["autoencoder"](source.image, generator)
        error = (rebuilt - source.image).abs().mean()
        mse = (rebuilt.detach() - source.image).square().mean()
        shown = {"psnr_db": float(-10.0 * mse.log10()), "nats": float(divergence.detach())}
        yield Update("autoencoder", error + self._config.divergence_weight * divergence, shown)

    @torch.no_grad()
    def evaluate(self, source: Source) -> dict[str, float]:
        """PSNR of images rebuilt from the mean of their latents' law, and the latents' spread."""
        model: Any = self.models["autoencoder"]
        latent = model.vae.encode(2.0 * source.image - 1.0).latent_dist.mean
        rebuilt = (0.5 * model.vae.decode(latent).sample + 0.5).clamp(0.0, 1.0)
        mse = (rebuilt - source.image).square().mean(dim=(1, 2, 3))
        return {
            "psnr_db": float((-10.0 * mse.log10()).mean()),
            "latent_std": float(model.latent_std),
        }

    def products(self) -> tuple[Product, ...]:
        """The autoencoder's weights; a latent diffusion model is trained on its latents."""
        codec = {"kind": "latent_diffusion", "autoencoder": "WEIGHTS"}
        sizes = {"autoencoder": self._config.model.model_dump(mode="json")}
        return (Product("autoencoder", sizes, codec),)


def trained_autoencoder(weights: Weights) -> Autoencoder:
    """Return the autoencoder that ``weights`` hold.

    Raises:
        CheckpointError: if they are missing, damaged or of another network.
    """
    checkpoint: Checkpoint | None = checkpoints.named(weights)
    if checkpoint is None or set(checkpoint.model) != {"autoencoder"}:
        raise CheckpointError(
            f"{weights}: a latent diffusion model learns on the latents of a trained autoencoder "
            "(objective 'autoencoding')"
        )
    model = Autoencoder(AutoencoderSizes.model_validate(checkpoint.model["autoencoder"]))
    checkpoints.load_into(model, checkpoint)
    return model.eval().requires_grad_(False)
