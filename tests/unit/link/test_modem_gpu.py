import pytest
import torch

from semsim.channels.config import AwgnConfig, OfdmTdlConfig, RayleighConfig, RicianConfig
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.types import Csi


@pytest.mark.gpu
@pytest.mark.parametrize(
    "config",
    [AwgnConfig(), RayleighConfig(), RicianConfig(), OfdmTdlConfig()],
    ids=lambda c: c.kind,
)
def test_modem_and_channels_run_on_cuda(config) -> None:
    modem = DigitalModem(ModemConfig(), device="cuda")
    bits = torch.randint(0, 2, (4, 1000), dtype=torch.uint8, device="cuda")
    snr = torch.full((4,), 1e5, device="cuda")
    generator = torch.Generator("cuda").manual_seed(1)
    received = config.build(device="cuda", generator=generator).apply(
        modem.modulate(bits, Csi(snr)), snr
    )
    assert received.x.is_cuda
    assert received.snr_measured.is_cuda
    assert torch.equal(modem.demodulate(received, 1000), bits)
