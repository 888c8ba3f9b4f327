"""Objectives of the knowledge bases: they learn, and their weights load by their cards."""

from pathlib import Path

import pytest
import torch

from semsim import zoo
from semsim.codecs.vlm_csc.knowledge.config import (
    AutoencodingConfig,
    CaptioningConfig,
    LatentDiffusionConfig,
)
from semsim.data.config import ScenesConfig
from semsim.errors import CheckpointError, ScenarioError
from semsim.registry import find
from semsim.training.recipe import Recipe
from semsim.training.run import train_recipe
from semsim.types import Source

SMALL = {"size": 32, "patch": 8, "width": 16, "heads": 2, "image_layers": 1, "text_layers": 1}


def _recipe(name: str, objective: dict, steps: int = 2) -> Recipe:
    return Recipe.model_validate(
        {
            "name": name,
            "objective": objective,
            "sources": ["scenes"],
            "batch": 4,
            "steps": steps,
            "optimizer": {"kind": "muon", "warmup_steps": 0},
            "evaluation": {"source": "scenes", "count": 4},
        }
    )


def _trained(name: str, objective: dict, folder: Path) -> tuple[dict, zoo.Card]:
    (card,) = train_recipe(_recipe(name, objective), Path(f"{name}.yaml"), folder, "cpu")
    return card, zoo.card_of(Path(card["weights"]))


@pytest.mark.parametrize("kind", ["blip", "git", "tagger"])
def test_a_trained_captioner_loads_by_its_card(kind: str, tmp_path: Path) -> None:
    objective = {
        "kind": "captioning",
        "captioner": {"kind": kind, "weights": "random", "model": SMALL},
    }
    _, card = _trained(kind, objective, tmp_path)
    assert card.room == "captioners"
    assert set(card.figures) == {"held_out_attributes", "held_out_exact"}
    captioner = find(card.room, kind).load_config().model_validate(card.codec).build()
    assert sum(weight.numel() for weight in captioner.network.parameters()) == card.parameters
    assert len(captioner.caption(torch.rand(2, 3, 32, 32))) == 2


@pytest.mark.parametrize("kind", ["blip", "git", "tagger"])
def test_a_captioner_learns_a_batch_by_heart(kind: str) -> None:
    captioner = {"kind": kind, "weights": "random", "model": SMALL}
    torch.manual_seed(3)
    objective = CaptioningConfig(captioner=captioner).build()
    source = ScenesConfig().build().take(4)
    model = objective.models["captioner"].train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        (update,) = objective.updates(source, torch.Generator())
        optimizer.zero_grad()
        update.loss.backward()
        optimizer.step()
    assert objective.evaluate(source)["exact"] == 1.0


def test_a_painter_learns_on_a_trained_autoencoder_that_stays_as_it_is(tmp_path: Path) -> None:
    sizes = {"size": 32, "channels": [16, 16, 16]}
    vae, _ = _trained("vae", {"kind": "autoencoding", "model": sizes}, tmp_path)
    objective = {
        "kind": "latent_diffusion",
        "autoencoder": {"path": vae["weights"]},
        "model": {"channels": [16, 16], "heads": 2, "text_width": 16, "text_layers": 1},
        "drawing": {"steps": 2, "guidance": 2.0},
    }
    _, card = _trained("painter", objective, tmp_path)
    assert card.room == "generators"
    generator = find(card.room, "stable_diffusion").load_config().model_validate(card.codec).build()
    assert generator.config.steps == 2
    assert sum(weight.numel() for weight in generator.network.parameters()) == card.parameters
    from semsim.codecs.vlm_csc.knowledge.autoencoder import trained_autoencoder

    kept = trained_autoencoder(_weights(vae)).vae.state_dict()
    for name, value in generator.network["vae"].state_dict().items():
        assert torch.equal(value, kept[name])
    assert generator.generate(["a ring"], (3, 32, 32), [1]).image.shape == (1, 3, 32, 32)


def _weights(card: dict):
    return LatentDiffusionConfig(autoencoder={"path": card["weights"]}).autoencoder


def test_the_painter_hears_nothing_or_tags_as_often_as_it_should(tmp_path: Path) -> None:
    sizes = {"size": 16, "channels": [16, 16]}
    vae, _ = _trained("vae", {"kind": "autoencoding", "model": sizes}, tmp_path)
    small = {"channels": [16, 16], "heads": 2, "text_width": 16, "text_layers": 1}
    objective = LatentDiffusionConfig(
        autoencoder={"path": vae["weights"]}, model=small, drop=0.2, tags=0.3
    ).build()
    caption = "a small red ring at the top on white snow"
    told = objective._told([caption] * 4000, torch.Generator().manual_seed(1))
    shares = {text: told.count(text) / len(told) for text in set(told)}
    # Five standard deviations of a share of 4,000.
    assert shares[""] == pytest.approx(0.2, abs=0.032)
    assert shares["small red ring top snow"] == pytest.approx(0.3, abs=0.037)
    assert shares[caption] == pytest.approx(0.5, abs=0.04)


def test_images_without_captions_and_untrained_autoencoders_are_refused() -> None:
    captioner = {"kind": "blip", "weights": "random", "model": SMALL}
    objective = CaptioningConfig(captioner=captioner).build()
    with pytest.raises(ScenarioError, match="no captions to send or to learn"):
        objective.evaluate(Source(torch.rand(1, 3, 32, 32)))
    for weights in ("random", "ftsc-4-2"):
        with pytest.raises(CheckpointError, match="the latents of a trained autoencoder"):
            LatentDiffusionConfig(autoencoder=weights).build()


def test_the_autoencoder_learns_and_knows_the_spread_of_its_latents() -> None:
    torch.manual_seed(4)
    objective = AutoencodingConfig(model={"size": 32, "channels": [16, 16, 16]}).build()
    model = objective.models["autoencoder"].train()
    source = ScenesConfig().build().take(4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(5)
    before = objective.evaluate(source)["psnr_db"]
    for _ in range(150):
        (update,) = objective.updates(source, generator)
        optimizer.zero_grad()
        update.loss.backward()
        optimizer.step()
    after = objective.evaluate(source)
    assert after["psnr_db"] > before + 3.0
    with torch.no_grad():
        law = model.vae.encode(2.0 * source.image - 1.0).latent_dist
        power = (law.mean.square() + law.var).mean()
    assert after["latent_std"] == pytest.approx(float(power.sqrt()), rel=0.15)
