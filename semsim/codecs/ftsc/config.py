"""Configuration of FTSC (no torch here)."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from semsim.codecs.weights_config import RANDOM, Weights
from semsim.config import PluginConfig, Strict
from semsim.spans import Level, Span

Scale: TypeAlias = Literal[2, 4, 8, 16]


def _check_scaling(name: str) -> str:
    if not re.fullmatch(r"\[(2|4|8|16)(,(2|4|8|16))?\]", name):
        raise ValueError(
            "expected scaling rates '[b,t]' (VQ-VAE-2) or '[b]' (VQ-VAE) with b and t of 2, 4, 8 "
            "and 16"
        )
    return name


#: Scaling rates as the paper writes them: ``[b,t]`` of a VQ-VAE-2; ``[b]`` of a VQ-VAE.
ScalingName = Annotated[str, AfterValidator(_check_scaling)]


class LayerSizes(Strict):
    """Sizes that VQ-VAE and VQ-VAE-2 share; the defaults are the paper's where it gives them."""

    filters: int = Field(128, ge=8)
    """C_ch of FTSC eq. (12)."""
    residual_blocks: int = Field(2, ge=0)
    residual_filters: int = Field(64, ge=4)
    entries: int = Field(512, ge=2)
    """Codebook size; 512 entries make 9 bits an index."""
    dim: int = Field(64, ge=1)
    """Length of a codebook entry."""


class VqVae2Config(LayerSizes):
    """Sizes of one VQ-VAE-2."""

    bottom: Scale = 4
    """b: the bottom latent is b times smaller than the image."""
    top: Scale = 2
    """t: the top latent is t times smaller than the bottom one."""

    @property
    def name(self) -> str:
        """The scaling rates as the paper writes them.

        >>> VqVae2Config(bottom=8).name
        '[8,2]'
        """
        return f"[{self.bottom},{self.top}]"


class VqVaeConfig(LayerSizes):
    """Sizes of one VQ-VAE, the paper's baseline of one level."""

    scale: Scale
    """b: the latent is b times smaller than the image."""

    @property
    def name(self) -> str:
        """The scaling rate, written like those of a VQ-VAE-2.

        >>> VqVaeConfig(scale=4).name
        '[4]'
        """
        return f"[{self.scale}]"


def _levels(value: Any) -> str:
    one = isinstance(value, VqVaeConfig) or (isinstance(value, dict) and "scale" in value)
    return "one level" if one else "two levels"


#: Sizes of either network: ``scale`` makes a VQ-VAE.
NetworkConfig = Annotated[
    Annotated[VqVae2Config, Tag("two levels")] | Annotated[VqVaeConfig, Tag("one level")],
    Discriminator(_levels),
]


class FtscConfig(PluginConfig):
    """FTSC: one VQ-VAE-2, or VQ-VAE, a scaling rate."""

    room: ClassVar[str] = "codecs"
    kind: Literal["ftsc"] = "ftsc"
    scalings: tuple[ScalingName, ...] = Field(("[8,2]", "[4,2]", "[2,2]"), min_length=1)
    """The scaling rates to offer, each with shipped weights unless `weights` names others; `[4]` is
    a VQ-VAE of one level."""
    weights: dict[ScalingName, Weights] = Field(default_factory=dict)
    """Other weights by scaling rate: a shipped checkpoint's name, or `{path, sha256}`."""
    transport: Literal["digital", "latent"] = "digital"
    """``digital``: indices travel as bits through the modem; ``latent``: the looked-up feature maps
    travel as analog symbols, and the receiver looks nothing up again."""
    index_code: Literal["fixed", "entropy"] = "fixed"
    """``fixed``: the paper's 9 bits an index; ``entropy``: a range coder, whose stream is as long
    as each image needs. Needs the extra `entropy`."""
    denoisers: dict[ScalingName, Weights] = Field(default_factory=dict)
    """Pretrained DnCNNs, one a level, that clean feature maps before the decoder, by scaling rate;
    with transport `latent`."""

    @model_validator(mode="after")
    def _indices_travel(self) -> FtscConfig:
        if self.transport == "latent" and self.index_code == "entropy":
            raise ValueError("transport 'latent' sends no indices; leave 'index_code' out")
        if self.denoisers and self.transport != "latent":
            raise ValueError("'denoisers' clean feature maps, which only transport 'latent' sends")
        if strange := sorted(set(self.denoisers) - set(self.scalings)):
            raise ValueError(f"'denoisers' names {strange[0]}, which is not among the scalings")
        return self


class NoiseConfig(Strict):
    """What a network learns to remove; each is one value or `{low, high}`, drawn for each image."""

    latent_snr_db: Level | None = None
    """White Gaussian noise on the looked-up feature maps, as `transport: latent` sends them: mean
    power of an image's maps over the variance of the noise."""
    bit_error_rate: Level | None = None
    """Share of the index bits that arrive wrong, as `transport: digital` sends them."""
    source_snr_db: Level | None = None
    """Semantic noise on the image before it is encoded, as a scenario's `semantic_noise`."""

    @model_validator(mode="after")
    def _shares(self) -> NoiseConfig:
        rate = self.bit_error_rate
        ends = (rate.low, rate.high) if isinstance(rate, Span) else (rate or 0.0,)
        if not all(0 <= end <= 0.5 for end in ends):
            raise ValueError("bit_error_rate lies in 0..0.5")
        return self


class VqVae2ObjectiveConfig(PluginConfig):
    """Training of one VQ-VAE-2 or VQ-VAE by FTSC eq. (3)."""

    room: ClassVar[str] = "objectives"
    transmits: ClassVar[bool] = False
    kind: Literal["vqvae2"] = "vqvae2"
    model: NetworkConfig = VqVae2Config()
    """Sizes of the network: `{bottom, top}` for a VQ-VAE-2, `{scale}` for a VQ-VAE."""
    start: Weights | None = None
    """Weights to start from, which know the sizes of their network."""
    codebook: Literal["averages", "gradient"] = "averages"
    """Entries follow running averages of what chose them, or the gradient of eq. (4)."""
    beta: float = Field(0.25, gt=0)
    """β of eq. (4)."""
    latent_weight: float = Field(1.0, gt=0)
    """Weight of L_q against the reconstruction error in eq. (3)."""
    noise: NoiseConfig = NoiseConfig()
    """Denoising training: noise goes in, the clean image is the label."""

    @model_validator(mode="after")
    def _sizes_of_untrained(self) -> VqVae2ObjectiveConfig:
        if self.start == RANDOM:
            raise ValueError("leave 'start' out to begin with random weights")
        if self.start is not None and "model" in self.model_fields_set:
            raise ValueError("'start' knows the sizes of its network; leave 'model' out")
        return self
