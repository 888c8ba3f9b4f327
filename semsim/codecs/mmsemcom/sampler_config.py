"""Configuration of the class-conditional diffusion model (no torch here)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from semsim.codecs.weights_config import RANDOM, Weights
from semsim.config import PluginConfig, Strict


class ClassUnetModel(Strict):
    """Sizes of the U-Net; the defaults are those of the paper's 7.71 M, up to 3 %."""

    size: int = Field(32, ge=8, le=512)
    """Height and width of the images, in pixels."""
    classes: int = Field(2, ge=1)
    """Classes to draw."""
    channels: tuple[int, ...] = Field((64, 64, 128, 128), min_length=1)
    """Width of each level; every level has half the sides of the one before."""
    layers: int = Field(2, ge=1)
    """Residual layers a block on the way down; one more on the way up."""
    attention: int = Field(2, ge=0)
    """How many of the deepest levels have self-attention, beside the middle."""
    head_width: int = Field(8, ge=1)
    """Channels of an attention head."""
    groups: int = Field(16, ge=1)
    """Groups of the normalisations."""
    timesteps: int = Field(1000, ge=2)
    """Levels of noise."""
    schedule: Literal["linear", "squaredcos_cap_v2"] = "linear"
    """How noise grows with the level; the paper does not say."""

    @model_validator(mode="after")
    def _fits(self) -> ClassUnetModel:
        halvings = 2 ** (len(self.channels) - 1)
        if self.size % halvings:
            raise ValueError(f"{len(self.channels)} levels need sides divisible by {halvings}")
        for width in self.channels:
            if width % self.groups or width % self.head_width:
                raise ValueError(
                    f"groups {self.groups} and head_width {self.head_width} must divide {width}"
                )
        if self.attention > len(self.channels):
            raise ValueError(f"there are only {len(self.channels)} levels")
        return self


class ClassDiffusionConfig(PluginConfig):
    """A diffusion model that draws images of a class."""

    room: ClassVar[str] = "samplers"
    kind: Literal["class_diffusion"] = "class_diffusion"
    weights: Weights
    """Name of a shipped checkpoint (`semsim zoo list`), `{path, sha256}`, or `random`."""
    model: ClassUnetModel | None = None
    """Sizes of a network with `weights: random`; a checkpoint knows its own."""
    steps: int = Field(40, ge=1)
    """Calls of the U-Net for an image, by UniPC."""

    @model_validator(mode="after")
    def _sizes_of_untrained(self) -> ClassDiffusionConfig:
        if self.model is not None and self.weights != RANDOM:
            raise ValueError(
                "'model' goes with 'weights: random'; trained weights know the sizes of their model"
            )
        return self


class ClassDenoisingConfig(PluginConfig):
    """A U-Net learns to tell the noise in noisy images of a class (MMSemCom, eq. 17)."""

    room: ClassVar[str] = "objectives"
    transmits: ClassVar[bool] = False
    kind: Literal["class_denoising"] = "class_denoising"
    model: ClassUnetModel = ClassUnetModel()
