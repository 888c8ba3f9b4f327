"""The searches behind Fig. 7 and Table III, and how what they found is trained and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from semsim.experiments.definition import Setting, Verdict
from semsim.experiments.ftsc.datasets import data_root
from semsim.experiments.rkd_sc.systems import CLIP
from semsim.experiments.searches import Searched, search_all
from semsim.experiments.trainings import train_all
from semsim.experiments.verdicts import of_leads
from semsim.statistics import mean_interval

DARTS, KDL = "DARTS", "KDL-DARTS"
SEEDS = (1, 2, 3)
#: What both methods search through, and what is trained afterwards (Section IV-A1).
LINK = {"channel": "awgn", "snr_db": {"low": 5, "high": 20}}
#: Where trained architectures are judged, the best of the training's SNRs.
JUDGED_DB = 20
_SHIPPED = {"kind": "codec", "weights": "jscc-teacher-fashion"}
_TRAINED_STEPS = 400

#: Minutes instead of a GPU day. The candidates' rate is so much higher that its sum over the steps
#: of a search is of the paper's order, which keeps what λ_J can move; it takes the first half to
#: rise, since shallow candidates learn faster and would win before the others have begun. Weights
#: learn by AdamW: SGD at the paper's rate learns next to nothing in so few steps.
_SMALL: dict[str, Any] = {
    "model": {"stem": "pooled", "positions": 1},
    "judged": 1000,
    "batch": 64,
    "precision": "auto",
    "weights": {
        "kind": "adamw",
        "learning_rate": 2e-3,
        "weight_decay": 0.01,
        "warmup_steps": 20,
    },
    "architecture": {
        "kind": "sgd",
        "learning_rate": 2.5,
        "final_share": 0.004,
        "weight_decay": 1e-5,
        "warmup_steps": 120,
    },
}
#: The paper's optimisers and epochs are the defaults of a search recipe.
_PUBLISHED: dict[str, Any] = {"size": 224, "batch": 64, "precision": "auto"}


@dataclass(frozen=True)
class DataSet:
    """Labelled images.

    Attributes:
        name: in tables.
        classes: how many.
        train: fields of a source.
        test: likewise.
        judged: of the test images, on how many accuracies are measured.
        images: of the training images, what a search draws; ``None`` is all.
        epochs: of a search.
    """

    name: str
    classes: int
    train: dict[str, Any]
    test: dict[str, Any]
    judged: int = 2000
    images: int | None = None
    epochs: int = 200


def data_sets(setting: Setting) -> list[DataSet]:
    """Return what is searched on: Fashion-MNIST, or the paper's three.

    Scenes take far more than minutes to tell apart, and there is no teacher of emoji that ships.
    """
    if setting.scale == "small":
        fashion = {"kind": "torchvision", "dataset": "fashion_mnist", "size": 32}
        train, test = ({**fashion, "split": split} for split in ("train", "test"))
        # 240 steps.
        return [DataSet("fashion", 10, train, test, images=5120, epochs=6)]
    cifar = [
        DataSet(name, classes, {**fields, "split": "train"}, {**fields, "split": "test"})
        for name, classes in (("cifar10", 10), ("cifar100", 100))
        for fields in [{"kind": "torchvision", "dataset": name}]
    ]
    # Its validation images lie in one folder, their classes in a file: a fifth of the training
    # files judges instead.
    tiny = {
        "kind": "folder",
        "path": str(data_root() / "tiny-imagenet-200" / "train"),
        "labels": "folders",
        "size": 64,
        "max_side": 64,
    }
    return [
        *cifar,
        DataSet("tiny-imagenet", 200, {**tiny, "split": "train"}, {**tiny, "split": "test"}),
    ]


def search_both(setting: Setting) -> dict[tuple[str, str, int], Searched]:
    """Search every data set by either method from every seed.

    Returns:
        what was found, by data set, method and seed.
    """
    sets = data_sets(setting)
    teacher = CLIP if setting.scale == "paper" else _SHIPPED
    recipes = {
        (data.name, method, seed): _search(setting, data, method, seed, teacher)
        for data in sets
        for seed in SEEDS
        for method in (KDL, DARTS)
    }
    labels = {key: "-".join(map(str, key)).lower() for key in recipes}
    found = search_all({labels[key]: fields for key, fields in recipes.items()}, setting)
    return {key: found[label] for key, label in labels.items()}


def _search(
    setting: Setting, data: DataSet, method: str, seed: int, teacher: dict[str, Any]
) -> dict[str, Any]:
    small = setting.scale == "small"
    fields = _SMALL if small else _PUBLISHED
    kind = {"kind": "darts"} if method == DARTS else {"kind": "kdl_darts", "teacher": teacher}
    return {
        **fields,
        "images": data.images,
        "epochs": data.epochs,
        "method": kind,
        "model": {**fields.get("model", {}), "classes": data.classes},
        "link": LINK,
        "sources": [data.train],
        "seed": seed,
    }


def train_found(
    found: dict[tuple[str, str, int], Searched], setting: Setting
) -> dict[tuple[str, str, int], float]:
    """Train every found architecture alike from random weights; return accuracies on test images.

    Where two searches found the same, it is trained from the seed of each.
    """
    sets = {data.name: data for data in data_sets(setting)}
    labels = {
        key: f"{key[0]}-{'-'.join(map(str, searched.blocks))}-{key[2]}"
        for key, searched in found.items()
    }
    recipes = {
        labels[key]: _training(setting, sets[key[0]], searched.blocks, key[2])
        for key, searched in found.items()
    }
    trained = train_all(recipes, setting)
    figure = f"held_out_accuracy at {JUDGED_DB} dB"
    return {key: trained[label].figures[figure] for key, label in labels.items()}


def _training(
    setting: Setting, data: DataSet, blocks: tuple[int, ...], seed: int
) -> dict[str, Any]:
    small = setting.scale == "small"
    encoder = {"kind": "staged", "blocks": list(blocks), **(_SMALL["model"] if small else {})}
    model = {"classes": data.classes, "encoder": encoder, "channel_coder": {"kind": "dense"}}
    enlarged: dict[str, Any] = {} if small else {"size": 224}
    return {
        "objective": {
            "kind": "classification",
            "codec": {"kind": "rkd_sc", "weights": "random", "model": model},
        },
        "link": LINK,
        "sources": [{**data.train, **enlarged}],
        "batch": 64,
        # At the paper's scale, 100 epochs of 50,000 images.
        "steps": _TRAINED_STEPS if small else 78_000,
        "seed": seed,
        "precision": "auto",
        "optimizer": {
            "learning_rate": 2e-3,
            "warmup_steps": 20,
            "weight_decay": 0.01,
            "average": 0.98,
        },
        "evaluation": {
            "source": {**data.test, **enlarged},
            "count": data.judged,
            "snr_db": [JUDGED_DB],
        },
        "evaluate_every_steps": _TRAINED_STEPS if small else 7_800,
        "checkpoint_every_steps": 100 if small else 1_000,
    }


def course(
    found: dict[tuple[str, str, int], Searched], what: Literal["epochs", "stages"]
) -> pd.DataFrame:
    """Return the courses of all searches as one table, with ``data, method, seed`` before."""
    parts = []
    for (data, method, seed), searched in found.items():
        table = searched.epochs if what == "epochs" else searched.stages
        named = {"data": data, "method": method, "seed": seed}
        parts.append(pd.DataFrame(named, index=table.index).join(table))
    return pd.concat(parts, ignore_index=True)


def final(epochs: pd.DataFrame) -> pd.DataFrame:
    """Return the last epoch of every search."""
    return epochs[
        epochs["epoch"] == epochs.groupby(["data", "method", "seed"])["epoch"].transform("max")
    ]


def reduction(table: pd.DataFrame, data: str) -> tuple[float, float]:
    """Return the share of DARTS's parameters that KDL-DARTS saves, with its 95 % interval.

    Args:
        table: one row a search: ``data, method, seed, selected_parameters``.
        data: which data set; seeds are paired.
    """
    wide = table[table["data"] == data].pivot(
        index="seed", columns="method", values="selected_parameters"
    )
    return mean_interval((1.0 - wide[KDL] / wide[DARTS]).to_numpy())


def smaller(table: pd.DataFrame) -> Verdict:
    """Judge whether KDL-DARTS's architectures have fewer parameters on every data set."""
    rows = [(data, *reduction(table, data)) for data in table["data"].unique()]
    found = pd.DataFrame(rows, columns=["data", "less", "half_width"])
    because = ", ".join(
        f"{100 * row.less:.1f} ± {100 * row.half_width:.1f} % fewer on {row.data}"
        for row in found.itertuples()
    )
    return of_leads(found["less"], found["half_width"], because)
