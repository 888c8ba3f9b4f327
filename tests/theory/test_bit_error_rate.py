"""Uncoded QAM through the modem and the channels against closed forms."""

from __future__ import annotations

import math

import pytest
import torch

from semsim.channels.config import AwgnConfig, RayleighConfig
from semsim.link.air import Air, PowerRule
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.rng import Streams
from semsim.types import Csi
from semsim.units import db_to_linear

ROWS, BITS = 40, 12_000

# The bit error rate is a sum of weight · Q(√(2 β Es/N0)). QPSK: one term. Gray-coded 16-QAM
# (Proakis and Salehi, Digital Communications, section 4.3): with a = √(Es/N0 / 5), the sign bit
# errs with (Q(a) + Q(3a)) / 2 and the magnitude bit with (2 Q(a) + Q(3a) - Q(5a)) / 2.
TERMS = {
    "qpsk": ((1.0, 1 / 2),),
    "16qam": ((3 / 4, 1 / 10), (1 / 2, 9 / 10), (-1 / 4, 25 / 10)),
}


def awgn_ber(modulation: str, snr: float) -> float:
    return sum(w * math.erfc(math.sqrt(beta * snr)) / 2 for w, beta in TERMS[modulation])


def rayleigh_ber(modulation: str, snr: float) -> float:
    """The mean of ``awgn_ber`` over an exponential SNR."""
    return sum(
        w * (1 - math.sqrt(beta * snr / (1 + beta * snr))) / 2 for w, beta in TERMS[modulation]
    )


def measured_ber(modulation: str, channel_config, snr: float, name: str) -> float:
    modem = DigitalModem(ModemConfig(modulation=modulation, coding="none"))
    streams = Streams(1).child(name)
    bits = torch.randint(0, 2, (ROWS, BITS), dtype=torch.uint8, generator=streams.torch("payload"))
    csi = Csi(torch.full((ROWS,), snr))
    channel = channel_config.build(generator=streams.torch("channel"))
    received = modem.transmit(bits, csi, Air(channel, csi.snr, PowerRule()))
    return (received.bits != bits).float().mean().item()


def sampling_error(modulation: str, rate: float) -> float:
    # Errors of the bits of one symbol may come together; taking them as one draw, the variance
    # is at most (bits per symbol) times that of independent bits.
    bits_per_symbol = {"qpsk": 2, "16qam": 4}[modulation]
    return 4 * math.sqrt(bits_per_symbol * rate * (1 - rate) / (ROWS * BITS))


@pytest.mark.parametrize(
    ("modulation", "snr_db"), [("qpsk", 0.0), ("qpsk", 7.0), ("16qam", 8.0), ("16qam", 14.0)]
)
def test_bit_error_rate_on_awgn(modulation: str, snr_db: float) -> None:
    snr = db_to_linear(snr_db)
    expected = awgn_ber(modulation, snr)
    measured = measured_ber(modulation, AwgnConfig(), snr, "awgn")
    assert measured == pytest.approx(expected, abs=sampling_error(modulation, expected))


@pytest.mark.parametrize(
    ("modulation", "snr_db"), [("qpsk", 5.0), ("qpsk", 20.0), ("16qam", 12.0), ("16qam", 25.0)]
)
def test_bit_error_rate_on_rayleigh(modulation: str, snr_db: float) -> None:
    snr = db_to_linear(snr_db)
    expected = rayleigh_ber(modulation, snr)
    measured = measured_ber(modulation, RayleighConfig(block=1), snr, "rayleigh")
    assert measured == pytest.approx(expected, abs=sampling_error(modulation, expected))


def test_the_tolerance_would_notice_a_quarter_of_a_decibel() -> None:
    for modulation, snr_db in (("qpsk", 7.0), ("16qam", 14.0)):
        rate = awgn_ber(modulation, db_to_linear(snr_db))
        off = awgn_ber(modulation, db_to_linear(snr_db + 0.25))
        assert abs(off - rate) > sampling_error(modulation, rate)
