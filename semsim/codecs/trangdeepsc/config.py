"""Configuration of TranGDeepSC and ViTDeepSC (no torch here)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from semsim.codecs.weights_config import LearnedConfig, Weights
from semsim.config import PluginConfig, PluginField, Strict


class PatchModel(Strict):
    """What both networks have; the defaults are the paper's (Table 3)."""

    hidden: int = Field(128, ge=8)
    """D, the width of a patch's features."""
    patch: int = Field(2, ge=1, le=16)
    """Height and width of a patch, in pixels."""
    symbols: int = Field(16, ge=1)
    """K, real symbols sent a patch."""
    channel_hidden: int = Field(256, ge=8)
    """Width between the two linear layers of the channel coder (eq. 4, 6)."""
    blocks: int = Field(3, ge=1)
    """Blocks of the encoder, and of the decoder."""


class TranGDeepScModel(PatchModel):
    """Sizes of TranGDeepSC."""

    kernel: int = Field(7, ge=1, le=15)
    """Width of the depthwise convolution, odd."""
    gate_projection: bool = False
    """Put FC_G of eq. (1) on the gate; the paper's parameter count leaves no room for it."""


class ViTDeepScModel(PatchModel):
    """Sizes of ViTDeepSC."""

    heads: int = Field(4, ge=1)
    """Attention heads; the paper does not say, and the parameter count does not depend on it."""
    mlp_ratio: float = Field(4.0, gt=0)
    """Width of the feed-forward layer over D."""
    positions: int = Field(16, ge=1)
    """The learned position embedding is a square grid of this side; others are interpolated."""


class TranGDeepScConfig(LearnedConfig):
    """TranGDeepSC: residual gated convolutions, 16 real symbols a patch of 2×2 pixels."""

    by_rows: ClassVar[bool] = True
    kind: Literal["trangdeepsc"] = "trangdeepsc"
    weights: Weights = "trangdeepsc"
    model: TranGDeepScModel | None = None


class ViTDeepScConfig(LearnedConfig):
    """ViTDeepSC: transformer blocks in the place of TranGDeepSC's convolutions."""

    by_rows: ClassVar[bool] = True
    kind: Literal["vitdeepsc"] = "vitdeepsc"
    weights: Weights = "vitdeepsc"
    model: ViTDeepScModel | None = None


class CotrainingConfig(PluginConfig):
    """Co-training of a student with a teacher, Algorithm 1 of the paper."""

    room: ClassVar[str] = "objectives"
    by_rows: ClassVar[bool] = True
    kind: Literal["cotraining"] = "cotraining"
    student: Annotated[PluginConfig, PluginField("codecs")]
    """What is to learn from both the images and the teacher."""
    teacher: Annotated[PluginConfig, PluginField("codecs")]
    """What learns from the images alone, at the same time."""
