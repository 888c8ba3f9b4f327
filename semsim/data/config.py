"""Configuration of the built-in sources (no torch here)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import AfterValidator, Field

from semsim.config import PluginConfig, all_different

Crop = Literal["center", "random"]
Arrangement = Literal["single", "left", "above"]
Background = Literal["sky", "grass", "sand", "night", "snow", "stone", "wood", "dusk"]
BACKGROUND_NAMES: tuple[Background, ...] = get_args(Background)
Shape = Literal["circle", "square", "triangle", "star", "ring", "cross", "diamond", "heart"]
SHAPE_NAMES: tuple[Shape, ...] = get_args(Shape)
#: Classes of Fashion-MNIST in the order of its labels, as captions name them.
FashionClass = Literal[
    "top",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
]


class SourceConfig(PluginConfig):
    """Base of every source."""

    room: ClassVar[str] = "sources"


class PhotosConfig(SourceConfig):
    """Natural photographs that ship with semsim, split by photograph."""

    kind: Literal["photos"] = "photos"
    split: Literal["train", "test", "all"] = "test"
    """``test`` holds photographs that no shipped codec was trained on."""
    size: int = Field(256, ge=16, le=640)
    """Height and width of the images, in pixels."""
    crop: Crop = "center"
    """``center``: the largest central square; ``random``: squares at mixed scales, mirrored."""
    least: float = Field(0.0, ge=0, le=1)
    """Side of the smallest random square, as a share of the photograph's shorter side; 0 goes down
    to `size` pixels, where a photograph shows little but blur."""


class FolderConfig(SourceConfig):
    """Any folder of images (searched through its sub-folders)."""

    kind: Literal["folder"] = "folder"
    path: Path
    """The folder; relative paths start at the working directory."""
    include: tuple[str, ...] = ("**/*",)
    """Glob patterns below the folder; the order of files is alphabetical."""
    size: int = Field(256, ge=16, le=4096)
    """Height and width of the images, in pixels."""
    crop: Crop = "center"
    """``center``: the largest central square; ``random``: squares at mixed scales, mirrored."""
    least: float = Field(0.0, ge=0, le=1)
    """Side of the smallest random square, as a share of the photograph's shorter side; 0 goes down
    to `size` pixels, where a photograph shows little but blur."""
    max_side: int = Field(1536, ge=8)
    """Photographs are reduced to this shorter side (or ``size``) when read, to save memory."""
    hold: bool = True
    """Read all photographs once and keep them; otherwise each is read whenever it is drawn, which
    takes next to no memory, for data sets of any size."""
    split: Literal["train", "test", "all"] = "all"
    """``test`` is about a fifth of the files, picked by their names, ``train`` the rest."""
    labels: Literal["none", "folders"] = "none"
    """``folders``: the folders directly below `path` are the classes, numbered alphabetically."""


class CollectionConfig(SourceConfig):
    """A small labelled collection, unlike photographs, that ships with semsim."""

    kind: Literal["collection"] = "collection"
    name: Literal["fashion", "emoji"]
    """``fashion``: 6,000 pictures of Fashion-MNIST; ``emoji``: 1,417 of Noto Emoji, captioned."""
    split: Literal["train", "test", "all"] = "test"
    """Of fashion 5,000 train and 1,000 test, of emoji 1,134 and 283."""
    size: int = Field(64, ge=16, le=640)
    """Resize to this height and width; fashion is 28×28 by itself, emoji 64×64."""


class TintedConfig(SourceConfig):
    """Pictures of Fashion-MNIST in colour, with captions of what they show."""

    kind: Literal["tinted"] = "tinted"
    classes: Annotated[tuple[FashionClass, ...], AfterValidator(all_different)] = Field(
        ("bag", "sneaker"), min_length=1
    )
    """What to show; an image's label is its place in this list."""
    split: Literal["train", "test", "all"] = "test"
    """500 pictures a class to train on and 100 to test, of those that ship with semsim."""
    size: int = Field(32, ge=16, le=640)
    """Height and width of the images, in pixels."""


class ScenesConfig(SourceConfig):
    """Drawn scenes with a class label and a caption from a closed grammar."""

    kind: Literal["scenes"] = "scenes"
    size: Literal[32, 64] = 32
    """Height and width of the images, in pixels."""
    arrangements: tuple[Arrangement, ...] = Field(("single", "left", "above"), min_length=1)
    """What may be seen: a single object, one left of another, one above another. Half of the scenes
    have two objects where both one and two are allowed."""
    backgrounds: tuple[Background, ...] = Field(BACKGROUND_NAMES, min_length=1)
    """What objects may lie on."""
    shapes: Annotated[tuple[Shape, ...], AfterValidator(all_different)] = Field(
        SHAPE_NAMES, min_length=1
    )
    """What objects may be; an image's label is the place of its first object in this list."""
    pictures: bool = True
    """Draw the pictures; without, images are black, and labels and captions as they would be. For
    those who learn from captions alone: drawing takes most of the time."""


class GaussianConfig(SourceConfig):
    """Images drawn from a stationary Gauss–Markov field, where theory gives exact bounds."""

    kind: Literal["gaussian"] = "gaussian"
    size: int = Field(64, ge=8, le=640)
    """Height and width of the images, in pixels."""
    rho: float = Field(0.95, ge=0, le=0.999)
    """Correlation of neighbouring pixels, along rows and along columns."""
    colour_correlation: float = Field(0.8, ge=0, le=0.999)
    """Correlation of any two of the three colours of a pixel."""
    std: float = Field(0.1, gt=0, le=0.1)
    """Standard deviation of every value around 0.5; at 0.1 the limits 0 and 1 are five sigma."""


class TorchvisionConfig(SourceConfig):
    """A labelled data set through torchvision, downloaded where the network allows."""

    kind: Literal["torchvision"] = "torchvision"
    dataset: Literal["cifar10", "cifar100", "stl10", "fashion_mnist"]
    classes: Annotated[tuple[str, ...], AfterValidator(all_different)] = ()
    """Which of its classes to take, by the data set's own names; an image's label is then its place
    in this list. The default is all of them."""
    split: Literal["train", "test"] = "test"
    root: Path | None = None
    """Where the files are or go; the default is ``~/.cache/semsim/datasets``."""
    size: int | None = Field(None, ge=16, le=512)
    """Resize to this height and width; the default keeps the data set's own."""
    download: bool = True


class SentencesConfig(SourceConfig):
    """Sentences of a text file, one a line, without pictures."""

    kind: Literal["sentences"] = "sentences"
    path: Path
    """A text file in UTF-8; empty lines do not count."""
    split: Literal["train", "test", "all"] = "all"
    """``test`` is about a fifth of the sentences, picked by their words, ``train`` the rest."""
    size: int = Field(32, ge=1, le=4096)
    """Height and width of the black images that stand beside sentences; rates are counted for
    images of this size."""
