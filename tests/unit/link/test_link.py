"""The audit: what the link says of a transmission is what was sent."""

import math

import pytest
import torch

from semsim import Link, load_channel, load_codec
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.types import Csi, Output, Rate, Received, Source, SymbolPayload


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
    assert (ratio - 1).abs().max() < 5 / math.sqrt(audit.noise_samples)


def test_every_image_is_sent_at_unit_power(images: torch.Tensor) -> None:
    audit = Link(Loud(), load_channel("awgn")).transmit(images, 10.0).audit
    assert audit.power.tolist() == pytest.approx([1.0] * 4, abs=1e-5)
    assert audit.power_constrained


def test_without_the_constraint_the_true_power_is_reported(images: torch.Tensor) -> None:
    link = Link(Loud(), load_channel("awgn"), power_constraint="none")
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
    uses = modem.channel_uses(delivery.rate.payload)
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


def test_an_unknown_constraint_is_refused() -> None:
    with pytest.raises(ValueError, match="'unit' or 'none'"):
        Link(Loud(), load_channel("awgn"), power_constraint="batch")
