"""The systems that RKD-SC is compared with, and how they are trained for an experiment."""

from __future__ import annotations

from typing import Any

from semsim.experiments.definition import Setting
from semsim.experiments.trainings import train_all

PAPER = "Ding et al., RKD-SC"

RKD_SC, STUDENT, TEACHER = "RKD-SC", "JSCC-student", "JSCC-teacher"
T_DEEPSC, RTSC = "T-DeepSC", "RTSC"
LABELS = (TEACHER, RKD_SC, STUDENT, T_DEEPSC, RTSC)

#: Fashion-MNIST, of which 6,000 pictures ship.
FASHION: dict[str, Any] = {"kind": "collection", "name": "fashion", "size": 32}
TRAIN, TEST = {**FASHION, "split": "train"}, {**FASHION, "split": "test"}

#: Held-out images by which trainings are judged.
JUDGED = 500
#: SNRs of stage 2 and of everything that it is compared with.
TRAINED_DB = {"low": 5, "high": 20}

#: The networks that the paper's search found, and the ratio of each data set's CAT.
PUBLISHED: dict[str, dict[str, Any]] = {
    "cifar10": {"classes": 10, "blocks": [3, 4, 4, 1], "ratio": 0.8},
    "cifar100": {"classes": 100, "blocks": [4, 5, 5, 3], "ratio": 0.2},
}
CLIP = {"kind": "open_clip", "model": "ViT-B-16", "pretrained": "openai"}


#: RTSC at 224×224: the vision transformer whose parameters and layers Table II counts.
RTSC_SIZES: dict[str, Any] = {
    "kind": "transformer",
    "patch": 16,
    "width": 128,
    "depth": 2,
    "heads": 4,
    "mlp_ratio": 2.0,
}
#: T-DeepSC at 224×224: as many patches as the published sender has, 256.
T_DEEPSC_SIZES: dict[str, Any] = {"patch": 14}
#: How its authors send indices of four bits, each a symbol.
T_DEEPSC_MODEM: dict[str, Any] = {"modulation": "16qam", "coding": "none"}


def shipped() -> list[dict[str, Any]]:
    """Systems with the weights that ship, as a link scenario names them."""
    weights = {
        TEACHER: "jscc-teacher-fashion",
        RKD_SC: "rkd-sc-fashion",
        STUDENT: "jscc-student-fashion",
        T_DEEPSC: "t-deepsc-fashion",
        RTSC: "rtsc-fashion",
    }
    systems: list[dict[str, Any]] = [
        {
            "label": label,
            "codec": {"kind": "t_deepsc" if label == T_DEEPSC else "rkd_sc", "weights": name},
        }
        for label, name in weights.items()
    ]
    systems[LABELS.index(RKD_SC)]["rates"] = ["ratio=0.8"]
    systems[LABELS.index(T_DEEPSC)]["modem"] = T_DEEPSC_MODEM
    return systems


def distilled(
    model: dict[str, Any],
    teacher: dict[str, Any],
    data: tuple[dict[str, Any], dict[str, Any]],
    settings: tuple[dict[str, Any], dict[str, Any]],
    setting: Setting,
) -> dict[float, dict[str, Any]]:
    """Distil one network for each of its CAT's ratios; return systems of a scenario by ratio.

    The first stage knows no ratio, so that all share it.

    Args:
        model: sizes.
        teacher: whose features.
        data: sources to train on and held out.
        settings: what recipes of the first and of the second stage share.
        setting: workers, device, folder.
    """
    (first, second), (source, held_out) = settings, data
    features = {
        **first,
        "objective": {
            "kind": "rkd_features",
            "teacher": teacher,
            "codec": {"kind": "rkd_sc", "weights": "random", "model": model},
        },
        "sources": [source],
        "evaluation": {"source": held_out, "count": JUDGED},
    }
    begun = train_all({"rkd-features": features}, setting)["rkd-features"]

    def joint(ratio: float) -> dict[str, Any]:
        sender = {
            "name": "sender",
            "codec": {"kind": "rkd_sc", "weights": {"path": str(begun.weights.resolve())}},
            "teacher": teacher,
            "ratio": ratio,
            "source": source,
            "held_out": held_out,
        }
        return {
            **second,
            "objective": {"kind": "rkd_joint", "senders": [sender]},
            "link": {"channel": "awgn", "snr_db": TRAINED_DB},
            "evaluation": {"count": JUDGED, "snr_db": [20, 5, -10]},
        }

    ratios: list[float] = model["channel_coder"]["compression"]
    labels = {ratio: f"rkd-sc-{round(100 * ratio)}" for ratio in ratios}
    ended = train_all({label: joint(ratio) for ratio, label in labels.items()}, setting)
    return {
        ratio: {
            "label": f"ratio {ratio:g}",
            "codec": ended[label].codec,
            "rates": [f"ratio={ratio:g}"],
        }
        for ratio, label in labels.items()
    }
