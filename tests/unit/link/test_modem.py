import pytest
import torch

from semsim.channels.coding import Mcs, Segments
from semsim.channels.config import AwgnConfig, RayleighConfig
from semsim.link.air import Air, PowerRule
from semsim.link.coder import Coder, Plan, block_errors
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem, grouped, merged
from semsim.types import Csi, ReceivedBits

MODULATIONS = ["qpsk", "16qam", "64qam", "256qam"]


def random_bits(batch: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(size)
    return torch.randint(0, 2, (batch, size), dtype=torch.uint8, generator=generator)


def through_the_air(
    modem: DigitalModem, bits: torch.Tensor, snr: float | torch.Tensor = 1e4, channel=None
) -> tuple[ReceivedBits, Air]:
    snrs = torch.as_tensor(snr).expand(len(bits)).contiguous()
    channel = (channel or AwgnConfig()).build(generator=torch.Generator().manual_seed(1))
    air = Air(channel, snrs, PowerRule())
    return modem.transmit(bits, Csi(snrs), air), air


def uses(modem: DigitalModem, size: int) -> int:
    ((plan, _),) = modem.plan(size, Csi(torch.ones(1)))
    return plan.uses


@pytest.mark.parametrize("modulation", MODULATIONS)
@pytest.mark.parametrize("coding", ["ldpc", "none"])
@pytest.mark.parametrize("size", [1, 2, 13, 999, 9001])
def test_round_trip(modulation: str, coding: str, size: int) -> None:
    modem = DigitalModem(ModemConfig(modulation=modulation, coding=coding))
    bits = random_bits(3, size)
    received, air = through_the_air(modem, bits)
    assert received.bits.dtype == torch.uint8
    assert torch.equal(received.bits, bits)
    assert received.block_errors.tolist() == [0, 0, 0]
    assert received.failed is None if coding == "none" else not received.failed.any()
    audit = air.audit(1, received.block_errors)
    assert audit.channel_uses.tolist() == [uses(modem, size)] * 3


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.3, 1 / 3, 0.5, 0.75, 0.92])
def test_round_trip_at_every_rate(rate: float) -> None:
    modem = DigitalModem(ModemConfig(modulation="16qam", code_rate=rate))
    bits = random_bits(2, 4001)
    received, _ = through_the_air(modem, bits)
    assert torch.equal(received.bits, bits)
    # 24 bits of CRC a block; at rates of 1/4 and less the 4001 bits make two blocks.
    crc = 48 if rate <= 0.25 else 24
    assert uses(modem, 4001) == pytest.approx((4001 + crc) / (4 * rate), rel=2e-3)


@pytest.mark.parametrize("table", [1, 2, 3])
def test_round_trip_at_every_mcs(table: int) -> None:
    bits = random_bits(1, 300)
    for index in range(28 if table == 2 else 29):
        modem = DigitalModem(ModemConfig(mcs=index, mcs_table=table))
        received, _ = through_the_air(modem, bits)
        assert torch.equal(received.bits, bits), index


def test_long_payload() -> None:
    modem = DigitalModem(ModemConfig(modulation="256qam"))
    bits = random_bits(1, 200_000)
    received, _ = through_the_air(modem, bits)
    # 24 blocks of 8334 bits and 24 of CRC; 16 716 coded bits fill 2089.5 symbols, so 2090.
    assert uses(modem, 200_000) == 24 * 2090
    assert torch.equal(received.bits, bits)
    assert received.blocks == 24


def test_blocks_in_error_are_counted_where_they_are() -> None:
    segments = Segments(blocks=24, k=8358, n=16720, crc=24)
    bits = random_bits(1, 200_000)
    wrong = bits.clone()
    wrong[0, 8334] ^= 1
    wrong[0, 8335] ^= 1
    wrong[0, -1] ^= 1
    assert block_errors(bits, wrong, segments).tolist() == [2]
    assert block_errors(bits, bits, segments).tolist() == [0]


def test_parts_of_a_large_batch_are_put_together_in_order(monkeypatch) -> None:
    modem = DigitalModem(ModemConfig())
    bits = random_bits(7, 100)
    whole, _ = through_the_air(modem, bits)
    monkeypatch.setattr("semsim.link.coder._BITS_AT_ONCE", 250)
    parts, _ = through_the_air(modem, bits)
    assert torch.equal(parts.bits, bits)
    assert torch.equal(whole.bits, bits)


@pytest.mark.parametrize("modulation", MODULATIONS)
def test_symbols_have_unit_power(modulation: str) -> None:
    modem = DigitalModem(ModemConfig(modulation=modulation, coding="none"))
    ((plan, _),) = modem.plan(48_000, Csi(torch.ones(4)))
    x = modem.coder(plan).modulate(random_bits(4, 48_000))
    assert x.dtype == torch.complex64
    # Uniform points; the standard deviation of |x|² is below 0.62 for square QAM. Five sigma.
    assert x.abs().square().mean().item() == pytest.approx(1, abs=5 * 0.62 / x.numel() ** 0.5)


def test_symbols_that_the_blocks_leave_over_have_unit_power_and_carry_nothing() -> None:
    plan = Plan(Segments(blocks=3, k=100, n=200, crc=24), Mcs(-1, 2, 0.5), uses=302)
    coder = Coder(plan)
    bits = random_bits(2, 3 * 76)
    x = coder.modulate(bits)
    assert x.shape == (2, 302)
    torch.testing.assert_close(x.abs(), torch.ones(2, 302))
    received = AwgnConfig().build().apply(x, torch.full((2,), 1e4))
    received.x[:, 300:] = 0
    decoded, failed = coder.demodulate(received)
    assert torch.equal(decoded, bits)
    assert not failed.any()


def test_every_image_is_decoded_at_its_own_snr() -> None:
    modem = DigitalModem(ModemConfig())
    received, _ = through_the_air(modem, random_bits(3, 5000), torch.tensor([10.0, 0.3, 10.0]))
    assert (received.block_errors.tolist(), received.blocks) == ([0, 1, 0], 1)
    assert received.failed.tolist() == [False, True, False]


def test_uncoded_channel_uses() -> None:
    modem = DigitalModem(ModemConfig(modulation="64qam", coding="none"))
    assert [uses(modem, size) for size in (1, 6, 7, 600)] == [1, 1, 2, 100]


def test_a_crc_notices_any_single_wrong_bit() -> None:
    plan = Plan(Segments(blocks=1, k=60, n=120, crc=16), Mcs(-1, 2, 0.5), uses=60)
    coder = Coder(plan)
    block = coder._crc.append(random_bits(60, 44)[:1].expand(60, -1))
    assert coder._crc.holds(block).all()
    assert not coder._crc.holds(block ^ torch.eye(60, dtype=torch.uint8)).any()


@pytest.mark.parametrize("fidelity", ["link", "abstracted"])
def test_only_what_fails_is_sent_again_and_mended(fidelity: str) -> None:
    config = ModemConfig(mcs=10, mcs_table=2, retransmissions=3, fidelity=fidelity)
    modem = DigitalModem(config, generator=torch.Generator().manual_seed(2))
    bits = random_bits(4, 6000)
    # 16-QAM at rate 0.64 needs some 10 dB: 6 dB do with the second transmission.
    snr = torch.tensor([1e3, 4.0, 1e3, 4.0])
    received, air = through_the_air(modem, bits, snr)
    assert torch.equal(received.bits, bits)
    assert not received.failed.any()
    once = uses(modem, 6000)
    audit = air.audit(1, received.block_errors)
    assert audit.channel_uses.tolist() == [once, 2 * once, once, 2 * once]
    # The mean of m noise powers (exponential, mean 1) has standard deviation 1/√m.
    ratio = audit.snr_measured / snr
    assert ((ratio - 1).abs() < 5 / audit.noise_samples.sqrt()).all()


def test_without_retransmissions_what_fails_is_lost() -> None:
    modem = DigitalModem(ModemConfig(mcs=10, mcs_table=2))
    received, _ = through_the_air(modem, random_bits(2, 6000), 4.0)
    assert received.failed.all()
    assert received.block_errors.tolist() == [1, 1]


def test_the_mcs_rises_with_the_snr_image_by_image() -> None:
    modem = DigitalModem(ModemConfig(mcs="adaptive", mcs_table=1))
    bits = random_bits(3, 3000)
    snr = torch.tensor([1.0, 1000.0, 30.0])
    plans = {int(rows): plan for plan, rows in modem.plan(3000, Csi(snr))}
    rates = [plans[i].mcs.efficiency for i in range(3)]
    assert rates[0] < rates[2] < rates[1]
    received, air = through_the_air(modem, bits, snr)
    assert torch.equal(received.bits, bits)
    taken = air.audit(1, received.block_errors).channel_uses.tolist()
    assert taken == [plans[i].uses for i in range(3)]


def test_images_of_one_snr_share_a_plan() -> None:
    plan = DigitalModem(ModemConfig()).plan(10, Csi(torch.ones(1)))[0][0]
    ((found, rows),) = grouped(Csi(torch.tensor([3.0, 1.0, 3.0])), lambda snr: plan)
    assert (found, rows.tolist()) == (plan, [0, 1, 2])


def test_parts_go_back_to_their_places() -> None:
    one = ReceivedBits(torch.tensor([[1, 1]]).byte(), torch.tensor([2]), 4, torch.tensor([True]))
    two = ReceivedBits(torch.zeros(2, 2).byte(), torch.zeros(2), 1, torch.tensor([False, False]))
    both = merged([(torch.tensor([1]), one), (torch.tensor([0, 2]), two)], 3)
    assert both.bits.tolist() == [[0, 0], [1, 1], [0, 0]]
    assert both.failed.tolist() == [False, True, False]
    assert (both.block_errors / both.blocks).tolist() == [0.0, 0.5, 0.0]


def test_abstracted_blocks_fail_under_fading_where_the_gain_is_low() -> None:
    config = ModemConfig(mcs=5, mcs_table=2, fidelity="abstracted")
    modem = DigitalModem(config, generator=torch.Generator().manual_seed(3))
    bits = random_bits(400, 2000)
    channel = RayleighConfig()
    received, _ = through_the_air(modem, bits, 10.0, channel)
    gain = (
        channel.build(generator=torch.Generator().manual_seed(1))
        .apply(torch.ones(400, uses(modem, 2000), dtype=torch.complex64), torch.full((400,), 10.0))
        .gain[:, 0]
    )
    assert gain[received.failed].max() < 2 * gain[~received.failed].min()
    assert (received.bits != bits).any(dim=1).equal(received.failed)


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
        through_the_air(DigitalModem(ModemConfig()), bits)


def test_wrong_sizes_are_refused() -> None:
    plan = Plan(Segments(blocks=1, k=60, n=120, crc=16), Mcs(-1, 2, 0.5), uses=60)
    with pytest.raises(ValueError, match="45 bits do not fit into the plan's 44"):
        Coder(plan).modulate(random_bits(2, 45))
    with pytest.raises(ValueError, match="at least one bit"):
        DigitalModem(ModemConfig()).plan(0, Csi(torch.ones(1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mcs": 3, "modulation": "qpsk"}, "'mcs' sets modulation already"),
        ({"mcs": 28, "mcs_table": 2}, "ends at 27"),
        ({"mcs": 3, "coding": "none"}, "need coding: ldpc"),
        ({"retransmissions": 1, "coding": "none"}, "need coding: ldpc"),
        ({"fidelity": "abstracted"}, "needs 'mcs'"),
        ({"fidelity": "abstracted", "mcs": 3, "iterations": 10}, "20 iterations"),
    ],
)
def test_contradictions_are_refused(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        ModemConfig(**options)
