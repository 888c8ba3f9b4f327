"""Which images play which role: what a codec was pretrained on, and what it does not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from semsim.experiments.definition import Scale
from semsim.experiments.ftsc.datasets import ORIGINALS, original

Split = Literal["train", "test"]
#: The paper's groups (Section IV-A).
_PRETRAINING = ("ffhq", "imagenet", "cifar-100", "pokemon")
_TESTING = ("x-ray", "cityscapes", "cifar-10", "naruto")
#: Those with labels, on which the paper measures top-1 accuracy (Fig. 7).
_LABELLED = ("cifar-10", "cifar-100", "imagenet")


@dataclass(frozen=True)
class DataSet:
    """Images in a role.

    Attributes:
        name: in tables.
        source: fields of a source, by split.
        tuned: images sent for fine-tuning, 5 % of the data set or less.
        judged: images that quality is measured on.
        total: images that the data set has.
        unknown: whether the shipped codec has never met its kind.
    """

    name: str
    source: Callable[[Split], dict[str, Any]]
    tuned: int
    judged: int
    total: int
    unknown: bool = True


def known(scale: Scale) -> list[DataSet]:
    """Return the data sets of Table I: photographs, or the paper's eight."""
    if scale == "small":
        return [DataSet("photographs", lambda split: photos(split, 256), 0, 21, 21, unknown=False)]
    return [_original(name, unknown=False) for name in (*_PRETRAINING, *_TESTING)]


def unknown(scale: Scale) -> list[DataSet]:
    """Return what the codec is tuned on, and one or two sets of its own kind for comparison.

    At scale ``small``: drawn scenes, articles of clothing and emoji, all unlike the photographs
    that the codec was trained on; and squares of photographs that it has not seen. All have 64×64
    pixels.
    """
    if scale == "paper":
        sets = [_original(name, unknown=True) for name in _TESTING]
        return [*sets, *(_original(name, unknown=False) for name in ("ffhq", "imagenet"))]
    return [
        DataSet("scenes", lambda _: {"kind": "scenes", "size": 64}, 48, 96, 267_264),
        DataSet("fashion", lambda split: _collection("fashion", split), 48, 96, 6_000),
        DataSet("emoji", lambda split: _collection("emoji", split), 48, 96, 1_417),
        DataSet("photographs", lambda split: photos(split, 64), 48, 96, 7_000, unknown=False),
    ]


def pretraining(scale: Scale) -> list[dict[str, Any]]:
    """Return the sources that the codec is pretrained on."""
    if scale == "small":
        return [photos("train", 64)]
    return [_original(name, unknown=False).source("train") for name in _PRETRAINING]


def labelled(scale: Scale) -> list[DataSet]:
    """Return the data sets whose images have classes."""
    if scale == "small":
        return [one for one in unknown("small") if one.name in ("scenes", "fashion")]
    return [_original(name, unknown=name in _TESTING) for name in _LABELLED]


def photos(split: Split, size: int) -> dict[str, Any]:
    """Return squares at mixed scales from natural photographs."""
    return {"kind": "photos", "split": split, "size": size, "crop": "random", "least": 0.5}


def _collection(name: str, split: Split) -> dict[str, Any]:
    return {"kind": "collection", "name": name, "split": split, "size": 64}


def _original(name: str, *, unknown: bool) -> DataSet:
    total = ORIGINALS[name].images
    # 5 %, and no more than make 600 iterations of 64 meet every image some ten times.
    tuned = min(4000, total // 20)
    return DataSet(name, lambda split: original(name, split), tuned, 500, total, unknown)
