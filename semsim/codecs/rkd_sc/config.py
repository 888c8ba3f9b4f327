"""Configuration of RKD-SC's networks (no torch here)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field

from semsim.codecs.weights_config import RANDOM, LearnedConfig, Weights
from semsim.config import PluginConfig, PluginField, Strict, all_different

#: How the convolutions before the stages treat an image's sides: they leave a quarter of them, half
#: or all.
Stem: TypeAlias = Literal["pooled", "halved", "whole"]
#: Blocks of a stage.
Depth = Annotated[int, Field(ge=1, le=5)]


def _divides_512(heads: int) -> int:
    if 512 % heads:
        raise ValueError(f"{heads} heads do not divide 512 features")
    return heads


#: Attention heads over 512 features.
Heads = Annotated[int, Field(ge=1), AfterValidator(_divides_512)]


class StagedModel(Strict):
    """A semantic encoder of the search space (Table I)."""

    kind: Literal["staged"] = "staged"
    blocks: tuple[Depth, Depth, Depth, Depth] = (3, 4, 4, 1)
    """Bottlenecks of each stage; KDL-DARTS found 3, 4, 4, 1 on CIFAR-10, 4, 5, 5, 3 on CIFAR-100
    and 5, 5, 5, 3 on Tiny-ImageNet."""
    stem: Stem = "pooled"
    """`pooled`, the paper's, makes sides a quarter before the stages; for small images `halved` has
    no stride and `whole` no pooling either."""
    heads: Heads = 8
    """Heads of the attention pooling."""
    positions: int = Field(7, ge=1, le=64)
    """Side of the learned position embedding; 7 for 224 pixels; for 32 pixels 2 with a halved
    and 4 with a whole stem. Other grids get it interpolated."""


class TransformerModel(Strict):
    """A vision transformer as the semantic encoder; the sizes are ViT-B/16's (JSCC-teacher)."""

    kind: Literal["transformer"] = "transformer"
    patch: int = Field(16, ge=1, le=64)
    """Height and width of a patch, in pixels."""
    width: int = Field(768, ge=8)
    """Width of a patch's features."""
    depth: int = Field(12, ge=1)
    """Transformer blocks."""
    heads: int = Field(12, ge=1)
    """Attention heads; they must divide the width."""
    mlp_ratio: float = Field(4.0, gt=0)
    """Width inside the feed-forward networks over the width."""
    positions: int = Field(14, ge=1, le=64)
    """Side of the learned position embedding, in patches; 14 for 224 pixels."""


class ClipModel(Strict):
    """CLIP's image tower by open_clip, which fetches its weights or reads them from a file."""

    kind: Literal["open_clip"] = "open_clip"
    model: str = "ViT-B-16"
    """A model of open_clip whose embedding has 512 values; OpenAI's weights were trained with
    `ViT-B-16-quickgelu`."""
    pretrained: str = "openai"
    """A tag of open_clip's, or a file of weights."""


class CatModel(Strict):
    """The channel-aware transformer at both ends."""

    kind: Literal["cat"] = "cat"
    compression: Annotated[
        tuple[Annotated[float, Field(gt=0, le=0.99)], ...],
        Field(min_length=1),
        AfterValidator(all_different),
    ] = (0.8,)
    """Ratios of eq. (22), a rate each: 0.8 sends 102 of 512 values, 0.2 sends 409, 0.1 sends 460.
    Where there are several, a shorter code is the beginning of a longer one."""
    heads: Heads = 8
    """Attention heads."""
    feed_forward: int = Field(2048, ge=1)
    """Width inside the feed-forward network."""
    encoder_blocks: int = Field(1, ge=1)
    """Blocks of the sender; with one, it does not use the SNR."""
    decoder_blocks: int = Field(2, ge=1)
    """Blocks of the receiver."""
    last: Literal["full", "filled"] = "full"
    """What the receiver's last block leaves: all 512 values, or as many as were sent, filled up
    with features of the SNR like those before it."""


class DenseModel(Strict):
    """One linear layer at each end, which know no SNR."""

    kind: Literal["dense"] = "dense"
    compression: Annotated[
        tuple[Annotated[float, Field(ge=0, le=0.99)], ...],
        Field(min_length=1),
        AfterValidator(all_different),
    ] = (0.0,)
    """Ratios of eq. (22), a rate each; 0 sends 512 values."""


class RkdScModel(Strict):
    """Parts and sizes; the defaults are the paper's for CIFAR-10."""

    classes: int = Field(10, ge=2)
    """Classes to tell apart."""
    encoder: StagedModel | TransformerModel | ClipModel = Field(StagedModel(), discriminator="kind")
    """What makes features of an image."""
    channel_coder: CatModel | DenseModel = Field(CatModel(), discriminator="kind")
    """What makes values to send of features, and features of what arrives."""


class RkdScConfig(LearnedConfig):
    """RKD-SC: an image's class over the air, by distilled features and a channel-aware coder.

    Three rivals are the same system of other parts: JSCC-student has a dense channel coder,
    JSCC-teacher a vision transformer before it, and RTSC a very small one.
    """

    kind: Literal["rkd_sc"] = "rkd_sc"
    weights: Weights = RANDOM
    model: RkdScModel | None = None


class CodecTeacher(Strict):
    """The semantic encoder of a trained `rkd_sc`."""

    kind: Literal["codec"] = "codec"
    weights: Weights
    """Whose; a name of `semsim zoo`, or a file."""


#: Whose features are learnt.
TeacherConfig: TypeAlias = Annotated[CodecTeacher | ClipModel, Field(discriminator="kind")]


class RkdFeaturesConfig(PluginConfig):
    """RKD's first stage: a semantic encoder learns a teacher's features, without a channel."""

    room: ClassVar[str] = "objectives"
    transmits: ClassVar[bool] = False
    kind: Literal["rkd_features"] = "rkd_features"
    codec: RkdScConfig
    """Whose semantic encoder learns; the rest of it is left as it is."""
    teacher: TeacherConfig


class RkdSender(Strict):
    """One of the senders that learn together, with a data set of its own."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    codec: RkdScConfig
    """Semantic encoder, channel encoder and semantic decoder, and the channel decoder of the first
    sender, which all share."""
    teacher: TeacherConfig
    ratio: float | None = None
    """Compression ratio to learn at; by default every batch draws one of the channel coder's."""
    source: Annotated[PluginConfig, PluginField("sources")]
    held_out: Annotated[PluginConfig, PluginField("sources")]


class RkdJointConfig(PluginConfig):
    """RKD's second stage: senders learn jointly, each with its data, to be heard by one receiver.

    Senders have semantic and channel encoders of their own; the receiver has one channel decoder
    and a semantic decoder for each of them (Algorithm 2, line 21).
    """

    room: ClassVar[str] = "objectives"
    draws: ClassVar[bool] = True
    kind: Literal["rkd_joint"] = "rkd_joint"
    senders: tuple[RkdSender, ...] = Field(min_length=1)
    knowledge: float = Field(1.0, ge=0)
    """Weight of the error between the teacher's features and those received (λ_KD)."""
    recovery: float = Field(1.0, ge=0)
    """Weight of the error between the features sent and those received (λ_RE)."""
    task: float = Field(1.0, ge=0)
    """Weight of the classes' cross-entropy (λ_task)."""
