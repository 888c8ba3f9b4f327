"""Configuration of T-DeepSC (no torch here)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from semsim.codecs.weights_config import RANDOM, LearnedConfig, Weights
from semsim.config import Strict


class TDeepScModel(Strict):
    """Sizes; the defaults are those of the authors' code where RKD-SC's Table II agrees."""

    classes: int = Field(10, ge=2)
    """Classes to tell apart."""
    patch: int = Field(2, ge=1, le=64)
    """Height and width of a patch, in pixels."""
    width: int = Field(384, ge=8)
    """Width of a patch's features, and length of a codebook entry; even."""
    depth: int = Field(5, ge=1)
    """Transformer blocks of the sender."""
    heads: int = Field(6, ge=1)
    """Attention heads of the sender; they must divide the width."""
    vectors: int = Field(10, ge=1)
    """Feature vectors whose indices are sent."""
    entries: int = Field(16, ge=2, le=65536)
    """Codebook size; 16 entries make 4 bits an index."""
    decoder_width: int = Field(128, ge=8)
    """Width of the receiver's features."""
    decoder_depth: int = Field(2, ge=1)
    """Transformer decoder layers of the receiver."""
    decoder_heads: int = Field(4, ge=1)
    """Attention heads of the receiver; they must divide its width."""
    queries: int = Field(25, ge=1)
    """Learned vectors by which the receiver asks for its task."""

    @model_validator(mode="after")
    def _divisible(self) -> TDeepScModel:
        for heads, width in ((self.heads, self.width), (self.decoder_heads, self.decoder_width)):
            if width % heads:
                raise ValueError(f"{heads} heads do not divide a width of {width}")
        if self.width % 2:
            raise ValueError(f"sines and cosines share a width that is even, not {self.width}")
        return self


class TDeepScConfig(LearnedConfig):
    """T-DeepSC: an image's class over the air, by indices of a codebook that both ends have."""

    kind: Literal["t_deepsc"] = "t_deepsc"
    weights: Weights = RANDOM
    model: TDeepScModel | None = None
    commitment: float = Field(0.25, gt=0)
    """β, weight of the distance between features and their entries in training."""
