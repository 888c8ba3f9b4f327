"""The audit: what the link says of a transmission is what was sent."""

import math

import pytest
import torch

from semsim import Link, load_channel, load_codec
from semsim.link.air import PowerRule
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.types import Csi, Output, Rate, Received, Source, SymbolPayload
from semsim.units import linear_to_db


class Loud:
    """Sends pixels as symbols at a power that differs from image to image, and side bits."""

    side_bits = 24

    def rates(self, shape):
        n = math.prod(shape) // 2 + self.side_bits
        return (Rate("loud", shape, "symbols", n, n / math.prod(shape)),)

    def encode(self, source, csi, rate):
        scale = torch.arange(1, len(source) + 1).view(-1, 1) * 7.0
        values = source.image.flatten(1) * scale
        return SymbolPayload(torch.view_as_complex(values.view(len(values), -1, 2)), self.side_bits)

    def decode(self, received: Received, csi: Csi, rate: Rate) -> Output:
        self.seen = received
        image = torch.view_as_real(received.x).reshape(-1, *rate.shape)
        return Output(image=(image / image.abs().amax()).clamp(0, 1))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channel", ["awgn", "rayleigh", "rician", "ofdm_tdl"])
def test_the_measured_snr_is_the_asked_one_per_image(channel: str, images: torch.Tensor) -> None:
    snr_db = torch.tensor([-5.0, 0.0, 10.0, 25.0])
    link = Link(Loud(), load_channel(channel, seed=3))
    audit = link.transmit(images, snr_db).audit
    ratio = audit.snr_measured / 10 ** (snr_db / 10)
    # The mean of m noise powers (exponential, mean 1) has standard deviation 1/√m.
    assert ((ratio - 1).abs() < 5 / audit.noise_samples.sqrt()).all()


def test_every_image_is_sent_at_unit_power(images: torch.Tensor) -> None:
    audit = Link(Loud(), load_channel("awgn")).transmit(images, 10.0).audit
    assert audit.power.tolist() == pytest.approx([1.0] * 4, abs=1e-5)
    assert audit.power_constrained


def test_without_the_constraint_the_true_power_is_reported(images: torch.Tensor) -> None:
    link = Link(Loud(), load_channel("awgn"), power=PowerRule("none"))
    audit = link.transmit(images, 10.0).audit
    by_hand = [
        (2 * (image * 7.0 * (i + 1)).square().mean()).item() for i, image in enumerate(images)
    ]
    assert audit.power.tolist() == pytest.approx(by_hand, rel=1e-5)
    assert not audit.power_constrained


def test_cbr_counts_side_information(images: torch.Tensor) -> None:
    audit = Link(Loud(), load_channel("awgn")).transmit(images, 10.0).audit
    values = 3 * 64 * 64
    assert audit.channel_uses.tolist() == [values // 2 + 24] * 4
    assert audit.cbr.tolist() == pytest.approx([(values / 2 + 24) / values] * 4)


def test_cbr_of_bits_counts_every_symbol_of_the_modem(images: torch.Tensor) -> None:
    codec = load_codec({"kind": "classical", "rhos": [0.1171875]})
    modem = DigitalModem(ModemConfig(modulation="16qam", code_rate=0.5))
    delivery = Link(codec, load_channel("awgn"), modem).transmit(images, 20.0)
    uses = Link(codec, load_channel("awgn"), modem).channel_uses(delivery.rate, 20.0)
    assert uses >= delivery.rate.payload / 2  # 4 bits a symbol at rate 1/2
    assert delivery.audit.channel_uses.tolist() == [uses] * 4
    assert delivery.audit.block_error_rate.tolist() == [0.0] * 4
    assert delivery.audit.power.tolist() == pytest.approx([1.0] * 4, abs=1e-5)


def test_gradients_flow_from_the_received_to_the_sent(images: torch.Tensor) -> None:
    images.requires_grad_()
    link = Link(Loud(), load_channel("rayleigh"))
    link.transmit(images, 10.0)
    link.codec.seen.x.real.sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("image", "snr_db", "rate", "message"),
    [
        (torch.full((1, 3, 8, 8), 1.5), 10.0, None, "0..1"),
        (torch.full((1, 3, 8, 8), float("nan")), 10.0, None, "finite"),
        (torch.zeros(0, 3, 8, 8), 10.0, None, "no images"),
        (torch.zeros(3, 8, 8), 10.0, None, r"\[B, C, H, W\]"),
        (torch.zeros(1, 3, 8, 8), float("nan"), None, "snr_db must be finite"),
        (torch.zeros(1, 3, 8, 8), 10.0, "loudest", "offers no rate 'loudest'.*loud"),
    ],
)
def test_bad_input(image: torch.Tensor, snr_db: float, rate: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Link(Loud(), load_channel("awgn")).transmit(Source(image), snr_db, rate)


@pytest.mark.parametrize(
    ("convention", "gain_db"), [("half_noise_power", 3.01), ("variance_as_std", 10.0)]
)
def test_other_snr_conventions_are_what_public_codes_do_and_say_so(
    convention: str, gain_db: float, images: torch.Tensor
) -> None:
    link = Link(Loud(), load_channel("awgn", seed=5), power=PowerRule(convention=convention))
    audit = link.transmit(images, 10.0).audit
    measured_db = linear_to_db(audit.snr_measured)
    # The mean of m noise powers (exponential, mean 1) has standard deviation 1/√m.
    spread_db = 5 * 4.35 / audit.noise_samples.sqrt()
    assert ((measured_db - 10.0 - gain_db).abs() < spread_db).all()
    assert audit.snr_convention == convention
    assert audit.power_constrained


def test_batch_power_leaves_the_images_unequal(images: torch.Tensor) -> None:
    link = Link(Loud(), load_channel("awgn"), power=PowerRule(convention="batch_power"))
    audit = link.transmit(images, 10.0).audit
    assert audit.power.mean().item() == pytest.approx(1, abs=1e-5)
    assert audit.power[3] > 2 * audit.power[0]
    assert not audit.power_constrained


def test_unnormalised_power_is_sent_as_it_is(images: torch.Tensor) -> None:
    rule = PowerRule(convention="unnormalised_power")
    audit = Link(Loud(), load_channel("awgn"), power=rule).transmit(images, 10.0).audit
    assert audit.power[0] > 10
    assert not audit.power_constrained


def test_codec_and_modem_know_what_was_reported_and_the_channel_is_what_it_is() -> None:
    codec = load_codec({"kind": "classical", "rhos": [0.1171875]})
    modem = DigitalModem(ModemConfig(mcs="adaptive"))
    link = Link(codec, load_channel("awgn", seed=6), modem)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    honest = link.transmit(images, 12.0).audit
    boasted = link.transmit(images, 12.0, reported_db=torch.tensor([12.0, 25.0])).audit
    assert boasted.channel_uses[0] == honest.channel_uses[0]
    assert boasted.channel_uses[1] < honest.channel_uses[1]
    assert boasted.block_error_rate.tolist() == [0.0, 1.0]
    assert linear_to_db(boasted.snr_measured).tolist() == pytest.approx([12.0, 12.0], abs=0.3)


def test_quality_is_judged_against_what_the_sender_should_have_seen() -> None:
    seen = []

    def spoil(source: Source) -> Source:
        seen.append(source)
        return Source(torch.zeros_like(source.image))

    link = Link(Loud(), load_channel("awgn"), semantic_noise=spoil)
    images = torch.rand(2, 3, 64, 64)
    delivery = link.transmit(images, 50.0)
    assert torch.equal(seen[0].image, images)
    assert delivery.output.image.max() <= 1


def test_an_mcs_can_be_asked_for_instead_of_the_modem_s_own(images: torch.Tensor) -> None:
    codec = load_codec({"kind": "classical", "rhos": [0.06]})
    modem = DigitalModem(ModemConfig(mcs="adaptive", fidelity="abstracted"))
    link = Link(codec, load_channel("awgn"), modem)
    (rate,) = codec.rates((3, 64, 64))
    for mcs, bits_per_use in ((5, 4 * 378 / 1024), (20, 8 * 682.5 / 1024)):
        uses = link.transmit(images, 30.0, mcs=mcs).audit.channel_uses
        # CRC and rounding take a little more than the scheme's own efficiency.
        assert float(uses[0]) == pytest.approx(rate.payload / bits_per_use, rel=0.03)
        assert float(uses[0]) > rate.payload / bits_per_use
    with pytest.raises(ValueError, match="no MCS 28: with coding: ldpc, table 2 has 0 to 27"):
        link.transmit(images, 30.0, mcs=28)
    with pytest.raises(ValueError, match="sends symbols, which no modem codes"):
        Link(Loud(), load_channel("awgn")).transmit(images, 10.0, mcs=3)
