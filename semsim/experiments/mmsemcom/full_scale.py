"""MMSemCom and its rivals at the paper's sizes, on its two data sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from semsim.codecs.mmsemcom.bank_config import BankRecipe
from semsim.codecs.mmsemcom.bank_making import make_bank
from semsim.experiments.definition import Setting
from semsim.experiments.trainings import Trained, train_all

#: Classes, size and candidate prompts of each data set. The paper names three prompts ("bird",
#: "yellow", "on a tree") and no list; class names are the data sets' own.
PUBLISHED: dict[str, dict[str, Any]] = {
    "cifar100": {
        "classes": ["apple", "orange"],
        "size": 32,
        "prompts": [
            "apple", "orange", "red", "green", "yellow", "dark", "bright", "one fruit",
            "several fruits", "on a tree", "on a table", "on a white background", "with a leaf",
            "cut in half", "in a bowl", "close-up",
        ],
    },
    "stl10": {
        "classes": ["bird", "airplane"],
        "size": 96,
        "prompts": [
            "bird", "airplane", "yellow", "red", "blue", "brown", "black", "white", "on a tree",
            "on the ground", "on water", "in the sky", "flying", "from the side", "from the front",
            "several", "close-up", "with open wings",
        ],
    },
}  # fmt: skip
#: p, and T of the paper.
PER_CLASS, SAMPLING_STEPS = 5000, 40
#: The paper has 50,000 epochs in section VI-A and 50,000 iterations in VI-C; it is the latter here.
_STEPS = 50_000
#: Of features and rivals, which the paper leaves open or takes from their authors.
_FEATURE_STEPS, _RIVAL_STEPS = 5_000, 50_000


#: BLIP describes images to LaMoSC, and what is not among these words is sent as an unknown one.
_BLIP = {"kind": "blip", "pretrained": "Salesforce/blip-image-captioning-base"}
_COMMON = (
    "a", "an", "and", "the", "with", "of", "in", "on", "at", "to", "is", "are", "two", "three",
    "group", "bunch", "pile", "plate", "branch", "leaves", "wooden", "grey", "small", "large",
    "sitting", "standing", "grass", "water", "background", "field", "air", "runway", "wing",
)  # fmt: skip


@dataclass(frozen=True)
class Published:
    """What was trained on one data set.

    Attributes:
        train: fields of the source that was learnt from.
        test: of the other split.
        codec: MMSemCom, with its bank.
        rivals: codecs by name.
    """

    train: dict[str, Any]
    test: dict[str, Any]
    codec: dict[str, Any]
    rivals: dict[str, dict[str, Any]]


def trained_as_published(name: str, setting: Setting) -> Published:
    """Train the generator, the features and the rivals on ``name``, and make its bank."""
    train, test = (_source(name, split) for split in ("train", "test"))
    trained = train_all(recipes(name), setting)
    features = trained.pop(f"{name}-features").weights.resolve()
    bank = BankRecipe.model_validate(
        {
            "name": f"mmsemcom-{name}",
            "sampler": {
                "kind": "class_diffusion",
                "weights": {"path": str(trained.pop(f"{name}-sampler").weights.resolve())},
                "steps": SAMPLING_STEPS,
            },
            "classes": PUBLISHED[name]["classes"],
            "per_class": PER_CLASS,
            "features": {"path": str(features)},
        }
    )
    folder = setting.keep / "banks" / bank.name
    make_bank(bank, folder, setting.device, report=setting.report)
    codec = {"kind": "mmsemcom", "weights": {"path": str(features)}, "bank": str(folder.resolve())}
    return Published(train, test, codec, _rivals(name, trained))


def recipes(name: str) -> dict[str, dict[str, Any]]:
    """Return every recipe by its label: generator, features, and the rivals."""
    data = PUBLISHED[name]
    shared = {"sources": [_source(name, "train")], "batch": 64, "seed": 1, "precision": "auto"}
    held_out = _source(name, "test")
    link = {"channel": "awgn", "snr_db": {"low": 0, "high": 20}}
    rivals: dict[str, dict[str, Any]] = {
        "deepjscc-1-6": {"kind": "deepjscc", "weights": "random", "model": {"cbr": "1/6"}},
        "deepjscc-1-12": {"kind": "deepjscc", "weights": "random", "model": {"cbr": "1/12"}},
        "witt": {"kind": "witt", "weights": "random"},
        "lamosc": {
            "kind": "lamosc",
            "weights": "random",
            "model": {"words": _words(data["prompts"])},
            "captioner": _BLIP,
        },
    }
    return {
        f"{name}-sampler": {
            **shared,
            "objective": {
                "kind": "class_denoising",
                "model": {"size": data["size"], "classes": len(data["classes"])},
            },
            "steps": _STEPS,
            "optimizer": {"learning_rate": 2e-4},
            "evaluation": {"source": held_out, "count": 128},
            "evaluate_every_steps": 5000,
            "checkpoint_every_steps": 1000,
        },
        f"{name}-features": {
            **shared,
            "objective": {
                "kind": "mmsemcom_features",
                "bank": f"mmsemcom-{name}",
                "model": {"prompts": data["prompts"]},
            },
            "link": link,
            "steps": _FEATURE_STEPS,
            "optimizer": {"learning_rate": 1e-4},
            "evaluation": {"source": held_out, "count": 200},
            "evaluate_every_steps": 500,
            "checkpoint_every_steps": 250,
        },
        **{
            f"{name}-{label}": {
                **shared,
                "objective": {"kind": "reconstruction", "codec": codec},
                "link": link,
                "steps": _RIVAL_STEPS,
                "optimizer": {"learning_rate": 1e-3 if codec["kind"] == "deepjscc" else 1e-4},
                "evaluation": {"source": held_out, "count": 200, "snr_db": [10, 0, 20]},
                "evaluate_every_steps": 5000,
                "checkpoint_every_steps": 1000,
            }
            for label, codec in rivals.items()
        },
    }


def _words(prompts: list[str]) -> list[str]:
    """Return the words of the prompts, and common ones of captions."""
    words = (word for prompt in prompts for word in prompt.replace("-", " ").split())
    return list(dict.fromkeys((*words, *_COMMON)))


def _rivals(name: str, trained: dict[str, Trained]) -> dict[str, dict[str, Any]]:
    return {label.removeprefix(f"{name}-"): made.codec for label, made in trained.items()}


def _source(name: str, split: str) -> dict[str, Any]:
    data = PUBLISHED[name]
    return {
        "kind": "torchvision",
        "dataset": name,
        "classes": data["classes"],
        "split": split,
        "size": data["size"],
    }
