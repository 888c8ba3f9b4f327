"""Configuration of MMSemCom's features and codec (no torch here)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from semsim.codecs.weights_config import RANDOM, LearnedConfig, Weights
from semsim.config import PluginConfig, Strict, all_different

#: What is sent: image features, fused features, prompts and image features.
RateName: TypeAlias = Literal["image", "simultaneous", "sequential"]
#: How the two distances of eq. (21-22) are joined.
DistanceKind: TypeAlias = Literal["both", "cosine", "euclidean"]


class Resnet50Trunk(Strict):
    """The paper's: torchvision's ResNet-50 without its last layer, on images of 224 pixels."""

    kind: Literal["resnet50"] = "resnet50"
    pretrained: bool = True
    """Start a new network from torchvision's ImageNet weights, fetched where they are missing."""


class SmallResnetTrunk(Strict):
    """A ResNet of basic blocks with the image's own size, for small images."""

    kind: Literal["resnet"] = "resnet"
    blocks: Annotated[tuple[int, ...], Field(min_length=1, max_length=4)] = (1, 1, 1)
    """Basic blocks of each stage; widths are 64, 128, 256, 512."""


class PretrainedClip(Strict):
    """CLIP by open_clip, which fetches its weights or reads them from a file; it stays as it is."""

    kind: Literal["open_clip"] = "open_clip"
    model: str = "ViT-B-32"
    """A model of open_clip; OpenAI's weights were trained with `ViT-B-32-quickgelu`."""
    pretrained: str = "openai"
    """A tag of open_clip's, or a file of weights."""


class WordsClip(Strict):
    """A small CLIP of open_clip's class over whole words, trained with the other features."""

    kind: Literal["words"] = "words"
    vocabulary: tuple[str, ...] = Field(min_length=1)
    """Words of captions and prompts; others are left out."""
    size: int = Field(32, ge=8)
    """Height and width of the images that its transformer takes, in pixels."""
    patch: int = Field(4, ge=1)
    width: int = Field(64, ge=8)
    """Width of both transformers, and of the embedding (d_text)."""
    heads: int = Field(4, ge=1)
    image_layers: int = Field(3, ge=1)
    text_layers: int = Field(2, ge=1)
    context: int = Field(12, ge=3)
    """Most words of a caption, with a beginning and an end."""

    @model_validator(mode="after")
    def _divides(self) -> WordsClip:
        if self.size % self.patch or self.width % self.heads:
            raise ValueError("patch must divide size, and heads width")
        return self


class FeaturesModel(Strict):
    """Parts and sizes of the features; the defaults are the paper's."""

    prompts: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(all_different)]
    """Candidates, of which each image gets the best."""
    best: int = Field(3, ge=1)
    """Prompts an image gets, n_text."""
    trunk: Resnet50Trunk | SmallResnetTrunk = Field(Resnet50Trunk(), discriminator="kind")
    clip: PretrainedClip | WordsClip = Field(PretrainedClip(), discriminator="kind")
    hidden: int = Field(512, ge=1)
    """Width between the two added layers, d_1; the paper does not say."""
    image: int = Field(32, ge=1)
    """Image features, d_image."""
    fusion: int = Field(64, ge=1)
    """Fused features, d_fusion."""
    heads: int = Field(4, ge=1)
    """Attention heads of the fusion; the paper does not say."""
    keys: Literal["grid", "vector"] = "grid"
    """What prompts attend to: `grid`, image features at each place of the last map; `vector`, the
    one vector of eq. (12-13), over which every weight of attention is 1."""

    @model_validator(mode="after")
    def _consistent(self) -> FeaturesModel:
        if self.fusion % self.heads:
            raise ValueError(f"{self.heads} heads do not divide {self.fusion} fused features")
        if self.best > len(self.prompts):
            raise ValueError(f"there are only {len(self.prompts)} prompts to choose from")
        return self


class FeaturesObjectiveConfig(PluginConfig):
    """Image features, CLIP and their fusion learn to tell images apart after a channel."""

    room: ClassVar[str] = "objectives"
    kind: Literal["mmsemcom_features"] = "mmsemcom_features"
    model: FeaturesModel
    bank: str = "mmsemcom-fashion"
    """Bank that the card of the weights names for the codec."""
    likeness: float = Field(0.01, gt=0)
    """Mean squared difference of pixels by which likeness falls to 1/e."""
    temperature: float = Field(0.1, gt=0)
    """Cosine distance of features by which it falls to 1/e."""
    clip: float = Field(1.0, ge=0)
    """Weight of CLIP's own loss; of no effect on a pretrained one."""


class MmsemcomConfig(LearnedConfig):
    """MMSemCom: features are sent, and the receiver selects among images that it generated."""

    kind: Literal["mmsemcom"] = "mmsemcom"
    weights: Weights
    """Features: a shipped checkpoint, `{path, sha256}`, or `random`."""
    model: FeaturesModel | None = None
    """Parts and sizes of features with `weights: random`; a checkpoint knows its own."""
    bank: str | Path
    """A bank that ships, by its name, or a folder that `semsim bank` made."""
    keep: int = Field(100, ge=1)
    """Images that sequential selection keeps by their prompts, q."""
    rates: Annotated[tuple[RateName, ...], Field(min_length=1), AfterValidator(all_different)] = (
        "image",
        "simultaneous",
        "sequential",
    )
    """Which ways of sending to offer. Where one is no better than another that takes less, an
    allocator has nothing to weigh: leave it out."""
    distance: DistanceKind = "both"
    """`both`: 1 - cosine plus Euclidean distance, as in eq. (20), (23) and (25)."""

    @model_validator(mode="after")
    def _knows_its_prompts(self) -> MmsemcomConfig:
        if self.weights == RANDOM and self.model is None:
            raise ValueError("random weights know no prompts: give 'model' with 'prompts'")
        return self
