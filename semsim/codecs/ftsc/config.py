"""Configuration of FTSC (no torch here)."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from semsim.codecs.weights_config import Weights
from semsim.config import PluginConfig, Strict


def _check_scaling(name: str) -> str:
    if not re.fullmatch(r"\[(2|4|8|16),(2|4|8|16)\]", name):
        raise ValueError("expected scaling rates '[b,t]' with b and t of 2, 4, 8 and 16")
    return name


#: The scaling rates of one VQ-VAE-2 as the paper writes them: ``[b,t]``.
ScalingName = Annotated[str, AfterValidator(_check_scaling)]


class VqVae2Config(Strict):
    """Sizes of one VQ-VAE-2; the defaults are the paper's where it gives them."""

    bottom: Literal[2, 4, 8, 16] = 4
    """b: the bottom latent is b times smaller than the image."""
    top: Literal[2, 4, 8, 16] = 2
    """t: the top latent is t times smaller than the bottom one."""
    filters: int = Field(128, ge=8)
    """C_ch of FTSC eq. (12)."""
    residual_blocks: int = Field(2, ge=0)
    residual_filters: int = Field(64, ge=4)
    entries: int = Field(512, ge=2)
    """Codebook size; 512 entries make 9 bits an index."""
    dim: int = Field(64, ge=1)
    """Length of a codebook entry."""

    @property
    def name(self) -> str:
        """The scaling rates as the paper writes them.

        >>> VqVae2Config(bottom=8).name
        '[8,2]'
        """
        return f"[{self.bottom},{self.top}]"


class FtscConfig(PluginConfig):
    """FTSC: one VQ-VAE-2 a scaling rate; the link sends indices as bits."""

    room: ClassVar[str] = "codecs"
    kind: Literal["ftsc"] = "ftsc"
    scalings: tuple[ScalingName, ...] = Field(("[8,2]", "[4,2]", "[2,2]"), min_length=1)
    """The scaling rates to offer, each with shipped weights unless `weights` names others."""
    weights: dict[ScalingName, Weights] = Field(default_factory=dict)
    """Other weights by scaling rate: a shipped checkpoint's name, or `{path, sha256}`."""


class VqVae2ObjectiveConfig(PluginConfig):
    """Training of one VQ-VAE-2 by FTSC eq. (3)."""

    room: ClassVar[str] = "objectives"
    transmits: ClassVar[bool] = False
    kind: Literal["vqvae2"] = "vqvae2"
    model: VqVae2Config = VqVae2Config()
    beta: float = Field(0.25, gt=0)
    """β of eq. (4)."""
    latent_weight: float = Field(1.0, gt=0)
    """Weight of L_q against the reconstruction error in eq. (3)."""
