"""What the experiments of FTSC compare: shipped weights, or trained as published."""

from __future__ import annotations

from typing import Any

from semsim.experiments.definition import Setting
from semsim.experiments.trainings import train_all

PAPER = "P. Si et al., Post-Deployment Fine-Tunable Semantic Communication"
SCALING = "[4,2]"
#: Of [4,2] at 256×256 (eq. 10): 46,080 bits.
RHO = 0.029296875
#: The one-level network at nearly the same bits: 64·64 indices of 11 bits are 45,056.
ONE_LEVEL = "[4]"
ONE_LEVEL_ENTRIES = 2048
#: A fixed MCS (64-QAM at rate 0.46) at which 46,080 bits take 16,932 channel uses; DeepJSCC takes
#: 16,384 at a bandwidth ratio of 1/12. Like the paper's LDPC it holds at 10 dB and fails at 0 dB.
MODEM: dict[str, Any] = {"mcs": 11}
#: The same where nothing can be lost: no bit is coded and decoded for it.
CLEAR_MODEM = {**MODEM, "fidelity": "abstracted"}
#: An SNR that stands for "no noise" where a sweep needs a number.
NOISELESS_DB = 100.0

#: Networks by the noise that they learnt to remove, and their shipped weights.
NETWORKS: dict[str, dict[str, str]] = {
    "none": {SCALING: "ftsc-4-2", ONE_LEVEL: "vqvae-4"},
    "channel": {SCALING: "ftsc-4-2-channel", ONE_LEVEL: "vqvae-4-channel"},
    "semantic": {SCALING: "ftsc-4-2-semantic", ONE_LEVEL: "vqvae-4-semantic"},
}
_MODELS: dict[str, dict[str, Any]] = {
    SCALING: {"bottom": 4, "top": 2},
    ONE_LEVEL: {"scale": 4, "entries": ONE_LEVEL_ENTRIES},
}
_NOISE: dict[str, dict[str, Any]] = {
    "none": {},
    "channel": {"latent_snr_db": {"low": 0, "high": 20}},
    "semantic": {"source_snr_db": {"low": 0, "high": 20}},
}


def ftsc(scaling: str, weights: Any, **options: Any) -> dict[str, Any]:
    """Return the codec of one scaling rate with ``weights``: a shipped name or a file."""
    return {"kind": "ftsc", "scalings": [scaling], "weights": {scaling: weights}, **options}


def jpeg(headers: str = "sent", *, image_format: str = "jpeg") -> dict[str, Any]:
    """Return a classical codec at the bits of [4,2]."""
    return {"kind": "classical", "format": image_format, "headers": headers, "rhos": [RHO]}


def published_recipe(
    model: dict[str, Any], noise: str, train: list[dict[str, Any]], test: dict[str, Any]
) -> dict[str, Any]:
    """Return a recipe for one network at the paper's sizes on images of 256×256.

    Args:
        model: its scaling rates and entries.
        noise: what it learns to remove: ``none``, ``channel`` or ``semantic``.
        train: sources to learn from.
        test: source to judge by.

    The paper states β, 512 entries and denoising training. Steps, batch and rate, which it does not
    state, are VQ-VAE-2's usual ones.
    """
    return {
        "objective": {"kind": "vqvae2", "model": model, "noise": _NOISE[noise]},
        "sources": train,
        "batch": 64,
        "steps": 100_000,
        "seed": 1,
        "precision": "auto",
        "optimizer": {"learning_rate": 3e-4, "warmup_steps": 1000, "average": 0.999},
        "evaluation": {"source": test, "count": 500},
        "evaluate_every_steps": 5000,
        "checkpoint_every_steps": 1000,
    }


def networks(
    label: str, train: list[dict[str, Any]], test: dict[str, Any], setting: Setting
) -> dict[str, dict[str, Any]]:
    """Train every network of `NETWORKS` on one data set, as the paper does.

    Returns:
        weights by noise and scaling rate, as `NETWORKS`.
    """
    recipes = {
        f"{label}-{noise}-{'vqvae2' if scaling == SCALING else 'vqvae'}": (noise, scaling)
        for noise, by_scaling in NETWORKS.items()
        for scaling in by_scaling
    }
    trained = train_all(
        {
            name: published_recipe(_MODELS[scaling], noise, train, test)
            for name, (noise, scaling) in recipes.items()
        },
        setting,
    )
    found: dict[str, dict[str, Any]] = {noise: {} for noise in NETWORKS}
    for name, (noise, scaling) in recipes.items():
        found[noise][scaling] = {"path": str(trained[name].weights)}
    return found


def deepjscc(
    label: str, train: list[dict[str, Any]], test: dict[str, Any], setting: Setting
) -> dict[str, Any]:
    """Train DeepJSCC at a bandwidth ratio of 1/12 on one data set, at 0 to 20 dB."""
    recipe = {
        "objective": {
            "kind": "reconstruction",
            "codec": {"kind": "deepjscc", "weights": "random", "model": {"cbr": "1/12"}},
        },
        "link": {"channel": "awgn", "snr_db": {"low": 0, "high": 20}},
        "sources": train,
        "batch": 64,
        "steps": 100_000,
        "seed": 1,
        "precision": "auto",
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 1000},
        "evaluation": {"source": test, "count": 500, "snr_db": [10, 0, 20]},
        "evaluate_every_steps": 5000,
        "checkpoint_every_steps": 1000,
    }
    return train_all({f"{label}-deepjscc": recipe}, setting)[f"{label}-deepjscc"].codec
