"""DFT and LSDFT over the air."""

import inspect

import pytest
import torch

from semsim import load_channel
from semsim.adaptation.comparison import compare, gains, judge
from semsim.adaptation.procedure import adapt
from semsim.adaptation.radio import Radio
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.codec import shown
from semsim.codecs.ftsc.config import VqVae2Config
from semsim.codecs.ftsc.networks import build
from semsim.codecs.ftsc.transport import Arrived, EntropyIndices, FixedIndices, LatentMaps
from semsim.codecs.ftsc.tuning import receiver
from semsim.codecs.ftsc.tuning.config import TuningConfig
from semsim.errors import NothingArrivedError, SemsimError
from semsim.link.config import ModemConfig
from semsim.link.metrics import psnr_db
from semsim.link.modem import DigitalModem

_SIZES = {"filters": 8, "residual_blocks": 1, "residual_filters": 4, "entries": 16, "dim": 6}


def network() -> QuantizedAutoencoder:
    torch.manual_seed(0)
    made = build(VqVae2Config(bottom=2, top=2, **_SIZES))
    with torch.no_grad():
        for quantizer in made.quantizers:
            quantizer.codebook.normal_()
    return made.eval().requires_grad_(False)


def images(count: int = 6, seed: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def radio(snr_db: float | None, seed: int = 0, **options: object) -> Radio:
    modem = DigitalModem(ModemConfig(**options), "cpu", torch.Generator().manual_seed(seed))
    channel = None if snr_db is None else load_channel("awgn", seed=seed)
    return Radio(channel, modem, snr_db)


def state(made: QuantizedAutoencoder) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in made.state_dict().items()}


def same(a: QuantizedAutoencoder, b: QuantizedAutoencoder) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_dft_learns_the_same_whatever_the_digital_channel_did_to_reach_it() -> None:
    """Originals arrive whole or not at all, so that noise costs channel uses and nothing else."""
    config = TuningConfig(mode="dft", steps=5, batch=4)
    ideal = adapt(network(), images(), radio(None), FixedIndices(), config)
    noisy = adapt(network(), images(), radio(1.0), FixedIndices(), config)
    assert ideal.images == noisy.images == 6
    assert same(ideal.network, noisy.network)
    items = [entry.item for entry in noisy.ledger.entries]
    assert items == ["originals (PNG)", "digest"]
    assert noisy.ledger.channel_uses > ideal.ledger.channel_uses


def test_dft_goes_on_with_the_images_that_both_ends_know() -> None:
    """Two of six packets are lost for good; the embedding spaces are compared at the end."""
    air = radio(20.0)
    deliver = air.deliver

    def lossy(item: str, sent: list) -> list[bool]:
        arrived = deliver(item, sent)
        return [i not in (1, 4) for i in range(len(sent))] if "originals" in item else arrived

    air.deliver = lossy  # type: ignore[method-assign]
    config = TuningConfig(mode="dft", steps=4, batch=2)
    adapted = adapt(network(), images(), air, FixedIndices(), config)
    assert adapted.images == 4
    kept = images()[[0, 2, 3, 5]]
    assert same(
        adapted.network, adapt(network(), kept, radio(None), FixedIndices(), config).network
    )


def test_originals_of_before_are_used_again_and_not_sent_again() -> None:
    config = TuningConfig(mode="dft", steps=3, batch=6)
    first = adapt(network(), images()[:2], radio(None), FixedIndices(), config)
    assert first.originals is not None
    again = adapt(
        network(), images()[2:], radio(None), FixedIndices(), config, already=first.originals
    )
    at_once = adapt(network(), images(), radio(None), FixedIndices(), config)
    assert again.images == at_once.images == 6
    assert same(again.network, at_once.network)
    sent = first.ledger.entries[0].bits + again.ledger.entries[0].bits
    assert sent == at_once.ledger.entries[0].bits


def test_ends_that_drift_apart_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver.Receiver, "digest", lambda _self: "00" * 32)
    config = TuningConfig(mode="dft", steps=1)
    with pytest.raises(SemsimError, match="embedding spaces"):
        adapt(network(), images(), radio(None), FixedIndices(), config)


def test_lsdft_is_the_same_over_any_digital_channel_that_delivers() -> None:
    config = TuningConfig(steps=4, batch=4)
    ideal = adapt(network(), images(), radio(None), FixedIndices(), config)
    noisy = adapt(network(), images(), radio(10.0), FixedIndices(), config)
    assert same(ideal.network, noisy.network)
    losses, latents = noisy.ledger.entries
    assert (losses.item, losses.bits) == ("quantisation losses", 6 * 32)
    # [2,2] at 16×16: 16 + 64 indices of 4 bits.
    assert (latents.item, latents.bits, latents.arrived) == ("latents", 6 * 320, 6)


def test_the_receiver_of_lsdft_has_nowhere_to_put_an_original() -> None:
    """Its way to learn takes what is transmitted, and what it learns follows from maps alone."""
    assert list(inspect.signature(receiver.Receiver.tune_on_latents).parameters) == [
        "self",
        "arrived",
        "quantisation_loss",
    ]
    config, deployed = TuningConfig(steps=3), network()
    seen = []

    class Spy(FixedIndices):
        def arrive(self, *arguments):  # type: ignore[no-untyped-def]
            arrived = super().arrive(*arguments)
            seen.append(tuple(level.clone() for level in arrived.maps))
            return arrived

    adapted = adapt(deployed, images(), radio(10.0), Spy(), config)
    alone = receiver.Receiver(deployed, config)
    list(alone.tune_on_latents(seen[0]))
    assert same(alone.network, adapted.network)


def test_analog_latents_arrive_with_noise_of_the_snr() -> None:
    """The maps at the receiver: noise of 1/100 of their power at 20 dB, over 2,880 values."""
    deployed = network()
    clean = deployed.look_up(*deployed.indices(images()))
    heard = []

    def listen(maps: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        heard.append(maps)
        return maps

    adapt(deployed, images(), radio(20.0), LatentMaps(), TuningConfig(steps=1), clean=listen)
    error = sum(float((a - b).square().sum()) for a, b in zip(heard[0], clean, strict=True))
    power = sum(float(level.square().sum()) for level in clean)
    # χ² of 2,880 values: 5 standard deviations are 13 %; the pilots' gain adds as much again.
    assert error / power == pytest.approx(0.01, rel=0.26)


def test_nothing_that_arrives_is_a_clear_error() -> None:
    for mode in ("dft", "lsdft"):
        air = radio(-20.0, mcs=5, fidelity="abstracted")
        with pytest.raises(NothingArrivedError, match=r"none of the 6 images .* at -20 dB"):
            adapt(network(), images(), air, FixedIndices(), TuningConfig(mode=mode))
        assert air.ledger.channel_uses > 0, "what was sent is known, and costs"


def test_watching_changes_nothing() -> None:
    config = TuningConfig(mode="dft", steps=3)

    @torch.no_grad()
    def look(end: receiver.Receiver, step: receiver.TuningStep) -> dict[str, float]:
        maps = end.network.look_up(*end.network.indices(images()))
        image = shown(end.network, Arrived(maps), lambda maps: maps)
        return {"seen": float(step.step), "mean": float(image.mean())}

    looked = adapt(network(), images(), radio(None), FixedIndices(), config, watch=look)
    assert same(
        looked.network, adapt(network(), images(), radio(None), FixedIndices(), config).network
    )
    assert looked.steps["seen"].tolist() == [1.0, 2.0, 3.0]
    assert list(looked.steps["step"]) == [1, 2, 3]


def test_what_is_lost_is_judged_as_the_codec_shows_it() -> None:
    """A stream that is lost is a mid-grey image; a wrong index is a wrong entry."""
    judged = judge(network(), images(), radio(-20.0), EntropyIndices())
    assert judged.table["lost"].all()
    assert torch.equal(judged.received, torch.full_like(images(), 0.5))
    assert judged.table["psnr_db"].tolist() == psnr_db(images(), judged.received).tolist()
    wrong = judge(network(), images(), radio(-20.0), FixedIndices())
    assert wrong.table["lost"].all()
    assert float(wrong.received.std()) > 0


def test_streams_that_arrive_are_judged_by_what_they_hold() -> None:
    whole = judge(network(), images(), radio(20.0), EntropyIndices())
    assert not whole.table["lost"].any()
    fixed = judge(network(), images(), radio(None), FixedIndices())
    assert torch.equal(whole.received, fixed.received)


def test_what_is_compared_is_what_is_delivered() -> None:
    deployed = network()
    judged = judge(deployed, images(), radio(None), FixedIndices())
    delivered = deployed.decode_indices(*deployed.indices(images())).clamp(0, 1)
    assert torch.equal(judged.received, delivered)
    assert judged.table["psnr_db"].tolist() == psnr_db(images(), delivered).tolist()
    seen = compare(
        {"a": deployed, "b": deployed}, images(), lambda: radio(3.0, seed=4), LatentMaps()
    )
    assert torch.equal(seen["a"].received, seen["b"].received), "both meet the same noise"
    said = gains(seen["a"].table, judged.table)
    difference = judged.table["psnr_db"] - seen["a"].table["psnr_db"]
    assert said["psnr_db_gain"] == pytest.approx(difference.mean())
    assert said["psnr_db_before"] + said["psnr_db_gain"] == pytest.approx(said["psnr_db_after"])
