import pytest
import torch

from semsim.channels.config import (
    AwgnConfig,
    OfdmCdlConfig,
    OfdmTdlConfig,
    RayleighConfig,
    RicianConfig,
)
from semsim.link.air import Air, PowerRule
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.types import Csi

CHANNELS = [
    AwgnConfig(),
    RayleighConfig(antennas=2),
    RayleighConfig(block=100, fading="jakes", doppler_per_block=0.01),
    RayleighConfig(block=100, fading="gauss_markov", doppler_per_block=0.01),
    RicianConfig(),
    *(
        kind(csi=csi, antennas=antennas)
        for kind in (OfdmTdlConfig, OfdmCdlConfig)
        for csi in ("perfect", "ls", "lmmse")
        for antennas in (1, 2)
    ),
]


@pytest.mark.gpu
@pytest.mark.parametrize("config", CHANNELS, ids=str)
def test_modem_and_channels_run_on_cuda(config) -> None:
    modem = DigitalModem(ModemConfig(), device="cuda")
    bits = torch.randint(0, 2, (4, 1000), dtype=torch.uint8, device="cuda")
    snr = torch.full((4,), 1e5, device="cuda")
    channel = config.build(device="cuda", generator=torch.Generator("cuda").manual_seed(1))
    air = Air(channel, snr, PowerRule())
    decoded = modem.transmit(bits, Csi(snr), air)
    assert decoded.bits.is_cuda
    assert torch.equal(decoded.bits, bits)
    audit = air.audit(values=12_288, block_error_rate=torch.zeros(4, device="cuda"))
    assert audit.snr_measured.is_cuda
