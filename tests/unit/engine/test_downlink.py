import numpy as np
import pytest
import torch

from semsim import load_channel, load_codec, load_source
from semsim.engine.budget import Budget
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.engine.downlink import Downlink, nearest_rate
from semsim.errors import AllocationError
from semsim.link.link import Link
from semsim.types import Allocation, Rate

USERS = 3


@pytest.fixture(scope="module")
def engine() -> Downlink:
    cell = CellConfig(bandwidth_hz=5000, power_w=1)
    codec = load_codec({"kind": "classical", "rhos": [0.03, 0.1171875]})
    return Downlink(
        users_distance_m=lambda rng: rng.uniform(10, 100, USERS),
        links=lambda generator: [Link(codec, load_channel("awgn"))] * USERS,
        source=load_source({"kind": "photos", "size": 64}),
        budget=Budget(cell, ComputeConfig(), (3, 64, 64)),
    )


def equal(rho: float) -> Allocation:
    return Allocation(
        rho=np.full(USERS, rho), b_hz=np.full(USERS, 5000 / 3), p_w=np.full(USERS, 1 / 3)
    )


def test_the_same_seed_gives_the_same_slots(engine: Downlink) -> None:
    first = engine.reset(7)
    a = [engine.step(equal(0.1171875)), engine.step(equal(0.1171875))]
    second = engine.reset(7)
    b = [engine.step(equal(0.1171875)), engine.step(equal(0.1171875))]
    assert np.array_equal(first.gain, second.gain)
    assert [record.columns for record in a] == [record.columns for record in b]
    assert a[0].columns["gain_db"] != a[1].columns["gain_db"]
    assert not np.array_equal(engine.reset(8).gain, first.gain)


def test_draws_do_not_depend_on_the_allocation(engine: Downlink) -> None:
    engine.reset(7)
    engine.step(equal(0.1171875))
    after_one = engine.observe()
    engine.reset(7)
    engine.step(equal(0.03))
    assert np.array_equal(engine.observe().gain, after_one.gain)


def test_snr_delay_and_energy_are_those_of_the_budget(engine: Downlink) -> None:
    gain = engine.reset(1).gain
    columns = engine.step(equal(0.1171875)).columns
    noise_w = 10 ** (-174 / 10) / 1000 * 5000 / 3
    snr = gain / 3 / noise_w
    assert columns["snr_db"] == pytest.approx(10 * np.log10(snr))
    rho = columns["rho_sent"][0]
    rate_bps = 5000 / 3 * np.log2(1 + snr)
    transmit_s = rho * 3 * 64 * 64 * 8 / rate_bps
    assert columns["transmit_s"] == pytest.approx(transmit_s)
    assert columns["delay_s"] == pytest.approx(transmit_s + np.array(columns["compute_s"]))
    assert columns["modem_air_s"] == pytest.approx(np.array(columns["channel_uses"]) / (5000 / 3))


def test_images_arrive_in_the_users_order(engine: Downlink) -> None:
    engine.reset(2)
    mixed = Allocation(
        rho=np.array([0.1171875, 0.03, 0.1171875]),
        b_hz=np.full(USERS, 1000.0),
        p_w=np.full(USERS, 0.1),
    )
    record = engine.step(mixed)
    assert record.columns["rho_sent"] == pytest.approx([0.1171875, 0.03, 0.1171875], rel=1e-3)
    error = (record.received - record.source.image).square().mean(dim=(1, 2, 3))
    shuffled = (record.received.roll(1, 0) - record.source.image).square().mean(dim=(1, 2, 3))
    assert (error < shuffled).all()
    assert record.columns["psnr_db"][1] < record.columns["psnr_db"][0] + 20
    by_hand = -10 * torch.log10(error)
    assert record.columns["psnr_db"] == pytest.approx(by_hand.tolist(), abs=0.1)


def test_an_allocation_for_other_users_is_refused(engine: Downlink) -> None:
    with pytest.raises(AllocationError, match="3 users"):
        engine.step(Allocation(rho=np.ones(2), b_hz=np.ones(2), p_w=np.ones(2)))


def test_the_nearest_rate() -> None:
    offered = [Rate(str(rho), (3, 8, 8), "bits", 1, rho) for rho in (0.01, 0.03, 0.1)]
    found = [nearest_rate(offered, rho).rho for rho in (0.001, 0.01, 0.02, 0.029999, 0.5)]
    assert found == [0.01, 0.01, 0.01, 0.03, 0.1]
