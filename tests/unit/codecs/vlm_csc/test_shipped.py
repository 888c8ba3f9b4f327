"""The shipped knowledge bases keep what their cards and the docs say, on scenes they never saw."""

import numpy as np
import pytest
import torch

from semsim import zoo
from semsim.data.config import ScenesConfig
from semsim.data.scene_grammar import agreement
from semsim.link.metrics import psnr_db
from semsim.types import Source


@pytest.fixture(scope="module")
def scenes() -> Source:
    """Scenes that are neither those of a card nor drawn by a recipe's streams."""
    return ScenesConfig(size=32).build().sample(128, np.random.default_rng(271828))


def test_captioners_name_attributes_right(scenes: Source) -> None:
    captions = scenes.caption or ()
    with zoo.load("vlm-scenes-blip") as captioner:
        said = captioner.caption(scenes.image)
    assert np.mean([agreement(a, b) for a, b in zip(captions, said, strict=True)]) > 0.98


def test_images_drawn_from_captions_say_what_their_captions_say(scenes: Source) -> None:
    captions = (scenes.caption or ())[:64]
    with zoo.load("vlm-scenes-painter") as generator, zoo.load("vlm-scenes-blip") as judge:
        made = generator.generate(captions, scenes.shape, range(64))
        said = judge.caption(made.image)
    assert not made.failures
    assert np.mean([agreement(a, b) for a, b in zip(captions, said, strict=True)]) > 0.98


def test_latents_keep_the_image(scenes: Source) -> None:
    with zoo.load("vlm-scenes-painter") as generator, torch.inference_mode():
        vae = generator.network["vae"]
        latent = vae.encode(2.0 * scenes.image - 1.0).latent_dist.mean
        rebuilt = 0.5 * vae.decode(latent).sample + 0.5
        scaled = latent * vae.config.scaling_factor
    assert latent.numel() * 12 == scenes.image.numel()
    assert float(psnr_db(scenes.image, rebuilt).mean()) > 31.0
    assert float(scaled.square().mean().sqrt()) == pytest.approx(1.0, rel=0.1)
