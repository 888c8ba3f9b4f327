"""Payloads of different lengths in one batch: each takes the channel uses that it needs."""

import pytest
import torch

from semsim.channels.config import AwgnConfig
from semsim.link.air import Air, PowerRule
from semsim.link.config import ModemConfig
from semsim.link.link import Link
from semsim.link.modem import DigitalModem
from semsim.types import BitPayload, Csi, Output, Rate, Received, ReceivedBits, Source

WIDTH = 900
LENGTHS = torch.tensor([200, 900, 64, 200, 1])


def payload(seed: int = 0) -> torch.Tensor:
    bits = torch.randint(
        2, (len(LENGTHS), WIDTH), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8
    )
    return bits * (torch.arange(WIDTH) < LENGTHS.unsqueeze(1))


def sent(
    snr_db: float | list[float], lengths: torch.Tensor | None, **modem: object
) -> tuple[ReceivedBits, Air, DigitalModem]:
    snr = (10 ** (torch.tensor(snr_db) / 10)).expand(len(LENGTHS))
    channel = AwgnConfig().build(generator=torch.Generator().manual_seed(1))
    air = Air(channel, snr, PowerRule())
    made = DigitalModem(
        ModemConfig.model_validate(modem), generator=torch.Generator().manual_seed(2)
    )
    return made.transmit(payload(), Csi(snr), air, lengths), air, made


@pytest.mark.parametrize(
    "modem",
    [
        {},
        {"coding": "none"},
        {"modulation": "16qam", "code_rate": 0.75},
        {"mcs": "adaptive"},
        {"mcs": 5, "fidelity": "abstracted"},
        {"mcs": 9, "retransmissions": 2},
    ],
)
def test_each_row_takes_what_its_length_takes(modem: dict[str, object]) -> None:
    received, air, made = sent(25.0, LENGTHS, **modem)
    assert torch.equal(received.bits, payload())
    assert not received.block_errors.any()
    csi = Csi(torch.tensor([10**2.5]))
    planned = [made.plan(int(length), csi)[0][0].uses for length in LENGTHS]
    audit = air.audit(1, torch.zeros(len(LENGTHS)))
    assert audit.channel_uses.tolist() == planned
    assert len(set(planned)) == 4
    assert torch.allclose(audit.power, torch.ones(len(LENGTHS)), atol=1e-5)


def test_the_crc_is_of_each_row_s_own_blocks() -> None:
    received, _, _ = sent([25.0, -10.0, 25.0, -10.0, 25.0], LENGTHS)
    assert received.failed.tolist() == [False, True, False, True, False]
    assert received.block_errors.bool().tolist() == [False, True, False, True, False]
    assert torch.equal(received.bits[[0, 2, 4]], payload()[[0, 2, 4]])
    beyond = torch.arange(WIDTH) >= LENGTHS.unsqueeze(1)
    assert not received.bits[beyond].any()


def test_without_a_code_nobody_knows_of_failures() -> None:
    assert sent(0.0, LENGTHS, coding="none")[0].failed is None


def test_equal_lengths_are_as_if_none_were_given() -> None:
    whole = torch.full((len(LENGTHS),), WIDTH)
    one, two = sent(2.0, whole)[0], sent(2.0, None)[0]
    assert torch.equal(one.bits, two.bits)
    assert torch.equal(one.failed, two.failed)
    assert one.blocks == two.blocks


@pytest.mark.parametrize("wrong", [[1, 2, 3], [1, 2, 3, 4, 0], [1, 2, 3, 4, WIDTH + 1]])
def test_wrong_lengths_are_refused(wrong: list[int]) -> None:
    with pytest.raises(ValueError, match=f"lengths must be 5 numbers of 1 to {WIDTH}"):
        sent(10.0, torch.tensor(wrong))


class _Streams(torch.nn.Module):
    def rates(self, shape: tuple[int, int, int]) -> tuple[Rate, ...]:
        return (Rate("only", shape, "bits", WIDTH, 0.1),)

    def encode(self, source: Source, csi: Csi, rate: Rate) -> BitPayload:
        return BitPayload(payload(), LENGTHS)

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:
        assert isinstance(received, ReceivedBits)
        assert torch.equal(received.bits, payload())
        return Output(image=torch.zeros(len(LENGTHS), *rate.shape))


def test_the_link_charges_the_length_it_tells() -> None:
    modem = DigitalModem(ModemConfig(coding="none", modulation="qpsk"))
    link = Link(_Streams(), AwgnConfig().build(generator=torch.Generator().manual_seed(0)), modem)
    audit = link.transmit(torch.zeros(len(LENGTHS), 3, 8, 8), 30.0).audit
    # A length up to 900 takes 10 bits, a channel use each (QPSK, rate 1/2).
    assert audit.channel_uses.tolist() == [100 + 10, 450 + 10, 32 + 10, 100 + 10, 1 + 10]
    assert link.channel_uses(link.choose(Source(torch.zeros(1, 3, 8, 8)), None), 30.0) == 450
