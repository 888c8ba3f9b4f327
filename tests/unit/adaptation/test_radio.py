"""What passes between the two ends, and what it is charged."""

import numpy as np
import pytest
import torch

from semsim import load_channel
from semsim.adaptation.originals import pack, unpack
from semsim.adaptation.radio import Radio
from semsim.errors import SemsimError
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem


def modem(seed: int = 0, **options: object) -> DigitalModem:
    generator = torch.Generator().manual_seed(seed)
    return DigitalModem(ModemConfig(**options), "cpu", generator)


def packets(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 2, length, dtype=np.uint8) for length in lengths]


def test_originals_survive_the_packing_to_the_last_bit() -> None:
    image = torch.rand(3, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    known = (image * 255.0).round() / 255.0
    assert torch.equal(unpack(pack(known)), known)


def test_the_ideal_channel_charges_two_bits_a_use() -> None:
    radio = Radio(None, modem(), 20.0)
    assert radio.snr_db is None
    assert radio.deliver("things", packets(100, 31)) == [True, True]
    (entry,) = radio.ledger.entries
    assert (entry.count, entry.arrived, entry.bits) == (2, 2, 131)
    assert entry.channel_uses == 50 + 16
    assert radio.ledger.seconds(33.0) == 2.0


def test_a_packet_that_fails_is_sent_again_and_charged_again() -> None:
    """At an SNR where about half of such packets fail, whole packets are repeated."""
    clear = Radio(load_channel("awgn"), modem(), 10.0)
    clear.deliver("once", packets(*[500] * 8))
    once = clear.ledger.channel_uses
    noisy = Radio(load_channel("awgn", seed=3), modem(), 1.0)
    arrived = noisy.deliver("more often", packets(*[500] * 8))
    assert all(arrived)
    assert noisy.ledger.channel_uses > once
    assert noisy.ledger.channel_uses % (once // 8) == 0, "whole packets, each as long as one"


def test_a_packet_is_given_up_in_the_end() -> None:
    radio = Radio(load_channel("awgn"), modem(), -20.0)
    assert radio.deliver("nothing", packets(500)) == [False]
    (entry,) = radio.ledger.entries
    clear = Radio(load_channel("awgn"), modem(), 20.0)
    clear.deliver("once", packets(500))
    assert entry.channel_uses == 8 * clear.ledger.channel_uses
    assert entry.arrived == 0


def test_without_a_crc_nobody_knows_what_arrived() -> None:
    radio = Radio(load_channel("awgn"), modem(coding="none"), 10.0)
    with pytest.raises(SemsimError, match="coding: ldpc"):
        radio.deliver("blind", packets(100))


def test_only_the_bits_that_are_sent_are_charged() -> None:
    bits = torch.zeros(2, 4000, dtype=torch.uint8)
    lengths = torch.tensor([400, 800])
    for channel in (None, load_channel("awgn")):
        _, short = Radio(channel, modem(), 10.0).bits(bits, lengths)
        _, full = Radio(channel, modem(), 10.0).bits(bits)
        side = 2 * (4000).bit_length()
        # 1,200 of 8,000 bits; with LDPC the CRCs come on top: 24 bits a payload.
        assert short - side == pytest.approx(0.15 * full, rel=0.05)


def test_a_channel_needs_an_snr() -> None:
    with pytest.raises(ValueError, match="SNR"):
        Radio(load_channel("awgn"), modem())
