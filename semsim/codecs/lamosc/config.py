"""Configuration of LaMoSC (no torch here)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from semsim.codecs.jscc.config import WittModel
from semsim.codecs.vlm_csc.text_config import Words
from semsim.codecs.weights_config import RANDOM, LearnedConfig, Weights
from semsim.config import PluginConfig, PluginField
from semsim.data.scene_grammar import VOCABULARY


class LamoscModel(WittModel):
    """Sizes of LaMoSC; those of the visual part are WITT's, at the ratio of MMSemCom's Fig. 7."""

    text: bool = True
    """Send a caption beside the symbols and fuse it at both ends; without, what is left is WITT."""
    words: Words = VOCABULARY
    """The vocabulary: `scenes`, a text file whose different words it is to be, or a list of words.
    It is kept with the weights."""
    longest: int = Field(16, ge=1, le=512)
    """Words of a caption; what is longer is cut off, and what is shorter costs as much."""
    text_depth: int = Field(2, ge=1)
    """Transformer blocks that read a caption."""
    fusion_depth: int = Field(1, ge=1)
    """Fusion layers of each end."""


class LamoscConfig(LearnedConfig):
    """LaMoSC: Swin transformer stages that ask a caption, at both ends, with SNR modulation."""

    by_rows: ClassVar[bool] = True
    kind: Literal["lamosc"] = "lamosc"
    weights: Weights = RANDOM
    model: LamoscModel | None = None
    captioner: Annotated[PluginConfig, PluginField("captioners")] | None = None
    """What describes the images (`semsim list captioners`); their source's captions where none is
    named."""
