"""Error rates that the modem predicts against blocks that it really decodes."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.optimize import brentq

from semsim.channels.coding import mcs_table
from semsim.channels.config import AwgnConfig, ChannelConfig, OfdmTdlConfig, RayleighConfig
from semsim.link.adaptation import payload_error_rate, plan_payload
from semsim.link.air import Air, PowerRule
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.rng import Streams
from semsim.types import Csi
from semsim.units import db_to_linear

TOLERANCE_DB = 0.3


def measured(
    options: dict, bits: int, snr_db: float, images: int, channel: ChannelConfig | None = None
) -> float:
    """The share of payloads in error."""
    # The same payloads and fades at every SNR and either way.
    streams = Streams(8).child(str(bits))
    modem = DigitalModem(ModemConfig(**options), generator=streams.torch("modem"))
    payload = torch.randint(
        0, 2, (images, bits), dtype=torch.uint8, generator=streams.torch("payload")
    )
    snr = torch.full((images,), db_to_linear(snr_db))
    built = (channel or AwgnConfig()).build(generator=streams.torch("channel"))
    received = modem.transmit(payload, Csi(snr), Air(built, snr, PowerRule()))
    # A block whose CRC alone is damaged fails as well.
    assert received.failed[received.block_errors > 0].all(), "a CRC missed an error"
    return received.failed.double().mean().item()


def snr_db_of(target: float, table: int, index: int, bits: int) -> float:
    """The SNR at which the modem predicts ``target``."""
    mcs = mcs_table(table)[index]
    segments = plan_payload(bits, mcs).segments

    def off(snr_db: float) -> float:
        return payload_error_rate(mcs, segments, db_to_linear(snr_db), Csi(torch.ones(1))) - target

    return brentq(off, -15.0, 35.0, xtol=1e-3)


# Sizes between those that were measured, one and two blocks, QPSK to 256-QAM.
CASES = [(2, 1, 400), (2, 8, 1000), (1, 19, 3000), (2, 24, 600), (2, 16, 9000)]


@pytest.mark.parametrize(("table", "index", "bits"), CASES)
def test_predictions_are_right_within_three_tenths_of_a_decibel(table, index, bits) -> None:
    """Blocks really decoded 0.3 dB above the SNR of 10 % fail less often, 0.3 dB below more."""
    middle_db = snr_db_of(0.1, table, index, bits)
    options = {"mcs": index, "mcs_table": table}
    images = max(16, min(120, 120_000 // bits))
    # Three standard deviations of a share of 10 %.
    spread = 3 * math.sqrt(0.1 * 0.9 / images)
    assert measured(options, bits, middle_db + TOLERANCE_DB, images) < 0.1 + spread
    # Steep curves are far above 10 % here; half of the prediction is three deviations for others.
    mcs = mcs_table(table)[index]
    lower = db_to_linear(middle_db - TOLERANCE_DB)
    segments = plan_payload(bits, mcs).segments
    predicted = payload_error_rate(mcs, segments, lower, Csi(torch.ones(1)))
    assert measured(options, bits, middle_db - TOLERANCE_DB, images) > min(0.1, predicted / 2)


@pytest.mark.parametrize(("target", "images"), [(0.1, 200), (0.01, 600)])
def test_the_mcs_chosen_keeps_its_target_and_the_next_would_not(target, images) -> None:
    options = {"mcs": "adaptive", "mcs_table": 2, "target_bler": target}
    modem = DigitalModem(ModemConfig(**options))
    threshold_db = snr_db_of(target, 2, 7, 500) + TOLERANCE_DB + 0.01
    ((plan, _),) = modem.plan(500, Csi(torch.tensor([db_to_linear(threshold_db)])))
    assert plan.mcs.index == 7
    # Three standard deviations of the share.
    most = target + 3 * math.sqrt(target / images)
    assert measured(options, 500, threshold_db, images) < most
    assert measured({"mcs": 8, "mcs_table": 2}, 500, threshold_db, images) > most


FADING = [
    (RayleighConfig(block=1), 8.0),
    (OfdmTdlConfig(model="C", delay_spread_s=1e-6, speed_m_per_s=30.0), 6.0),
]


@pytest.mark.parametrize(("channel", "start_db"), FADING, ids=lambda v: getattr(v, "kind", ""))
def test_effective_snr_is_right_where_every_symbol_fades_apart(channel, start_db) -> None:
    """Abstracted and decoded error rates cross 50 % within 0.3 dB of each other."""

    def crossing_db(fidelity: str) -> float:
        options = {"mcs": 6, "mcs_table": 2, "fidelity": fidelity}
        low, high = start_db - 4, start_db + 4
        while high - low > 0.15:
            middle = (low + high) / 2
            failing = measured(options, 1000, middle, 40, channel)
            low, high = (middle, high) if failing > 0.5 else (low, middle)
        return (low + high) / 2

    # Bisection stops at 0.15 dB, and 40 payloads place the middle of a curve of spread 0.4 dB
    # within 0.1 dB.
    assert crossing_db("abstracted") == pytest.approx(crossing_db("link"), abs=TOLERANCE_DB + 0.1)


def test_incremental_redundancy_gains_more_than_repetition() -> None:
    """Two transmissions of a rate above 1/2 need less than half the SNR of one (3.01 dB)."""
    options = {"mcs": 19, "mcs_table": 2}
    once_db = snr_db_of(0.1, 2, 19, 1000)
    twice = {**options, "retransmissions": 1}
    assert measured(options, 1000, once_db - 4.0, 12) == 1.0
    for fidelity in ("link", "abstracted"):
        assert measured({**twice, "fidelity": fidelity}, 1000, once_db - 4.0, 12) == 0.0
        assert measured({**twice, "fidelity": fidelity}, 1000, once_db - 11.0, 12) == 1.0
