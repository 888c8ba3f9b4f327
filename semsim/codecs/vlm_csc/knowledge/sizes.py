"""Sizes of the small networks that learn from `scenes` (no torch here)."""

from __future__ import annotations

from pydantic import Field, model_validator

from semsim.config import Strict


class TransformerSizes(Strict):
    """A vision transformer with words after it; all layers are equally wide."""

    size: int = Field(32, ge=8)
    """Height and width of the images that it looks at, in pixels."""
    patch: int = Field(4, ge=1)
    """Side of a patch, in pixels."""
    width: int = Field(128, ge=8)
    heads: int = Field(4, ge=1)
    image_layers: int = Field(4, ge=1)
    text_layers: int = Field(2, ge=1)
    tokens: int = Field(24, ge=4)
    """Words of the longest sentence, with its begin and its end."""

    @model_validator(mode="after")
    def _consistent(self) -> TransformerSizes:
        if self.size % self.patch:
            raise ValueError(f"'size' {self.size} is no multiple of 'patch' {self.patch}")
        if self.width % self.heads:
            raise ValueError(f"'width' {self.width} is no multiple of 'heads' {self.heads}")
        return self


class AutoencoderSizes(Strict):
    """The KL autoencoder of a latent diffusion model."""

    size: int = Field(32, ge=8)
    """Height and width of the images, in pixels."""
    channels: tuple[int, ...] = (32, 48, 64)
    """Of each resolution; every one after the first halves height and width."""
    latent_channels: int = Field(4, ge=1)
    groups: int = Field(16, ge=1)
    """Groups of the normalisations; they divide all channels."""

    @model_validator(mode="after")
    def _consistent(self) -> AutoencoderSizes:
        if self.size % self.reduction:
            raise ValueError(f"'size' {self.size} is no multiple of {self.reduction}")
        if any(channels % self.groups for channels in self.channels):
            raise ValueError(f"'groups' {self.groups} does not divide {self.channels}")
        return self

    @property
    def reduction(self) -> int:
        """Pixels to a latent, along a side."""
        return int(2 ** (len(self.channels) - 1))


class DiffusionSizes(Strict):
    """The denoising U-Net and the text encoder that steers it."""

    channels: tuple[int, ...] = (64, 128)
    """Of each resolution of the U-Net."""
    layers: int = Field(1, ge=1)
    """Residual blocks a resolution."""
    heads: int = Field(4, ge=1)
    text_width: int = Field(128, ge=8)
    text_layers: int = Field(2, ge=1)
    tokens: int = Field(20, ge=4)
    """Words of the longest sentence, with its begin and its end; what follows is cut off."""
    steps: int = Field(1000, ge=2)
    """Noise levels of the training."""
