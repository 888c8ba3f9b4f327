"""Configuration of a bank of generated images (no torch here)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from semsim.codecs.weights_config import Weights
from semsim.config import PluginConfig, PluginField, Strict, all_different


class BankRecipe(Strict):
    """What a bank holds, and how it is made."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    """Name of the bank, and of its folder."""
    sampler: Annotated[PluginConfig, PluginField("samplers")]
    """What draws the images."""
    classes: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(all_different)]
    """Names of the sampler's classes in the order of its labels, in words that CLIP reads: the
    sender finds an image's class by them."""
    per_class: int = Field(5000, ge=1, le=100_000)
    """Images of each class, p."""
    batch: int = Field(50, ge=1)
    """Images drawn together; what an interruption loses, and part of what decides the images."""
    seed: int = Field(0, ge=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of matrix products."""
    features: Weights | None = None
    """Features of an `mmsemcom` whose descriptions of the images to keep with them; descriptions by
    others are made when a codec first needs them."""
