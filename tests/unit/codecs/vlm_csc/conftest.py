"""Tiny knowledge bases of the hub's classes, on disk, and no hub."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from semsim.codecs.vlm_csc.knowledge.sizes import AutoencoderSizes, DiffusionSizes
from semsim.registry import find

SMALL = {"size": 32, "patch": 8, "width": 16, "heads": 2, "image_layers": 1, "text_layers": 1}


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test asks the network, whatever was imported before."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    logging.getLogger("diffusers").setLevel(logging.ERROR)


@pytest.fixture(scope="session", params=["blip", "git", "tagger"])
def captioner_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, str]:
    """Kind of a captioner, and the folder that holds a random one."""
    import torch

    folder = str(tmp_path_factory.mktemp(request.param))
    config = find("captioners", request.param).load_config()
    torch.manual_seed(1)
    with config(weights="random", model=SMALL).build() as captioner:
        captioner.save(folder)
    return request.param, folder


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A random latent diffusion model for 16×16 pixels."""
    import torch

    from semsim.codecs.vlm_csc.knowledge.diffusion import Painter

    folder = str(tmp_path_factory.mktemp("pipeline"))
    torch.manual_seed(2)
    painter = Painter(
        AutoencoderSizes(size=16, channels=(16, 16, 16)),
        DiffusionSizes(channels=(16, 16), heads=2, text_width=16, text_layers=1),
        scaling_factor=1.0,
    )
    painter.pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def generator(pipeline_folder: str) -> Iterator[object]:
    """That model as a knowledge base of two steps."""
    config = find("generators", "stable_diffusion").load_config()
    with config(pretrained=pipeline_folder, steps=2, guidance=2).build() as built:
        yield built
