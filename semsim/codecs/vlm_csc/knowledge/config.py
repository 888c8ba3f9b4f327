"""Configuration of the knowledge bases and of what trains them (no torch here)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from semsim.codecs.vlm_csc.knowledge.sizes import (
    AutoencoderSizes,
    DiffusionSizes,
    TransformerSizes,
)
from semsim.codecs.weights_config import RANDOM, Weights
from semsim.config import PluginConfig, PluginField, Strict

Precision = Literal["float32", "float16", "bfloat16"]


class KnowledgeConfig(PluginConfig):
    """Base of every knowledge base: where its weights are, and how they are kept."""

    weights: Weights | None = None
    """Small network of semsim: name of a shipped checkpoint (`semsim zoo list`), `{path, sha256}`,
    or `random`, to train."""
    pretrained: str | None = Field(None, min_length=1)
    """Instead of `weights`: a model of the Hugging Face hub by name, or a folder that holds one."""
    dtype: Precision = "float32"
    """Numbers that weights and activations are kept in; `float16` halves the memory on a GPU."""
    device: str | None = None
    """Where to compute; the default is where the codec is."""

    @model_validator(mode="after")
    def _one_origin(self) -> KnowledgeConfig:
        if (self.weights is None) == (self.pretrained is None):
            raise ValueError("give either 'weights' (shipped, small) or 'pretrained' (hub, folder)")
        if getattr(self, "model", None) is not None and self.weights != RANDOM:
            raise ValueError(
                "'model' goes with 'weights: random'; trained weights know the sizes of their model"
            )
        return self


class CaptionerConfig(KnowledgeConfig):
    """Base of captioners."""

    room: ClassVar[str] = "captioners"
    model: TransformerSizes | None = None
    """Sizes of a network with `weights: random`; trained weights know their own."""
    batch: int = Field(64, ge=1)
    """Images that are looked at together, at most."""


class SentencesConfig(CaptionerConfig):
    """Captioners that write word by word."""

    beams: int = Field(1, ge=1)
    """Sentences that are followed up side by side; 1 always takes the likeliest word."""
    max_tokens: int = Field(20, ge=1)
    """Longest sentence, in the model's own tokens."""


class BlipConfig(SentencesConfig):
    """BLIP: a vision transformer, and a language model that looks at it across."""

    kind: Literal["blip"] = "blip"


class GitConfig(SentencesConfig):
    """GIT: one transformer reads the image's patches and goes on with words (LEMON's family)."""

    kind: Literal["git"] = "git"


class TaggerConfig(CaptionerConfig):
    """A classifier of many labels whose recognised tags are joined to a text (RAM's kind)."""

    kind: Literal["tagger"] = "tagger"
    threshold: float = Field(0.5, gt=0, lt=1)
    """Tags that are at least so likely are named; the likeliest one always is."""
    separator: str = " "
    """Between two tags."""


class Drawing(Strict):
    """How a latent diffusion model draws."""

    scheduler: Literal["dpm_solver", "unipc", "ddim", "own"] = "dpm_solver"
    """How noise is taken away; `own` is what the model comes with."""
    steps: int = Field(20, ge=1)
    """Calls of the U-Net for an image (each for the sentence and, with guidance, without it)."""
    guidance: float = Field(7.5, ge=1)
    """How far the image is pushed towards its sentence; 1 does not."""


class StableDiffusionConfig(Drawing, KnowledgeConfig):
    """A latent diffusion model steered by a text encoder, in a `StableDiffusionPipeline`."""

    room: ClassVar[str] = "generators"
    kind: Literal["stable_diffusion"] = "stable_diffusion"
    batch: int = Field(8, ge=1)
    """Images that are made together, at most; it is halved where memory runs out."""
    safety_checker: bool = True
    """Keep the filter of indecent images, where the pretrained model has one."""


class AutoencodingConfig(PluginConfig):
    """The autoencoder of a latent diffusion model learns to rebuild images."""

    room: ClassVar[str] = "objectives"
    transmits: ClassVar[bool] = False
    kind: Literal["autoencoding"] = "autoencoding"
    model: AutoencoderSizes = AutoencoderSizes()
    divergence_weight: float = Field(2e-4, ge=0)
    """Weight of the divergence from a standard normal law, in nats a latent value."""


class CaptioningConfig(PluginConfig):
    """A captioner learns the captions of its images."""

    room: ClassVar[str] = "objectives"
    transmits: ClassVar[bool] = False
    kind: Literal["captioning"] = "captioning"
    captioner: Annotated[PluginConfig, PluginField("captioners")]
    """What to train; `weights: random` starts anew, a checkpoint is trained further."""


class LatentDiffusionConfig(PluginConfig):
    """A denoising U-Net and a text encoder learn to draw the latents of captioned images."""

    room: ClassVar[str] = "objectives"
    transmits: ClassVar[bool] = False
    kind: Literal["latent_diffusion"] = "latent_diffusion"
    autoencoder: Weights
    """What turns images into latents (objective `autoencoding`); it stays as it is."""
    model: DiffusionSizes = DiffusionSizes()
    drop: float = Field(0.1, ge=0, lt=1)
    """Share of sentences that are left out, so that guidance has something to push from."""
    tags: float = Field(0.1, ge=0, lt=1)
    """Share of sentences that are replaced by a tagger's words for them."""
    drawing: Drawing = Drawing()
    """How the trained generator is to draw, for its card."""
