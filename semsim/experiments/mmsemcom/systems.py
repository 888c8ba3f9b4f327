"""What MMSemCom is compared with, on which images, at either scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from semsim.experiments.definition import Setting
from semsim.experiments.mmsemcom.full_scale import PUBLISHED, trained_as_published

PAPER = "Liang, Li, MMSemCom"

SEQUENTIAL, SIMULTANEOUS = "MMSemCom, sequential", "MMSemCom, simultaneous"
WITHOUT_CLIP = "MMSemCom without CLIP"
#: MMSemCom's systems by the name of their rate.
OWN = {"sequential": SEQUENTIAL, "simultaneous": SIMULTANEOUS, "image": WITHOUT_CLIP}
DEEPJSCC, DEEPJSCC_LESS = "DeepJSCC, CBR 1/6", "DeepJSCC, CBR 1/12"
WITT, LAMOSC = "WITT", "LaMoSC"
BPG, WEBP = "HEVC at quantiser 10 (for BPG)", "WebP at quality 100"
#: Classical codecs as the paper sets them: one quality, whatever their files take.
FIXED = (BPG, WEBP)
#: Classical codecs at the channel uses of sequential MMSemCom, which the paper has not.
EQUAL = {"hevc": "HEVC, channel uses of sequential", "webp": "WebP, channel uses of sequential"}

#: The paper says nothing of how files travel: here by QPSK and LDPC of rate 0.44, which hold from
#: about 1 dB on. Blocks fail by measured curves, since thousands of files are sent.
_FILES: dict[str, Any] = {"mcs": 3, "fidelity": "abstracted"}
_BEST: dict[str, Any] = {"mcs": "adaptive", "fidelity": "abstracted"}


@dataclass(frozen=True)
class DataSet:
    """Images of a few classes, and what has learnt from them.

    Attributes:
        name: in tables.
        test: fields of the source whose images are sent.
        train: fields of the source that the generator has learnt from.
        codec: MMSemCom, with its bank.
        rivals: learned systems, as a link scenario names them.
        images: how many to send.
        known: how many images of ``train`` to look at; all where None, which an endless source
            forbids.
    """

    name: str
    test: dict[str, Any]
    train: dict[str, Any]
    codec: dict[str, Any]
    rivals: tuple[dict[str, Any], ...]
    images: int
    known: int | None = None


def data_sets(setting: Setting) -> list[DataSet]:
    """Return what ships, or train everything on the paper's two data sets."""
    if setting.scale == "paper":
        return [_published(name, setting) for name in PUBLISHED]
    tinted = {"kind": "tinted", "classes": ["bag", "sneaker"], "size": 32}
    scenes = {"kind": "scenes", "arrangements": ["single"], "shapes": ["star", "ring"], "size": 32}
    return [
        _shipped("fashion", {**tinted, "split": "test"}, {**tinted, "split": "train"}),
        # As many as the bank holds, of the endless number that the generator learns from.
        _shipped("scenes", scenes, scenes, known=2000),
    ]


def _shipped(
    name: str, test: dict[str, Any], train: dict[str, Any], known: int | None = None
) -> DataSet:
    own = {"kind": "mmsemcom", "weights": f"mmsemcom-{name}", "bank": f"mmsemcom-{name}"}
    rivals = (
        _learned(DEEPJSCC, {"kind": "deepjscc", "weights": "deepjscc-1-6"}),
        _learned(DEEPJSCC_LESS, {"kind": "deepjscc", "weights": "deepjscc-1-12"}),
        _learned(WITT, {"kind": "witt", "weights": "witt"}),
        _learned(LAMOSC, {"kind": "lamosc", "weights": f"lamosc-{name}"}),
    )
    return DataSet(name, test, train, own, rivals, images=100, known=known)


def _published(name: str, setting: Setting) -> DataSet:
    made = trained_as_published(name, setting)
    labels = {
        "deepjscc-1-6": DEEPJSCC,
        "deepjscc-1-12": DEEPJSCC_LESS,
        "witt": WITT,
        "lamosc": LAMOSC,
    }
    rivals = tuple(_learned(labels[key], codec) for key, codec in made.rivals.items())
    return DataSet(name, made.test, made.train, made.codec, rivals, images=200)


def _learned(label: str, codec: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "codec": codec}


def own_systems(data: DataSet) -> list[dict[str, Any]]:
    """MMSemCom's systems, as a link scenario names them."""
    return [{"label": label, "codec": data.codec, "rates": [rate]} for rate, label in OWN.items()]


def all_systems(data: DataSet) -> list[dict[str, Any]]:
    """MMSemCom's systems and all that they are compared with."""
    # BPG's header is far shorter than HEIF's: neither travels, nor does WebP's.
    fixed = {BPG: ("hevc", 10), WEBP: ("webp", 100)}
    return [
        *own_systems(data),
        *data.rivals,
        *(
            {
                "label": label,
                "codec": {
                    "kind": "classical",
                    "format": name,
                    "headers": "agreed",
                    "quality": quality,
                },
                "modem": _FILES,
            }
            for label, (name, quality) in fixed.items()
        ),
        *(
            {"label": label, "separation": name, "match": SEQUENTIAL, "modem": _BEST}
            for name, label in EQUAL.items()
        ),
    ]
