"""Configuration of DeepJSCC, SemViT, ADJSCC-V and WITT (no torch here)."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from semsim.codecs.jscc.sizes import feature_channels
from semsim.codecs.weights_config import LearnedConfig, Weights
from semsim.config import PluginConfig, PluginField, Strict


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return float(Fraction(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError("expected a number or a fraction such as 1/6") from None


#: Complex channel uses over source values: a number, or a fraction such as ``1/6``.
Cbr = Annotated[
    float,
    Field(gt=0),
    BeforeValidator(_number),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^\d+/\d+$"},
            ]
        }
    ),
]


class _OneRate(Strict):
    """A network that sends a fixed number of features at each place of a smaller grid."""

    cbr: Cbr = 1 / 6
    """Channel bandwidth ratio, which sets how many features are sent."""

    @property
    def shrink(self) -> int:
        """How many times smaller than the image the grid of its features is."""
        return 4

    @property
    def channels(self) -> int:
        """C, real features at each place of the grid."""
        return feature_channels(self.cbr, self.shrink)

    @model_validator(mode="after")
    def _whole(self) -> _OneRate:
        _ = self.channels  # raises for a ratio that gives no whole number
        return self


Width = Annotated[int, Field(ge=1)]


class DeepJsccModel(_OneRate):
    """Sizes of DeepJSCC; the defaults are the paper's (Fig. 2)."""

    filters: tuple[Width, Width, Width, Width] = (16, 32, 32, 32)
    """Filters of the encoder's first four convolutions; the decoder has them in reverse."""


class DeepJsccConfig(LearnedConfig):
    """DeepJSCC: five convolutions with PReLU at each end; knows no SNR."""

    by_rows: ClassVar[bool] = True
    kind: Literal["deepjscc"] = "deepjscc"
    weights: Weights = "deepjscc-1-6"
    model: DeepJsccModel | None = None


class WittModel(_OneRate):
    """Sizes of WITT; the defaults are the authors' for CIFAR-10, at another bandwidth ratio.

    Their sizes for large images: ``widths: [128, 192, 256, 320]``, ``depths: [2, 2, 6, 2]``,
    ``heads: [4, 6, 8, 10]``, ``window: 8``.
    """

    widths: tuple[Width, ...] = (128, 256)
    """Features of each stage; every stage halves the sides."""
    depths: tuple[Width, ...] = (2, 4)
    """Swin transformer blocks of each stage."""
    heads: tuple[Width, ...] = (4, 8)
    """Attention heads of each stage."""
    window: int = Field(2, ge=1)
    """Side of the windows within which blocks attend."""
    mlp_ratio: float = Field(4.0, gt=0)
    """Width of the feed-forward layers over that of the stage."""
    modulation_layers: int = Field(7, ge=1)
    """SNR modulators of each Channel ModNet."""
    modulation_ratio: float = Field(1.5, gt=0)
    """Width of the Channel ModNet over that of the last stage."""

    @property
    def shrink(self) -> int:
        """How many times smaller than the image the grid of its features is."""
        return int(2 ** len(self.widths))

    @model_validator(mode="after")
    def _stages_agree(self) -> WittModel:
        if not len(self.widths) == len(self.depths) == len(self.heads) > 0:
            raise ValueError("widths, depths and heads name one number a stage")
        for width, heads in zip(self.widths, self.heads, strict=True):
            if width % heads:
                raise ValueError(f"{heads} heads do not divide a width of {width}")
        return self


class WittConfig(LearnedConfig):
    """WITT: Swin transformer stages with SNR modulation at both ends."""

    by_rows: ClassVar[bool] = True
    kind: Literal["witt"] = "witt"
    weights: Weights = "witt"
    model: WittModel | None = None


class AdjsccVModel(Strict):
    """Sizes of ADJSCC-V; the defaults are the authors'."""

    filters: int = Field(256, ge=2)
    """Filters of the convolutions."""
    kernel: int = Field(5, ge=1, le=15)
    """Side of the convolutions, odd."""
    channels: int = Field(48, ge=2)
    """The longest code: real features at each place of the grid, of which 96 are CBR 1."""
    shortest: int = Field(5, ge=1)
    """The shortest code; the authors train at CBRs from about 0.05."""
    step: int = Field(1, ge=1)
    """Features between one code length and the next, counted down from the longest."""

    @property
    def lengths(self) -> tuple[int, ...]:
        """Code lengths on offer, rising."""
        return tuple(range(self.channels, self.shortest - 1, -self.step))[::-1]

    @model_validator(mode="after")
    def _consistent(self) -> AdjsccVModel:
        if self.kernel % 2 == 0:
            raise ValueError(f"the convolutions need an odd kernel, got {self.kernel}")
        if self.shortest > self.channels:
            raise ValueError(
                f"'shortest' ({self.shortest}) lies above 'channels' ({self.channels})"
            )
        return self


class AdjsccVConfig(LearnedConfig):
    """ADJSCC-V: SNR attention, variable code length, an Oracle Network that predicts PSNR."""

    by_rows: ClassVar[bool] = True
    kind: Literal["adjscc_v"] = "adjscc_v"
    weights: Weights = "adjscc-v"
    model: AdjsccVModel | None = None


class OracleConfig(PluginConfig):
    """The Oracle Network of an ADJSCC-V learns to predict its PSNR; the rest is held fixed."""

    room: ClassVar[str] = "objectives"
    by_rows: ClassVar[bool] = True
    kind: Literal["oracle"] = "oracle"
    codec: Annotated[PluginConfig, PluginField("codecs")]
    """A trained ADJSCC-V."""


class SemVitModel(_OneRate):
    """Sizes of SemViT; the defaults are the authors', with one ViT block at each end."""

    filters: int = Field(256, ge=1)
    """Width of all layers."""
    head: int = Field(32, ge=1)
    """Width of an attention head."""
    blocks: tuple[Width, Width, Width] = (1, 1, 1)
    """Repetitions of the encoder's layers C, C, V; the decoder has them in reverse."""
    positions: int = Field(8, ge=1)
    """The position bias is learnt on a square grid of this side; others are interpolated."""
    mlp_ratio: float = Field(4.0, gt=0)
    """Width of the feed-forward layers over that of the block."""
    gdn: bool = True
    """Normalise by GDN after each layer; the authors train with it and without."""

    @model_validator(mode="after")
    def _heads_divide(self) -> SemVitModel:
        if self.filters % self.head:
            raise ValueError(f"heads of {self.head} do not divide a width of {self.filters}")
        return self


class SemVitConfig(LearnedConfig):
    """SemViT: two convolution layers, then a vision transformer layer, and the mirror of that."""

    by_rows: ClassVar[bool] = True
    kind: Literal["semvit"] = "semvit"
    weights: Weights = "semvit"
    model: SemVitModel | None = None
