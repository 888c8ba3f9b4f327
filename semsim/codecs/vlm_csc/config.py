"""Configuration of VLM-CSC whole (no torch here)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from semsim.codecs.vlm_csc.text_config import DeepScTextConfig, TextDigitalConfig
from semsim.config import PluginConfig, PluginField


class VlmCscConfig(PluginConfig):
    """VLM-CSC: a captioner's sentence travels, and a generator draws what it says."""

    room: ClassVar[str] = "codecs"
    kind: Literal["vlm_csc"] = "vlm_csc"
    captioner: Annotated[PluginConfig, PluginField("captioners")]
    """The sender's knowledge base (`semsim list captioners`)."""
    text: DeepScTextConfig | TextDigitalConfig = Field(discriminator="kind")
    """What carries the sentence."""
    generator: Annotated[PluginConfig, PluginField("generators")]
    """The receiver's knowledge base (`semsim list generators`)."""
    seed: int = Field(0, ge=0)
    """Of the images: the same sentence and seed give the same image."""
