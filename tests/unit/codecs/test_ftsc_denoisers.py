"""DnCNNs on the latents of FTSC."""

from pathlib import Path

import pytest
import torch

from semsim import Link, load_channel, load_codec, load_source
from semsim.codecs.ftsc.noise import noisy_maps
from semsim.codecs.ftsc.tuning.config import DnCnnConfig
from semsim.codecs.ftsc.tuning.denoisers import Denoisers, load_denoisers
from semsim.codecs.ftsc.tuning.dncnn import DnCnn
from semsim.config import load
from semsim.errors import CheckpointError
from semsim.training.recipe import Recipe
from semsim.training.run import train_recipe

_RECIPE = """
name: cleaners
objective: {kind: latent_denoisers, network: ftsc-4-2, model: {layers: 4, filters: 48}}
sources: [{kind: photos, split: train, size: 64, crop: random}]
batch: 8
steps: 150
optimizer: {learning_rate: 1.0e-3, warmup_steps: 5, average: 0}
evaluation: {source: {kind: photos, split: test, size: 32}, count: 7}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("denoisers")
    recipe = folder / "cleaners.yaml"
    recipe.write_text(_RECIPE)
    train_recipe(load(recipe, Recipe), recipe, folder / "cleaners", "cpu")
    return folder / "cleaners" / "cleaners.safetensors"


def test_a_dncnn_subtracts_what_it_takes_for_noise() -> None:
    network = DnCnn(4, DnCnnConfig(layers=5, filters=6)).eval()
    z = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(z), z - network.noise(z))
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert (len(convolutions), len(norms)) == (5, 3)


def test_the_noise_has_the_snr_over_all_levels() -> None:
    """Levels of unlike power get noise of one variance: they travel as one signal."""
    generator = torch.Generator().manual_seed(0)
    maps = (10 * torch.ones(2, 8, 32, 32), torch.ones(2, 8, 64, 64))
    disturbed = noisy_maps(maps, torch.tensor([10.0, 20.0]), generator)
    power = (100 * 8 * 32**2 + 8 * 64**2) / (8 * 32**2 + 8 * 64**2)
    for before, after in zip(maps, disturbed, strict=True):
        variance = (after - before).square().mean(dim=(1, 2, 3))
        # Of 8,192 values at least: five standard errors √(2/n) are 8 %.
        assert variance.tolist() == pytest.approx([power / 10, power / 100], rel=0.08)


def test_training_takes_noise_off_and_the_codec_uses_it(trained: Path) -> None:
    codec = load_codec(
        {
            "kind": "ftsc",
            "scalings": ["[4,2]"],
            "transport": "latent",
            "denoisers": {"[4,2]": {"path": str(trained)}},
        }
    )
    network = codec.network("[4,2]")  # type: ignore[attr-defined]
    image = load_source({"kind": "photos", "size": 32}).take(4).image
    clean = network.look_up(*network.indices(image))
    arrived = noisy_maps(clean, torch.zeros(4), torch.Generator().manual_seed(3))
    cleaned = codec.denoiser("[4,2]")(arrived)  # type: ignore[attr-defined]
    # So short a training helps the weak top level, whose neighbours are alike.
    for share, before, after, wanted in zip((0.95, 1.05), arrived, cleaned, clean, strict=True):
        assert (after - wanted).square().mean() < share * (before - wanted).square().mean()
    plain = load_codec({"kind": "ftsc", "scalings": ["[4,2]"], "transport": "latent"})
    sent = [Link(c, load_channel("awgn", seed=1)).transmit(image, 0.0) for c in (codec, plain)]
    assert not torch.equal(sent[0].output.image, sent[1].output.image)  # type: ignore[arg-type]


def test_denoisers_of_other_latents_are_refused(trained: Path) -> None:
    other = load_codec({"kind": "ftsc", "scalings": ["[8,2]"]}).network("[8,2]")  # type: ignore[attr-defined]
    from semsim.codecs.weights_config import WeightsFile

    with pytest.raises(CheckpointError, match="other sizes"):
        load_denoisers(WeightsFile(path=trained), other)
    with pytest.raises(CheckpointError, match="no denoisers"):
        load_denoisers("ftsc-8-2", other)


def test_every_level_has_a_network_of_its_own() -> None:
    both = Denoisers(2, 4, DnCnnConfig(layers=3, filters=4)).eval()
    maps = tuple(torch.randn(1, 4, s, s) for s in (4, 8))
    for network, level, cleaned in zip(both.networks, maps, both(maps), strict=True):
        assert torch.equal(network(level), cleaned)
