"""Configuration of the knowledge bases and of what trains them (no torch here)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from semsim.codecs.vlm_csc.knowledge.sizes import AutoencoderSizes
from semsim.config import PluginConfig


class AutoencodingConfig(PluginConfig):
    """The autoencoder of a latent diffusion model learns to rebuild images."""

    room: ClassVar[str] = "objectives"
    transmits: ClassVar[bool] = False
    kind: Literal["autoencoding"] = "autoencoding"
    model: AutoencoderSizes = AutoencoderSizes()
    divergence_weight: float = Field(2e-4, ge=0)
    """Weight of the divergence from a standard normal law, in nats a latent value."""
