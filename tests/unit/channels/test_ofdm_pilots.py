import pytest
import torch

from semsim.channels.config import OfdmCdlConfig, OfdmTdlConfig
from semsim.channels.sionna_rng import phy

# 7 symbols of 8 subcarriers, two of them pilots: 40 resource elements for data, 16 for pilots.
SMALL = {"subcarriers": 8, "symbols_per_slot": 7, "pilot_symbols": (1, 5)}
SNR = torch.tensor([10.0, 1000.0])
KINDS = pytest.mark.parametrize("kind", [OfdmTdlConfig, OfdmCdlConfig])
ESTIMATED = pytest.mark.parametrize("csi", ["ls", "lmmse"])


def seeded(seed: int = 2) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ones(symbols: int) -> torch.Tensor:
    return torch.ones(2, symbols, dtype=torch.complex64)


@KINDS
def test_perfect_knowledge_costs_no_pilots(kind) -> None:
    assert kind(**SMALL).build().apply(ones(50), SNR).extra_uses == 0


@ESTIMATED
@pytest.mark.parametrize(
    ("symbols", "slots"), [(1, 1), (39, 1), (40, 1), (41, 2), (80, 2), (81, 3)]
)
def test_every_slot_begun_costs_all_its_pilots(csi, symbols, slots) -> None:
    received = OfdmTdlConfig(csi=csi, **SMALL).build(generator=seeded()).apply(ones(symbols), SNR)
    assert received.extra_uses == slots * 16
    assert received.noise_samples == symbols
    for part in (received.x, received.gain, received.noise_variance):
        assert part.shape == (2, symbols)


@KINDS
@ESTIMATED
@pytest.mark.parametrize("antennas", [1, 3])
def test_symbols_come_back_in_order_and_none_sits_on_a_pilot(kind, csi, antennas) -> None:
    """At 90 dB the channel of a standing user is known: any symbol lost to a pilot would show."""
    options = {"speed_m_per_s": 0.0, "csi": csi, "antennas": antennas, **SMALL}
    x = torch.arange(2 * 100).reshape(2, 100).to(torch.complex64) / 100
    received = kind(**options).build(generator=seeded()).apply(x, torch.full((2,), 1e9))
    assert (received.x - x).abs().max() < 0.02


@KINDS
@ESTIMATED
def test_gain_is_the_true_one(kind, csi) -> None:
    """Noise does not move it, and the data of a slot skips its pilots."""
    channels = [kind(csi=c, **SMALL) for c in (csi, "perfect")]
    quiet, loud = (
        channels[0].build(generator=seeded()).apply(ones(40), torch.full((2,), snr)).gain
        for snr in (1e6, 1.0)
    )
    torch.testing.assert_close(quiet, loud)
    standing = {**SMALL, "speed_m_per_s": 0.0, "csi": csi}
    gain = kind(**standing).build(generator=seeded()).apply(ones(80), SNR).gain.reshape(2, 10, 8)
    torch.testing.assert_close(gain, gain[:, :1].expand_as(gain), rtol=1e-3, atol=1e-4)


@KINDS
@ESTIMATED
def test_equal_generators_give_equal_output_and_others_do_not(kind, csi) -> None:
    build = kind(csi=csi, antennas=2, **SMALL).build
    one, two = build(generator=seeded(7)), build(generator=seeded(7))
    for _ in range(2):
        a, b = one.apply(ones(50), SNR), two.apply(ones(50), SNR)
        for part in ("x", "gain", "noise_variance", "snr_measured"):
            assert torch.equal(getattr(a, part), getattr(b, part))
    assert not torch.equal(one.apply(ones(50), SNR).x, a.x)
    assert not torch.equal(build(generator=seeded(8)).apply(ones(50), SNR).x, a.x)


@KINDS
@ESTIMATED
def test_estimators_leave_the_generators_of_torch_and_sionna_alone(kind, csi) -> None:
    ours, sionnas = torch.get_rng_state(), phy.config.torch_rng("cpu").get_state()
    kind(csi=csi, antennas=2, **SMALL).build(generator=seeded(7)).apply(ones(50), SNR)
    assert torch.equal(torch.get_rng_state(), ours)
    assert torch.equal(phy.config.torch_rng("cpu").get_state(), sionnas)


def test_lmmse_knows_more_than_ls() -> None:
    variance = {}
    for csi in ("perfect", "ls", "lmmse"):
        config = OfdmTdlConfig(csi=csi)
        x = torch.ones(20, 3456, dtype=torch.complex64)
        received = config.build(generator=seeded()).apply(x, torch.full((20,), 10.0))
        variance[csi] = float((received.noise_variance * received.gain).median())
    assert variance["perfect"] < variance["lmmse"] < 1.1 * variance["perfect"]
    assert variance["ls"] > 1.5 * variance["perfect"]


def test_one_pilot_symbol_and_one_subcarrier_are_enough() -> None:
    for csi in ("ls", "lmmse"):
        config = OfdmTdlConfig(csi=csi, subcarriers=1, symbols_per_slot=2, pilot_symbols=(0,))
        received = config.build(generator=seeded()).apply(ones(5), SNR)
        assert received.extra_uses == 5
        assert torch.isfinite(received.x.abs()).all()


def test_a_row_of_antennas_points_at_the_user() -> None:
    """Along a line of sight the gains of eight antennas add up."""
    config = OfdmCdlConfig(model="E", antennas=8, subcarriers=1, symbols_per_slot=1)
    x = torch.ones(200, 1, dtype=torch.complex64)
    gain = config.build(generator=seeded()).apply(x, torch.ones(200)).gain
    assert float((gain / 8).mean()) == pytest.approx(1, abs=0.1)
    assert float((gain / 8).std()) < 0.3
