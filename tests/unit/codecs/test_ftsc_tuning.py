"""DFT and LSDFT: what each end may know, and what must stay equal."""

import pytest
import torch
import torch.nn.functional as F

from semsim.codecs.ftsc.codec import shown
from semsim.codecs.ftsc.config import VqVae2Config, VqVaeConfig
from semsim.codecs.ftsc.networks import build
from semsim.codecs.ftsc.transport import Arrived
from semsim.codecs.ftsc.tuning.batches import batches
from semsim.codecs.ftsc.tuning.config import TuningConfig
from semsim.codecs.ftsc.tuning.embeddings import Embeddings
from semsim.codecs.ftsc.tuning.receiver import Receiver
from semsim.codecs.ftsc.tuning.sender import Sender

_SIZES = {"filters": 8, "residual_blocks": 1, "residual_filters": 4, "entries": 16, "dim": 6}
_CONFIGS = (VqVae2Config(bottom=4, top=2, **_SIZES), VqVaeConfig(scale=4, **_SIZES))


def network(config: VqVae2Config | VqVaeConfig = _CONFIGS[0]) -> torch.nn.Module:
    torch.manual_seed(0)
    made = build(config)
    with torch.no_grad():
        for quantizer in made.quantizers:
            quantizer.codebook.normal_()
    return made.eval().requires_grad_(False)


def images(count: int = 6) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def state(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def changed(before: dict[str, torch.Tensor], module: torch.nn.Module) -> set[str]:
    after = module.state_dict()
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("config", _CONFIGS, ids=lambda c: c.name)
def test_features_are_what_indices_are_chosen_from(config: VqVae2Config | VqVaeConfig) -> None:
    made = network(config)
    chosen = [q.nearest(z) for q, z in zip(made.quantizers, made.features(images()), strict=True)]
    for own, theirs in zip(chosen, made.indices(images()), strict=True):
        assert torch.equal(own, theirs)


def test_the_embedding_spaces_of_both_ends_stay_equal_without_a_gradient_on_the_air() -> None:
    config = TuningConfig(mode="dft", steps=12, batch=4, embedding_rate=0.05)
    deployed, known = network(), images()
    sender, receiver = Sender(deployed, config), Receiver(deployed, config)
    start = sender.digest()
    seen = [step.quantisation_loss for step in receiver.tune_on_images(known)]
    followed = sender.follow(known)
    assert sender.digest() == receiver.digest() != start
    assert seen == followed
    other = Sender(deployed, config)
    other.follow(known.flip(0))
    assert other.digest() != sender.digest(), "the order of images matters, so equality means much"


def test_dft_moves_decoder_and_embeddings_and_leaves_the_encoders() -> None:
    deployed = network()
    before = state(deployed)
    receiver = Receiver(deployed, TuningConfig(mode="dft", steps=3))
    losses = [step.loss for step in receiver.tune_on_images(images())]
    moved = {"raise_top", "decoder_bottom", "quantize_top", "quantize_bottom"}
    assert changed(before, receiver.network) == moved
    assert changed(before, deployed) == set(), "what was deployed stays as it is"
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("config", _CONFIGS, ids=lambda c: c.name)
def test_lsdft_moves_the_decoder_alone(config: VqVae2Config | VqVaeConfig) -> None:
    deployed = network(config)
    before = state(deployed)
    receiver = Receiver(deployed, TuningConfig(steps=30, learning_rate=1e-3))
    arrived = deployed.look_up(*deployed.indices(images()))
    losses = [step.loss for step in receiver.tune_on_latents(arrived)]
    decoder = {"raise_top", "decoder_bottom"} if isinstance(config, VqVae2Config) else {"decoder"}
    assert changed(before, receiver.network) == decoder
    assert losses[-1] < losses[0]


def test_the_receiver_of_lsdft_needs_no_original() -> None:
    """Other images with the same latents teach it the same, to the last bit."""
    deployed, config = network(), TuningConfig(steps=4)
    original = images()
    latents = deployed.look_up(*deployed.indices(original))
    # Too little to change an index, enough to be another image.
    other = (original + 1e-6).clamp(0, 1)
    assert not torch.equal(original, other)
    again = deployed.look_up(*deployed.indices(other))
    for a, b in zip(latents, again, strict=True):
        assert torch.equal(a, b)
    tuned = []
    for maps in (latents, again):
        receiver = Receiver(deployed, config)
        list(receiver.tune_on_latents(tuple(level.clone() for level in maps)))
        tuned.append(state(receiver.network))
    assert all(torch.equal(tuned[0][name], tuned[1][name]) for name in tuned[0])


def test_the_loss_of_lsdft_is_that_of_eq_7() -> None:
    deployed = network()
    receiver = Receiver(deployed, TuningConfig(steps=1, batch=6))
    top, bottom = deployed.look_up(*deployed.indices(images()))
    (step,) = receiver.tune_on_latents((top, bottom))
    with torch.no_grad():
        _, again = deployed.features(deployed.reconstruct(top, bottom))
        expected = (again - bottom).square().mean()
    assert step.loss == pytest.approx(float(expected), rel=1e-5)


def test_an_image_nearer_to_its_latents_than_its_original_teaches_nothing_more() -> None:
    """The floor is the distance over both levels that L_q / (1 + β) tells."""
    deployed = network()
    maps = deployed.look_up(*deployed.indices(images()))
    with torch.no_grad():
        again = deployed.features(deployed.reconstruct(*maps))
    by_level = [(a - b).square().mean(dim=(1, 2, 3)) for a, b in zip(again, maps, strict=True)]
    decoded, bottom = sum(by_level), by_level[-1]
    above = torch.tensor([True, False, True, False, False, True])
    told = 1.25 * torch.where(above, 0.99 * decoded, 1.01 * decoded)

    config = TuningConfig(steps=1, batch=6, floor="quantisation")
    receiver = Receiver(deployed, config)
    (step,) = receiver.tune_on_latents(maps, told)
    assert step.loss == pytest.approx(float((bottom * above).mean()), rel=1e-5)

    receiver = Receiver(deployed, config)
    list(receiver.tune_on_latents(maps, 1.25 * 1.01 * decoded))
    before, after = state(deployed), state(receiver.network)
    assert all(torch.equal(before[name], after[name]) for name in before)
    with pytest.raises(ValueError, match="L_q of every image"):
        list(receiver.tune_on_latents(maps))


def test_the_quantisation_loss_is_that_of_eq_5() -> None:
    deployed, config = network(), TuningConfig(beta=0.25)
    z_top, z_bottom = deployed.features(images())
    top, bottom = deployed.look_up(*deployed.indices(images()))
    by_image = 1.25 * (
        (z_top - top).square().mean(dim=(1, 2, 3))
        + (z_bottom - bottom).square().mean(dim=(1, 2, 3))
    )
    sender = Sender(deployed, config)
    assert torch.allclose(sender.quantisation_loss(images()), by_image)
    mean = float(by_image.mean())
    assert Embeddings(sender.network, config).update(images()) == pytest.approx(mean, rel=1e-5)


def test_embeddings_follow_the_gradient_of_the_codebook_term() -> None:
    """One step of Adam moves every chosen entry by the rate, against the sign of the gradient."""
    deployed, rate = network(), 0.01
    before = [q.codebook.clone() for q in deployed.quantizers]
    encoded = deployed.features(images())
    index = deployed.indices(images())
    Embeddings(deployed, TuningConfig(embedding_rate=rate)).update(images())
    for q, old, z, chosen in zip(deployed.quantizers, before, encoded, index, strict=True):
        flat = z.permute(0, 2, 3, 1).reshape(-1, z.shape[1])
        for entry in range(q.entries):
            members = flat[chosen.flatten() == entry]
            step = q.codebook[entry] - old[entry]
            if len(members) == 0:
                assert step.abs().max() == 0
                continue
            wanted = torch.sign(members.mean(0) - old[entry]) * rate
            assert torch.allclose(step, wanted, atol=1e-3 * rate)


def test_what_a_denoiser_cleans_is_both_input_and_label() -> None:
    deployed, config = network(), TuningConfig(steps=1, batch=6)
    clean = deployed.look_up(*deployed.indices(images()))
    damaged = tuple(level + 1.0 for level in clean)

    def mend(maps: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(level - 1.0 for level in maps)

    undo, plain = Receiver(deployed, config, mend), Receiver(deployed, config)
    (mended,), (expected,) = undo.tune_on_latents(damaged), plain.tune_on_latents(clean)
    assert mended.loss == pytest.approx(expected.loss, rel=1e-4)
    ours = shown(undo.network, Arrived(damaged), mend)
    theirs = shown(plain.network, Arrived(clean), lambda maps: maps)
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_the_decoder_of_dft_learns_to_live_with_the_channel() -> None:
    """What it is told that maps suffer is what it is tuned on."""
    deployed, config = network(), TuningConfig(mode="dft", steps=1, batch=6)
    seen = []

    def disturb(maps: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        seen.append(maps)
        return tuple(torch.zeros_like(level) for level in maps)

    (step,) = Receiver(deployed, config).tune_on_images(images(), disturb)
    blank = deployed.reconstruct(*(torch.zeros_like(level) for level in seen[0]))
    rows = next(batches(config, 6))
    with torch.no_grad():
        assert step.loss == pytest.approx(float(F.mse_loss(blank, images()[rows])), rel=1e-5)


def test_every_image_is_used_once_an_epoch() -> None:
    config = TuningConfig(steps=6, batch=4)
    drawn = torch.cat(list(batches(config, 8))).view(3, 8)
    assert drawn.sort(dim=1).values.tolist() == [list(range(8))] * 3
    with pytest.raises(ValueError, match="no image arrived"):
        next(batches(config, 0))
