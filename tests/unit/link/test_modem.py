import pytest
import torch

from semsim.channels.config import AwgnConfig
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.types import Csi, Modem, Received

MODULATIONS = ["qpsk", "16qam", "64qam", "256qam"]


def random_bits(batch: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(size)
    return torch.randint(0, 2, (batch, size), dtype=torch.uint8, generator=generator)


def csi(batch: int, snr: float = 1e4) -> Csi:
    return Csi(torch.full((batch,), snr))


def through_the_air(modem: DigitalModem, bits: torch.Tensor, snr: float = 1e4) -> Received:
    channel = AwgnConfig().build(generator=torch.Generator().manual_seed(1))
    state = csi(bits.shape[0], snr)
    return channel.apply(modem.modulate(bits, state), state.snr)


@pytest.mark.parametrize("modulation", MODULATIONS)
@pytest.mark.parametrize("coding", ["ldpc", "none"])
@pytest.mark.parametrize("size", [1, 2, 13, 999, 9001])
def test_round_trip(modulation: str, coding: str, size: int) -> None:
    modem = DigitalModem(ModemConfig(modulation=modulation, coding=coding))
    assert isinstance(modem, Modem)
    bits = random_bits(3, size)
    received = through_the_air(modem, bits)
    assert received.x.shape == (3, modem.channel_uses(size))
    decoded = modem.demodulate(received, size)
    assert decoded.dtype == torch.uint8
    assert torch.equal(decoded, bits)


@pytest.mark.parametrize("rate", [0.2, 0.3, 1 / 3, 0.5, 0.75, 0.92])
def test_round_trip_at_every_rate(rate: float) -> None:
    modem = DigitalModem(ModemConfig(modulation="16qam", code_rate=rate))
    bits = random_bits(2, 4001)
    assert torch.equal(modem.demodulate(through_the_air(modem, bits), 4001), bits)
    assert modem.channel_uses(4001) == pytest.approx(4001 / (4 * rate), rel=2e-3)


def test_long_payload() -> None:
    modem = DigitalModem(ModemConfig(modulation="256qam"))
    bits = random_bits(1, 200_000)
    received = through_the_air(modem, bits)
    # 24 blocks of 8334 bits, 16 bits of zero fill; 16 668 coded bits fill 2083.5 symbols, so 2084.
    assert received.x.shape == (1, 24 * 2084)
    decoded = modem.demodulate(received, 200_000)
    assert torch.equal(decoded, bits)
    decoded[0, 8334] ^= 1
    decoded[0, 8335] ^= 1
    decoded[0, -1] ^= 1
    errors, blocks = modem.block_errors(bits, decoded)
    assert blocks == 24
    assert errors.tolist() == [2]


def test_parts_of_a_large_batch_are_put_together_in_order(monkeypatch) -> None:
    modem = DigitalModem(ModemConfig())
    bits = random_bits(7, 100)
    whole = modem.modulate(bits, csi(7))
    monkeypatch.setattr("semsim.link.modem._BITS_AT_ONCE", 250)
    assert torch.equal(modem.modulate(bits, csi(7)), whole)
    assert torch.equal(modem.demodulate(through_the_air(modem, bits), 100), bits)


@pytest.mark.parametrize("modulation", MODULATIONS)
def test_symbols_have_unit_power(modulation: str) -> None:
    modem = DigitalModem(ModemConfig(modulation=modulation, coding="none"))
    x = modem.modulate(random_bits(4, 48_000), csi(4))
    assert x.dtype == torch.complex64
    # Uniform points; the standard deviation of |x|² is below 0.62 for square QAM. Five sigma.
    assert x.abs().square().mean().item() == pytest.approx(1, abs=5 * 0.62 / x.numel() ** 0.5)


def test_every_image_is_decoded_at_its_own_snr() -> None:
    modem = DigitalModem(ModemConfig())
    bits = random_bits(3, 5000)
    snr = torch.tensor([10.0, 0.3, 10.0])
    channel = AwgnConfig().build(generator=torch.Generator().manual_seed(1))
    decoded = modem.demodulate(channel.apply(modem.modulate(bits, Csi(snr)), snr), 5000)
    errors, blocks = modem.block_errors(bits, decoded)
    assert (errors.tolist(), blocks) == ([0, 1, 0], 1)


def test_block_errors_without_coding_are_image_errors() -> None:
    modem = DigitalModem(ModemConfig(coding="none"))
    bits = random_bits(2, 20_001)
    other = bits.clone()
    other[1, 20_000] ^= 1
    errors, blocks = modem.block_errors(bits, other)
    assert (errors.tolist(), blocks) == ([0, 1], 1)


def test_uncoded_channel_uses() -> None:
    modem = DigitalModem(ModemConfig(modulation="64qam", coding="none"))
    assert [modem.channel_uses(size) for size in (1, 6, 7, 600)] == [1, 1, 2, 100]


def test_symbols_that_need_gradients_can_be_demodulated() -> None:
    modem = DigitalModem(ModemConfig(coding="none"))
    bits = random_bits(1, 10)
    x = modem.modulate(bits, csi(1)).requires_grad_()
    received = AwgnConfig().build().apply(x, torch.tensor([1e6]))
    assert torch.equal(modem.demodulate(received, 10), bits)


@pytest.mark.parametrize(
    ("bits", "error", "message"),
    [
        (torch.zeros(2, 8), TypeError, "uint8"),
        (torch.zeros(2, 8, dtype=torch.bool), TypeError, "uint8"),
        (torch.full((2, 8), 2, dtype=torch.uint8), ValueError, "0 or 1, got 2"),
        (torch.zeros(8, dtype=torch.uint8), ValueError, r"\[B, n\]"),
        (torch.zeros(2, 0, dtype=torch.uint8), ValueError, r"\[B, n\]"),
    ],
)
def test_bad_bits_are_refused(bits, error, message) -> None:
    with pytest.raises(error, match=message):
        DigitalModem(ModemConfig()).modulate(bits, csi(2))


def test_wrong_sizes_are_refused() -> None:
    modem = DigitalModem(ModemConfig())
    received = through_the_air(modem, random_bits(2, 100))
    with pytest.raises(ValueError, match="90 bits take 90 symbols with this modem, got 100"):
        modem.demodulate(received, 90)
    with pytest.raises(ValueError, match="at least one bit"):
        modem.channel_uses(0)
    with pytest.raises(ValueError, match="one shape"):
        modem.block_errors(random_bits(2, 100), random_bits(2, 90))
