"""The paper's trainings: CIFAR at 224×224, CLIP as the teacher, hundreds of epochs, for a GPU."""

from __future__ import annotations

from typing import Any

from semsim.experiments.definition import Setting
from semsim.experiments.rkd_sc.systems import (
    CLIP,
    JUDGED,
    LABELS,
    PUBLISHED,
    RKD_SC,
    RTSC,
    RTSC_SIZES,
    STUDENT,
    T_DEEPSC,
    T_DEEPSC_MODEM,
    T_DEEPSC_SIZES,
    TEACHER,
    TRAINED_DB,
    distilled,
)
from semsim.experiments.trainings import train_all

_SIDE = 224
_BATCH = 128
_EPOCH = 50_000 // _BATCH
#: Section IV-A1: epochs and learning rates of both stages; the paper names no batch.
_FIRST = {"steps": 300 * _EPOCH, "optimizer": {"learning_rate": 5e-4, "average": 0.0}}
_SECOND = {"steps": 100 * _EPOCH, "optimizer": {"learning_rate": 5e-4, "average": 0.0}}
_SHARED: dict[str, Any] = {
    "batch": _BATCH,
    "seed": 1,
    "precision": "auto",
    "evaluate_every_steps": 10 * _EPOCH,
    "checkpoint_every_steps": _EPOCH,
}
_LINK = {"channel": "awgn", "snr_db": TRAINED_DB}
_T_DEEPSC_LINK = {"channel": "awgn", "snr_db": 12, "modem": T_DEEPSC_MODEM}


def sources(dataset: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a data set's training and test images, enlarged as the paper does."""
    fields = {"kind": "torchvision", "dataset": dataset, "size": _SIDE}
    return {**fields, "split": "train"}, {**fields, "split": "test"}


def distilled_as_published(
    dataset: str, ratios: tuple[float, ...], setting: Setting
) -> dict[float, dict[str, Any]]:
    """Distil RKD-SC from CLIP on ``dataset``, once a compression ratio."""
    found = PUBLISHED[dataset]
    model = {
        "classes": found["classes"],
        "encoder": {"kind": "staged", "blocks": found["blocks"]},
        "channel_coder": {"kind": "cat", "compression": list(ratios)},
    }
    settings = ({**_SHARED, **_FIRST}, {**_SHARED, **_SECOND})
    return distilled(model, CLIP, sources(dataset), settings, setting)


def trained_as_published(dataset: str, setting: Setting) -> list[dict[str, Any]]:
    """Train every system on ``dataset``; return them as a link scenario names them.

    What the paper leaves open for rivals is set as for RKD-SC's second stage; T-DeepSC learns at 12
    dB (Section IV-B1). JSCC-teacher starts from CLIP's weights.
    """
    published = PUBLISHED[dataset]
    classes, source, held_out = published["classes"], *sources(dataset)
    dense = {"kind": "dense"}
    staged = {"kind": "staged", "blocks": published["blocks"]}
    models: dict[str, dict[str, Any]] = {
        TEACHER: {"kind": "rkd_sc", "model": {"encoder": CLIP, "channel_coder": dense}},
        STUDENT: {"kind": "rkd_sc", "model": {"encoder": staged, "channel_coder": dense}},
        T_DEEPSC: {"kind": "t_deepsc", "model": T_DEEPSC_SIZES},
        RTSC: {"kind": "rkd_sc", "model": {"encoder": RTSC_SIZES, "channel_coder": dense}},
    }
    recipes = {
        label.lower(): {
            **_SHARED,
            **_SECOND,
            "steps": (300 + 100) * _EPOCH,
            "objective": {
                "kind": "classification",
                "codec": {
                    **codec,
                    "weights": "random",
                    "model": {"classes": classes, **codec["model"]},
                },
            },
            "link": _T_DEEPSC_LINK if label == T_DEEPSC else _LINK,
            "sources": [source],
            "evaluation": {"source": held_out, "count": JUDGED, "snr_db": [20, 5, -10]},
        }
        for label, codec in models.items()
    }
    trained = train_all(recipes, setting)
    systems = {label: {"label": label, "codec": trained[label.lower()].codec} for label in models}
    systems[T_DEEPSC]["modem"] = T_DEEPSC_MODEM
    ratio: float = published["ratio"]
    own = distilled_as_published(dataset, (ratio,), setting)[ratio]
    systems[RKD_SC] = {**own, "label": RKD_SC}
    return [systems[label] for label in LABELS]
