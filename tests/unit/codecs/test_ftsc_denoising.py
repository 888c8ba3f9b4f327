"""Training of VQ-VAE-2 and VQ-VAE: codebooks, noise, and where it starts."""

import math

import pytest
import torch
from pydantic import ValidationError

from semsim.codecs import checkpoints
from semsim.codecs.bits import to_bits
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.config import (
    NoiseConfig,
    VqVae2Config,
    VqVae2ObjectiveConfig,
    VqVaeConfig,
)
from semsim.codecs.ftsc.networks import build
from semsim.codecs.ftsc.noise import TrainingNoise
from semsim.codecs.ftsc.objective import VqVae2Objective
from semsim.data.config import PhotosConfig
from semsim.errors import CheckpointError
from semsim.link.semantic_noise import SemanticNoise
from semsim.link.stages import SemanticNoiseConfig
from semsim.spans import Span
from semsim.types import Source

SIZES = {"filters": 16, "residual_filters": 8, "residual_blocks": 1, "dim": 8, "entries": 32}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(one_level: bool = False) -> QuantizedAutoencoder:
    torch.manual_seed(0)
    made = build(VqVaeConfig(scale=4, **SIZES) if one_level else VqVae2Config(bottom=2, **SIZES))
    for quantizer in made.quantizers:
        quantizer.codebook.normal_()
    return made.eval()


def objective(**options: object) -> VqVae2Objective:
    torch.manual_seed(0)
    return VqVae2Objective(VqVae2ObjectiveConfig.model_validate(options))


def train(made: VqVae2Objective, steps: int, seed: int = 0) -> dict[str, float]:
    source = PhotosConfig(split="train", size=32).build().take(8)
    model = made.models["network"].train()
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    figures = {}
    for step in range(steps):
        for update in made.updates(source, seeded(1000 * seed + step)):
            optimiser.zero_grad()
            update.loss.backward()
            optimiser.step()
            figures = update.figures
    model.eval()
    return figures


@pytest.mark.parametrize("codebook", ["averages", "gradient"])
@pytest.mark.parametrize("model", [{"scale": 4}, {"bottom": 2, "top": 2}])
def test_both_networks_learn_with_both_codebooks(codebook: str, model: dict[str, int]) -> None:
    made = objective(model=model | SIZES, codebook=codebook)
    first = train(made, 1)
    last = train(made, 40)
    assert last["psnr_db"] > first["psnr_db"] + 2
    names = {"perplexity_bottom"} | ({"perplexity_top"} if "top" in model else set())
    assert {name for name in last if name.startswith("perplexity")} == names
    assert all(2 < last[name] <= 32 for name in names)
    (product,) = made.products()
    name = "[4]" if "scale" in model else "[2,2]"
    assert product.codec == {"kind": "ftsc", "scalings": [name], "weights": {name: "WEIGHTS"}}
    # What was trained by gradient loads where averages are expected.
    rebuilt = build(
        VqVaeConfig(**product.sizes) if "scale" in model else VqVae2Config(**product.sizes)
    )
    rebuilt.load_state_dict(made.models["network"].state_dict())


def test_the_loss_is_equation_3_with_both_terms_of_4() -> None:
    source = PhotosConfig(split="train", size=32).build().take(2)
    losses = {}
    for codebook in ("averages", "gradient"):
        made = objective(model={"bottom": 2} | SIZES, codebook=codebook, beta=0.5)
        made.models["network"].load_state_dict(network().state_dict())
        made.models["network"].eval()
        (update,) = made.updates(source, seeded())
        losses[codebook] = float(update.loss.detach())
    reference = network().requires_grad_(False)
    restored, latents = reference(source.image)
    error = 4 * (restored - source.image).square().mean()
    quantization = sum(
        (found - quantizer.look_up(level.index)).square().mean()
        for level, quantizer, found in zip(
            latents, reference.quantizers, _features(reference, source), strict=True
        )
    )
    assert losses["averages"] == pytest.approx(float(error + 0.5 * quantization), rel=1e-5)
    assert losses["gradient"] == pytest.approx(float(error + 1.5 * quantization), rel=1e-5)


def _features(made: QuantizedAutoencoder, source: Source) -> list[torch.Tensor]:
    """What the quantisers saw."""
    seen: list[torch.Tensor] = []
    hooks = [
        quantizer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        for quantizer in made.quantizers
    ]
    made(source.image)
    for hook in hooks:
        hook.remove()
    return seen


def test_latent_noise_has_its_power_over_all_levels() -> None:
    made = network().requires_grad_(False)
    latents = [*made.latents(torch.rand(3, 3, 64, 64, generator=seeded()))]
    clean = torch.cat([level.z_q.flatten(1) for level in latents], dim=1)
    for snr_db in (20.0, 0.0):
        noise = TrainingNoise(NoiseConfig(latent_snr_db=snr_db))
        arrived = noise.on_latents(made, latents, seeded(1))
        error = torch.cat([level.flatten(1) for level in arrived], dim=1) - clean
        snr = clean.square().mean(dim=1) / error.square().mean(dim=1)
        # Mean squares of m values have a relative deviation of √(2/m).
        tolerance = 5 * math.sqrt(2 / clean.shape[1])
        assert ((snr / 10 ** (snr_db / 10) - 1).abs() < tolerance).all()
        levels = [float((a - b.z_q).square().mean()) for a, b in zip(arrived, latents, strict=True)]
        assert levels[0] == pytest.approx(levels[1], rel=5 * math.sqrt(2 / (3 * 8 * 16 * 16)))


@pytest.mark.parametrize("one_level", [True, False])
def test_bit_errors_choose_other_entries_and_stop_the_gradient(one_level: bool) -> None:
    made = network(one_level)
    rate = 0.05
    image = torch.rand(4, 3, 64, 64, generator=seeded())
    latents = [*made.latents(image)]
    noise = TrainingNoise(NoiseConfig(bit_error_rate=rate))
    arrived = noise.on_latents(made, latents, seeded(1))
    for level, found, quantizer in zip(latents, arrived, made.quantizers, strict=True):
        index = quantizer.nearest(found)
        flips = to_bits(index.flatten(1), 5) != to_bits(level.index.flatten(1), 5)
        deviation = math.sqrt(rate * (1 - rate) / flips.numel())
        assert float(flips.float().mean()) == pytest.approx(rate, abs=5 * deviation)
        (gradient,) = torch.autograd.grad(found.sum(), level.z_q, retain_graph=True)
        right = (index == level.index).unsqueeze(1).expand_as(gradient)
        assert torch.equal(gradient, right.float())


def test_source_noise_is_the_link_s_semantic_noise() -> None:
    image = torch.rand(2, 3, 16, 16, generator=seeded())
    ours = TrainingNoise(NoiseConfig(source_snr_db=10.0)).on_source(image, seeded(3))
    link = SemanticNoise(SemanticNoiseConfig(snr_db=10.0)).apply(Source(image), seeded(3))
    assert torch.allclose(ours, link.image, atol=1e-6)


def test_levels_are_drawn_for_each_image() -> None:
    made = network().requires_grad_(False)
    latents = [*made.latents(torch.rand(64, 3, 32, 32, generator=seeded()))]
    noise = TrainingNoise(NoiseConfig(latent_snr_db=Span(low=0, high=20)))
    arrived = noise.on_latents(made, latents, seeded(2))
    clean, found = (
        torch.cat([level.flatten(1) for level in part], dim=1)
        for part in ([level.z_q for level in latents], arrived)
    )
    snr_db = 10 * (clean.square().mean(dim=1) / (found - clean).square().mean(dim=1)).log10()
    # Uniform over 20 dB: mean 10, deviation 5.8, of 64 images.
    assert abs(float(snr_db.mean()) - 10) < 5 * 5.8 / 8
    assert snr_db.min() < 4
    assert snr_db.max() > 16


def test_without_noise_nothing_changes() -> None:
    made, noise = network(), TrainingNoise(NoiseConfig())
    image = torch.rand(1, 3, 32, 32, generator=seeded())
    latents = [*made.latents(image)]
    assert noise.on_source(image, seeded()) is image
    arrived = noise.on_latents(made, latents, seeded())
    assert all(torch.equal(a, b.z_q) for a, b in zip(arrived, latents, strict=True))


NOISES = {"latent_snr_db": -6.0, "bit_error_rate": 0.02, "source_snr_db": 5.0}


def tuned(**noise: float) -> VqVae2Objective:
    """The shipped [4,2] after a few steps on four photographs."""
    made = objective(start="ftsc-4-2", noise=noise)
    source = PhotosConfig(split="train", size=64).build().take(4)
    model = made.models["network"].train()
    optimiser = torch.optim.Adam(model.parameters(), 5e-4)
    for step in range(15):
        (update,) = made.updates(source, seeded(step))
        optimiser.zero_grad()
        update.loss.backward()
        optimiser.step()
    model.eval()
    return made


@pytest.fixture(scope="module")
def undisturbed() -> VqVae2Objective:
    return tuned()


@pytest.mark.parametrize("kind", NOISES)
def test_denoising_helps_where_there_is_noise(kind: str, undisturbed: VqVae2Objective) -> None:
    config = NoiseConfig.model_validate({kind: NOISES[kind]})
    denoising = _error(tuned(**{kind: NOISES[kind]}), config)
    assert denoising < 0.9 * _error(objective(start="ftsc-4-2"), config)
    assert denoising < 0.95 * _error(undisturbed, config)


def _error(made: VqVae2Objective, config: NoiseConfig) -> float:
    source = PhotosConfig(split="train", size=64).build().take(4)
    noise, model = TrainingNoise(config), made.models["network"]
    if not isinstance(model, QuantizedAutoencoder):
        raise TypeError
    generator = seeded(99)
    with torch.no_grad():
        latents = [*model.latents(noise.on_source(source.image, generator))]
        restored = model.reconstruct(*noise.on_latents(model, latents, generator))
    return float((restored.clamp(0, 1) - source.image).square().mean())


def test_a_shipped_network_goes_on_learning() -> None:
    made = objective(start="ftsc-8-2", noise={"latent_snr_db": {"low": 0, "high": 20}})
    model = made.models["network"]
    shipped = checkpoints.shipped("ftsc-8-2").tensors
    source = PhotosConfig(split="train", size=64).build().take(2)
    before = made.evaluate(source)["psnr_db"]
    model.train()
    (update,) = made.updates(source, seeded())
    model.eval()
    # The codebooks moved a little, but are those that were loaded.
    for name in ("quantize_top.codebook", "quantize_bottom.codebook"):
        moved = model.state_dict()[name] - shipped[name]
        assert float(moved.square().mean()) < 0.05 * float(shipped[name].square().mean())
    assert made.evaluate(source)["psnr_db"] > before - 0.5
    assert made.products()[0].codec["scalings"] == ["[8,2]"]
    assert update.loss.requires_grad


def test_what_an_objective_refuses() -> None:
    with pytest.raises(ValidationError, match="leave 'model' out"):
        VqVae2ObjectiveConfig.model_validate({"start": "ftsc-4-2", "model": {"bottom": 4}})
    with pytest.raises(ValidationError, match="leave 'start' out"):
        VqVae2ObjectiveConfig.model_validate({"start": "random"})
    with pytest.raises(ValidationError, match=r"0\.\.0\.5"):
        NoiseConfig.model_validate({"bit_error_rate": {"low": 0, "high": 0.7}})
    with pytest.raises(ValidationError, match="lies below"):
        NoiseConfig.model_validate({"latent_snr_db": {"low": 5, "high": 1}})
    with pytest.raises(CheckpointError, match="no shipped weights"):
        objective(start="nothing-like-it")
