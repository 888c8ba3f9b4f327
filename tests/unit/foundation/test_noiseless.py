"""What arrives unharmed."""

import torch

from semsim.noiseless import noiseless
from semsim.types import BitPayload, Csi, Received, ReceivedBits, SymbolPayload

CSI = Csi(torch.tensor([10.0, 20.0]))


def test_bits_arrive_as_they_are() -> None:
    bits = torch.randint(2, (2, 7), dtype=torch.uint8)
    received = noiseless(BitPayload(bits), CSI)
    assert isinstance(received, ReceivedBits)
    assert received.bits is bits
    assert received.block_errors.tolist() == [0, 0]


def test_symbols_arrive_at_unit_power() -> None:
    x = 3.0 * torch.randn(2, 9, dtype=torch.complex64)
    received = noiseless(SymbolPayload(x), CSI)
    assert isinstance(received, Received)
    assert torch.allclose(received.x.abs().square().mean(dim=1), torch.ones(2))
    assert torch.allclose(received.x / x, (received.x / x)[:, :1].expand(2, 9), atol=1e-5)
