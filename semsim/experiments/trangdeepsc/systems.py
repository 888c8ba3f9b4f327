"""The systems that TranGDeepSC is compared with, at either scale."""

from __future__ import annotations

from typing import Any

from semsim.experiments.definition import Setting
from semsim.experiments.trainings import train_all

PAPER = "Do et al., TranGDeepSC, ICT Express 2025"

#: Labels in the paper's order. The first three are the paper's own; ``single`` learns from as
#: many batches as the co-trained one, ``double`` gets as many updates.
LABELS = (
    "vitdeepsc",
    "trangdeepsc",
    "trangdeepsc-single",
    "trangdeepsc-double",
    "semvit",
    "adjscc-v",
)

_TRANGDEEPSC: dict[str, Any] = {"kind": "trangdeepsc", "weights": "random"}
_VITDEEPSC: dict[str, Any] = {"kind": "vitdeepsc", "weights": "random"}


def shipped() -> dict[str, dict[str, Any]]:
    """Codecs with the weights that ship, by label; ``double`` is an arm of the control only."""
    kinds = {"vitdeepsc": "vitdeepsc", "semvit": "semvit", "adjscc-v": "adjscc_v"}
    labels = [label for label in LABELS if label != "trangdeepsc-double"]
    return {label: {"kind": kinds.get(label, "trangdeepsc"), "weights": label} for label in labels}


def arms(settings: dict[str, Any], student_rate: float, teacher_rate: float) -> dict[str, Any]:
    """Return recipes of the three ways to train TranGDeepSC, alike in everything else.

    Args:
        settings: what they share: sources, link, steps, batch, seed, evaluation.
        student_rate: learning rate of TranGDeepSC.
        teacher_rate: learning rate of ViTDeepSC.
    """
    optimizer = {"learning_rate": student_rate, **settings.get("optimizer", {})}
    shared = {**settings, "optimizer": optimizer}
    alone = {"kind": "reconstruction", "codec": _TRANGDEEPSC}
    together = {"kind": "cotraining", "student": _TRANGDEEPSC, "teacher": _VITDEEPSC}
    return {
        "trangdeepsc": {
            **shared,
            "objective": together,
            "names": {"teacher": "vitdeepsc"},
            "optimizer": {**optimizer, "learning_rates": {"teacher": teacher_rate}},
        },
        "trangdeepsc-single": {**shared, "objective": alone},
        "trangdeepsc-double": {**shared, "objective": {**alone, "updates": 2}},
    }


def trained_as_published(setting: Setting) -> dict[str, dict[str, Any]]:
    """Train everything as Table 3 says, on CIFAR-100, and return the codecs by label.

    What the paper leaves open for the rivals is set as for TranGDeepSC: its rate of learning, its
    SNR; CBR 2/3 for SemViT, and up to 0.5 for ADJSCC-V, whose parameter count allows no more.
    """
    steps = 60 * (50_000 // 64)
    settings: dict[str, Any] = {
        "link": {"channel": "awgn", "snr_db": 12},
        "sources": [{"kind": "torchvision", "dataset": "cifar100", "split": "train"}],
        "batch": 64,
        "steps": steps,
        "seed": 1,
        "precision": "auto",
        "optimizer": {"weight_decay": 0.01, "average": 0.0, "warmup_steps": 0},
        "evaluation": {
            "source": {"kind": "torchvision", "dataset": "cifar100", "split": "test"},
            "count": 1000,
            "snr_db": [12, 0, 6, 18],
        },
        "evaluate_every_steps": 5000,
        "checkpoint_every_steps": 1000,
    }
    recipes = arms(settings, student_rate=1e-4, teacher_rate=1e-3)
    rival = {**settings, "optimizer": {"learning_rate": 1e-4, **settings["optimizer"]}}
    semvit = {"kind": "semvit", "weights": "random", "model": {"cbr": "2/3"}}
    adaptive = {"kind": "adjscc_v", "weights": "random"}
    recipes["semvit"] = {**rival, "objective": {"kind": "reconstruction", "codec": semvit}}
    recipes["adjscc-v"] = {
        **rival,
        "objective": {"kind": "reconstruction", "codec": adaptive, "rates": "uniform"},
    }
    trained = train_all(recipes, setting)
    codecs = {label: result.codec for label, result in trained.items()}
    teacher = trained["trangdeepsc"].weights.with_name("vitdeepsc.safetensors")
    codecs["vitdeepsc"] = {"kind": "vitdeepsc", "weights": {"path": str(teacher)}}
    return {label: codecs[label] for label in LABELS}
