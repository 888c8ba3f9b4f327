"""Tiny, untrained parts of MMSemCom, and a bank that they made."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from semsim.codecs import checkpoints
from semsim.codecs.mmsemcom.bank_config import BankRecipe
from semsim.codecs.mmsemcom.bank_making import make_bank
from semsim.codecs.mmsemcom.config import FeaturesModel, MmsemcomConfig
from semsim.codecs.mmsemcom.features import Features
from semsim.codecs.mmsemcom.sampler import ClassUnet
from semsim.codecs.mmsemcom.sampler_config import ClassUnetModel

WORDS = ("red", "blue", "bag", "shoe", "large")
MODEL = FeaturesModel.model_validate(
    {
        "prompts": WORDS,
        "best": 2,
        "trunk": {"kind": "resnet", "blocks": [1]},
        "clip": {
            "kind": "words",
            "vocabulary": WORDS,
            "size": 8,
            "width": 16,
            "heads": 2,
            "image_layers": 1,
            "text_layers": 1,
            "context": 6,
        },
        "hidden": 8,
        "image": 6,
        "fusion": 8,
        "heads": 2,
    }
)
SAMPLER = ClassUnetModel(size=16, channels=(8, 8), layers=1, attention=1, groups=4, head_width=4)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of untrained features and of an untrained sampler."""
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = {"features": Features(MODEL), "sampler": ClassUnet(SAMPLER)}
    for name, network in made.items():
        path = folder / f"{name}.safetensors"
        checkpoints.write(path, network.state_dict(), network.sizes())
    return {name: folder / f"{name}.safetensors" for name in made}


@pytest.fixture(scope="session")
def recipe(weights: dict[str, Path]) -> BankRecipe:
    """Seven images of each class, three at a time."""
    return BankRecipe.model_validate(
        {
            "name": "tiny",
            "sampler": {
                "kind": "class_diffusion",
                "weights": {"path": weights["sampler"]},
                "steps": 2,
            },
            "classes": ["bag", "shoe"],
            "per_class": 7,
            "batch": 3,
            "features": {"path": weights["features"]},
        }
    )


@pytest.fixture(scope="session")
def bank_folder(recipe: BankRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that bank is."""
    folder = tmp_path_factory.mktemp("banks") / "tiny"
    make_bank(recipe, folder)
    return folder


@pytest.fixture(scope="session")
def config(weights: dict[str, Path], bank_folder: Path) -> MmsemcomConfig:
    """A codec of these features over that bank."""
    return MmsemcomConfig.model_validate(
        {"weights": {"path": weights["features"]}, "bank": bank_folder, "keep": 3}
    )
