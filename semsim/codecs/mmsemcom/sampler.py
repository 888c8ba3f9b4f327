"""Class-conditional diffusion by diffusers, and how it learns (MMSemCom, section III-B).

    class, level of noise ──► embedding ─┐
    noisy image x_t ─► UNet2DModel ──────┴─► the noise in it

The paper states four levels with two residual layers each, attention "in middle-to-deep layers",
1,000 levels of noise, UniPC with 40 steps, and 7.71 M parameters, but no widths. Widths of 64, 64,
128, 128 with attention in the two deepest levels and the middle make 7.47 M.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.mmsemcom.sampler_config import (
    ClassDenoisingConfig,
    ClassDiffusionConfig,
    ClassUnetModel,
)
from semsim.codecs.vision_language import need
from semsim.errors import CheckpointError, ScenarioError
from semsim.types import Product, Source, Update

_PURPOSE = "a class-conditional diffusion model"


class ClassUnet(nn.Module):
    """A U-Net that tells the noise in an image of a class.

    Args:
        model: its sizes.
    """

    def __init__(self, model: ClassUnetModel) -> None:
        super().__init__()
        self.model = model
        levels = len(model.channels)
        plain = levels - model.attention
        self.unet = need("diffusers", _PURPOSE).UNet2DModel(
            sample_size=model.size,
            in_channels=3,
            out_channels=3,
            block_out_channels=model.channels,
            layers_per_block=model.layers,
            down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",) * model.attention,
            up_block_types=("AttnUpBlock2D",) * model.attention + ("UpBlock2D",) * plain,
            attention_head_dim=model.head_width,
            norm_num_groups=model.groups,
            num_class_embeds=model.classes,
        )

    def sizes(self) -> dict[str, Any]:
        """Configuration of the network as plain data, which its weights carry."""
        return self.model.model_dump(mode="json")

    @cached_property
    def noise_schedule(self) -> Any:
        """Diffusers' scheduler of training: ``x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) z`` (eq. 16)."""
        return need("diffusers", _PURPOSE).DDPMScheduler(
            num_train_timesteps=self.model.timesteps, beta_schedule=self.model.schedule
        )

    def forward(self, noisy: Tensor, when: Tensor, label: Tensor) -> Tensor:
        """Return the noise in ``noisy [B, 3, H, W]`` at levels ``when [B]``, classes ``label``."""
        found: Tensor = self.unet(noisy, when, class_labels=label).sample
        return found.float()

    def loss(self, image: Tensor, label: Tensor, generator: torch.Generator) -> Tensor:
        """½L1 + ½L2 of the noise (eq. 17), means over its values, a scalar.

        Eq. (17) writes norms, whose ratio would depend on the number of values; means do not.

        Args:
            image: ``[B, 3, H, W]`` in 0..1.
            label: ``[B]``.
            generator: of levels and noise.
        """
        device = image.device
        noise = torch.randn(image.shape, generator=generator, device=device)
        levels = self.model.timesteps
        when = torch.randint(levels, (len(image),), generator=generator, device=device)
        noisy = self.noise_schedule.add_noise(2.0 * image - 1.0, noise, when)
        error: Tensor = self(noisy, when, label) - noise
        return 0.5 * error.abs().mean() + 0.5 * error.square().mean()


class ClassDiffusion(nn.Module):
    """Draws images of a class: UniPC from noise to an image.

    Args:
        config: whose weights, and how many steps.
        device: where the network lives.

    Raises:
        CheckpointError: if weights are missing, damaged, or of something else.
        MissingExtraError: if diffusers is not installed.
    """

    Config = ClassDiffusionConfig

    def __init__(self, config: ClassDiffusionConfig, device: str = "cpu") -> None:
        super().__init__()
        self.config = config
        self.checkpoint = checkpoints.named(config.weights)
        self.network = ClassUnet(self._sizes())
        if self.checkpoint is not None:
            checkpoints.load_into(self.network, self.checkpoint)
        self.eval().to(device)

    def _sizes(self) -> ClassUnetModel:
        if self.checkpoint is None:
            return self.config.model or ClassUnetModel()
        try:
            return ClassUnetModel.model_validate(self.checkpoint.model)
        except ValidationError as error:
            raise CheckpointError(
                f"{self.checkpoint.origin}: holds no class_diffusion: {error}"
            ) from error

    @torch.no_grad()
    def draw(self, label: Tensor, generator: torch.Generator) -> Tensor:
        """Draw an image of each class in ``label [B]``: ``[B, 3, H, W]`` in 0..1 (eq. 18-19).

        Raises:
            ValueError: if a label is none of the network's classes.
        """
        model = self.network.model
        if not bool(((label >= 0) & (label < model.classes)).all()):
            raise ValueError(f"labels must be 0..{model.classes - 1}, got {label.tolist()}")
        solver = need("diffusers", _PURPOSE).UniPCMultistepScheduler(
            num_train_timesteps=model.timesteps, beta_schedule=model.schedule
        )
        solver.set_timesteps(self.config.steps, device=label.device)
        shape = (len(label), 3, model.size, model.size)
        x = torch.randn(shape, generator=generator, device=label.device)
        for when in solver.timesteps:
            noise = self.network(x, when.expand(len(label)), label)
            x = solver.step(noise, when, x).prev_sample
        return (0.5 * x + 0.5).clamp(0.0, 1.0)


class ClassDenoising:
    """The U-Net learns the noise in images of labelled sources (Algorithm 1 with eq. 17).

    Algorithm 1 states the squared error alone and eq. (17) half of each; the equation is taken.
    """

    Config = ClassDenoisingConfig

    def __init__(
        self,
        config: ClassDenoisingConfig,
        transmit: object = None,  # noqa: ARG002
        device: str = "cpu",
    ) -> None:
        network = ClassUnet(config.model)
        _spare_fused_attention(network)
        self.models: dict[str, nn.Module] = {"sampler": network.to(device)}

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """One update a batch."""
        yield Update("sampler", self._loss(source, generator))

    @torch.no_grad()
    def evaluate(self, source: Source) -> dict[str, float]:
        """The loss on held-out images, negative since more is better."""
        generator = torch.Generator(source.image.device).manual_seed(0)
        return {"negative_loss": -float(self._loss(source, generator))}

    def _loss(self, source: Source, generator: torch.Generator) -> Tensor:
        network: Any = self.models["sampler"]
        _check_labels(source, network.model)
        loss: Tensor = network.loss(source.image, source.label, generator)
        return loss

    def products(self) -> tuple[Product, ...]:
        """The weights of the U-Net."""
        network: Any = self.models["sampler"]
        sampler = {"kind": "class_diffusion", "weights": "WEIGHTS"}
        return (Product("sampler", network.sizes(), sampler, room="samplers"),)


def _spare_fused_attention(network: nn.Module) -> None:
    from diffusers.models.attention_processor import Attention, AttnProcessor

    # On a CPU the backward pass of fused attention takes longer than everything else together.
    for part in network.modules():
        if isinstance(part, Attention):
            part.set_processor(AttnProcessor())


def _check_labels(source: Source, model: ClassUnetModel) -> None:
    if source.label is None:
        raise ScenarioError(
            "sources: the images have no classes to draw; choose sources that all have them "
            "(tinted, scenes, torchvision, folder with 'labels: folders')"
        )
    found = int(source.label.max()) + 1
    if found > model.classes:
        raise ScenarioError(
            f"objective.model.classes is {model.classes}, but the sources have at least {found}"
        )
    if source.shape[1:] != (model.size, model.size):
        raise ScenarioError(
            f"objective.model.size is {model.size}, but the sources give images of "
            f"{source.shape[1]}×{source.shape[2]}"
        )
