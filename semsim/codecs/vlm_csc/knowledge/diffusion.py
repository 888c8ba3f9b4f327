"""A small latent diffusion model of diffusers' classes, and how it learns.

    sentence -> tokenizer -> CLIP text encoder -> [B, T, W] --------.
    image -> AutoencoderKL (trained before, frozen) -> z -> + noise -> U-Net -> velocity

The U-Net and the text encoder learn together, from latents of a trained autoencoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs import checkpoints
from semsim.codecs.checkpoints import Checkpoint
from semsim.codecs.vision_language import need
from semsim.codecs.vlm_csc.captions import captions_of
from semsim.codecs.vlm_csc.knowledge.autoencoder import make_autoencoder, trained_autoencoder
from semsim.codecs.vlm_csc.knowledge.captioning import spare_look_ups
from semsim.codecs.vlm_csc.knowledge.config import LatentDiffusionConfig
from semsim.codecs.vlm_csc.knowledge.sizes import AutoencoderSizes, DiffusionSizes
from semsim.codecs.vlm_csc.knowledge.words import SPECIAL, tags_of, word_tokenizer
from semsim.data.scene_grammar import VOCABULARY
from semsim.types import Product, Source, Update


class Painter(nn.Module):
    """The networks of a ``StableDiffusionPipeline`` with what else it is made of.

    Args:
        autoencoder: sizes of the autoencoder.
        sizes: of the U-Net and the text encoder.
        scaling_factor: latents are multiplied by it, so that their mean square is 1.
        words: that the text encoder knows.

    Attributes:
        vae: images and latents.
        unet: takes noise off latents.
        text_encoder: what steers it.
        tokenizer: of whole words.
    """

    def __init__(
        self,
        autoencoder: AutoencoderSizes,
        sizes: DiffusionSizes,
        scaling_factor: float,
        words: Sequence[str] = VOCABULARY,
    ) -> None:
        super().__init__()
        self._known = {
            "autoencoder": autoencoder.model_dump(mode="json"),
            "diffusion": sizes.model_dump(mode="json"),
            "scaling_factor": scaling_factor,
            "words": list(words),
        }
        self.vae = make_autoencoder(autoencoder, scaling_factor)
        self.unet = _make_unet(autoencoder, sizes)
        self.text_encoder = _make_text_encoder(sizes, len(SPECIAL) + len(words))
        self.tokenizer = word_tokenizer(words, sizes.tokens)
        self.scheduler = _make_scheduler(sizes)

    def sizes(self) -> dict[str, Any]:
        """Return what :meth:`restore` needs beside the weights."""
        return self._known

    @classmethod
    def restore(cls, checkpoint: Checkpoint) -> Painter:
        """Build the networks that a checkpoint holds."""
        known = checkpoint.model
        painter = cls(
            AutoencoderSizes.model_validate(known["autoencoder"]),
            DiffusionSizes.model_validate(known["diffusion"]),
            known["scaling_factor"],
            known["words"],
        )
        checkpoints.load_into(painter, checkpoint)
        return painter

    def pipeline(self) -> Any:
        """Return the ``StableDiffusionPipeline`` of these networks."""
        return need("diffusers", "a latent diffusion model").StableDiffusionPipeline(
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            unet=self.unet,
            scheduler=self.scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )

    def forward(
        self, image: Tensor, sentences: Sequence[str], generator: torch.Generator
    ) -> Tensor:
        """Return the mean squared error of the velocity at levels of noise that are drawn.

        Args:
            image: ``[B, 3, H, W]`` in 0..1.
            sentences: what each shows.
            generator: of levels, latents and noise.
        """
        device = image.device
        with torch.no_grad():
            law = self.vae.encode(2.0 * image - 1.0).latent_dist
            spread = torch.randn(law.mean.shape, generator=generator, device=device)
            latent = (law.mean + law.std * spread).float() * self.vae.config.scaling_factor
            noise = torch.randn(latent.shape, generator=generator, device=device)
            levels = self.scheduler.config.num_train_timesteps
            when = torch.randint(levels, (len(image),), generator=generator, device=device)
            noisy = self.scheduler.add_noise(latent, noise, when)
            velocity = self.scheduler.get_velocity(latent, noise, when)
        tokens = self.tokenizer(
            list(sentences), padding="max_length", truncation=True, return_tensors="pt"
        )["input_ids"]
        meaning = self.text_encoder(tokens.to(device)).last_hidden_state
        found = self.unet(noisy, when, encoder_hidden_states=meaning).sample
        return F.mse_loss(found.float(), velocity)


def _make_unet(autoencoder: AutoencoderSizes, sizes: DiffusionSizes) -> Any:
    levels = len(sizes.channels)
    unet = need("diffusers", "a latent diffusion model").UNet2DConditionModel(
        sample_size=autoencoder.size // autoencoder.reduction,
        in_channels=autoencoder.latent_channels,
        out_channels=autoencoder.latent_channels,
        block_out_channels=sizes.channels,
        down_block_types=("CrossAttnDownBlock2D",) * levels,
        up_block_types=("CrossAttnUpBlock2D",) * levels,
        layers_per_block=sizes.layers,
        cross_attention_dim=sizes.text_width,
        attention_head_dim=sizes.heads,  # diffusers' name for the number of heads
        norm_num_groups=16,
    )
    from diffusers.models.attention_processor import AttnProcessor

    # On a CPU the backward pass of fused attention takes longer than everything else together.
    unet.set_attn_processor(AttnProcessor())
    return unet


def _make_text_encoder(sizes: DiffusionSizes, words: int) -> Any:
    transformers = need("transformers", "a text encoder")
    config = transformers.CLIPTextConfig(
        vocab_size=words,
        hidden_size=sizes.text_width,
        intermediate_size=4 * sizes.text_width,
        num_hidden_layers=sizes.text_layers,
        num_attention_heads=sizes.heads,
        max_position_embeddings=sizes.tokens,
        projection_dim=sizes.text_width,
        pad_token_id=SPECIAL.index("[PAD]"),
        bos_token_id=SPECIAL.index("[BOS]"),
        eos_token_id=SPECIAL.index("[EOS]"),
    )
    return transformers.CLIPTextModel(config)


def _make_scheduler(sizes: DiffusionSizes) -> Any:
    """Noise down to nothing but noise, so that a generated background can be dark or light."""
    return need("diffusers", "a latent diffusion model").DDIMScheduler(
        num_train_timesteps=sizes.steps,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=1,
    )


class LatentDiffusion:
    """Squared error of the velocity (v-prediction); the autoencoder is frozen.

    Raises:
        CheckpointError: if the autoencoder's weights are missing or of something else.
    """

    Config = LatentDiffusionConfig

    def __init__(
        self,
        config: LatentDiffusionConfig,
        transmit: object = None,  # noqa: ARG002
        device: str = "cpu",
    ) -> None:
        self._config = config
        trained = trained_autoencoder(config.autoencoder)
        painter = Painter(trained.sizes, config.model, 1.0 / float(trained.latent_std))
        painter.vae.load_state_dict(trained.vae.state_dict())
        painter.vae.requires_grad_(False)
        spare_look_ups(painter)
        self.models: dict[str, nn.Module] = {"painter": painter.to(device)}

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """One update a batch."""
        told = self._told(captions_of(source), generator)
        yield Update("painter", self.models["painter"](source.image, told, generator))

    def _told(self, captions: Sequence[str], generator: torch.Generator) -> list[str]:
        """Leave some sentences out, and put a tagger's words in the place of some others."""
        drop, tags = self._config.drop, self._config.tags
        drawn = torch.rand(len(captions), generator=generator, device=generator.device).tolist()
        return [
            "" if share < drop else " ".join(tags_of(text)) if share < drop + tags else text
            for text, share in zip(captions, drawn, strict=True)
        ]

    @torch.no_grad()
    def evaluate(self, source: Source) -> dict[str, float]:
        """Error of the velocity on held-out images, negative since more is better."""
        generator = torch.Generator(source.image.device).manual_seed(0)
        error = self.models["painter"](source.image, captions_of(source), generator)
        return {"negative_error": -float(error)}

    def products(self) -> tuple[Product, ...]:
        """The weights of all three networks."""
        painter: Any = self.models["painter"]
        drawing = self._config.drawing.model_dump(mode="json", exclude_unset=True)
        generator = {"kind": "stable_diffusion", "weights": "WEIGHTS", **drawing}
        return (Product("painter", painter.sizes(), generator, room="generators"),)
