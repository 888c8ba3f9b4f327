"""The LDPC chain against the points that Sionna publishes for its 5G code."""

from __future__ import annotations

import math

import pytest
import torch

from semsim.channels.config import AwgnConfig
from semsim.link.air import Air, PowerRule
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.rng import Streams
from semsim.types import Csi
from semsim.units import db_to_linear

# 48 bits and a CRC of 16 make a block of 64.
PAYLOAD, K = 48, 64


@pytest.mark.parametrize(
    ("ebn0_db", "published", "blocks"),
    [(1.0, 0.503, 1000), (2.0, 0.155, 2000), (3.0, 0.0225, 4000)],
)
def test_block_error_rate_of_the_short_code(ebn0_db: float, published: float, blocks: int) -> None:
    """k = 64, n = 128, QPSK, 20 iterations."""
    modem = DigitalModem(ModemConfig(code_rate=0.5))
    streams = Streams(2).child("bler", int(ebn0_db))
    bits = torch.randint(
        0, 2, (blocks, PAYLOAD), dtype=torch.uint8, generator=streams.torch("payload")
    )
    # Rate 1/2 on two bits a symbol: one bit of the block a channel use, so that Es/N0 is Eb/N0.
    csi = Csi(torch.full((blocks,), db_to_linear(ebn0_db)))
    ((plan, _),) = modem.plan(PAYLOAD, csi)
    assert (plan.segments.k, plan.uses) == (K, 64)
    channel = AwgnConfig().build(generator=streams.torch("noise"))
    received = modem.transmit(bits, csi, Air(channel, csi.snr, PowerRule()))
    assert received.blocks == 1
    measured = received.block_errors.float().mean().item()
    # Three standard deviations of the binomial count, and a twentieth of the published value,
    # which is itself an estimate from a limited number of blocks.
    spread = math.sqrt(published * (1 - published) / blocks)
    assert measured == pytest.approx(published, abs=3 * spread + 0.05 * published)
