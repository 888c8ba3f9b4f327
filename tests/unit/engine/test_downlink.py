from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from semsim import load_channel, load_codec, load_source
from semsim.engine.budget import Budget
from semsim.engine.config import CellConfig, ComputeConfig, FeedbackConfig
from semsim.engine.downlink import Downlink, SlotRecord, nearest_rate
from semsim.engine.fading import rician_gain
from semsim.engine.topology import draw_places
from semsim.engine.traffic import UserSources
from semsim.errors import AllocationError
from semsim.link.link import Link
from semsim.rng import Streams
from semsim.types import Allocation, Rate

USERS = 3


CLASSICAL = {"kind": "classical", "rhos": [0.03, 0.1171875]}


def make(
    feedback: FeedbackConfig | None = None, coded: dict[str, Any] = CLASSICAL, **cell: Any
) -> Downlink:
    config = CellConfig.model_validate({"bandwidth_hz": 5000, "power_w": 1} | cell)
    codec = load_codec(coded)
    return Downlink(
        users=lambda rng: draw_places(USERS, 10, 100, rng),
        links=lambda generator: [Link(codec, load_channel("awgn"))] * USERS,
        source=UserSources([load_source({"kind": "photos", "size": 64})] * USERS),
        budget=Budget(config, ComputeConfig(efficiency=1e-28), (3, 64, 64)),
        feedback=feedback,
    )


@pytest.fixture(scope="module")
def engine() -> Downlink:
    return make()


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


def test_streams_of_different_lengths_are_charged_as_long_as_they_are() -> None:
    pytest.importorskip("constriction")
    downlink = make(coded={"kind": "ftsc", "scalings": ["[4,2]"], "index_code": "entropy"})
    gain = downlink.reset(1).gain
    allocation = equal(0.03)
    columns = downlink.step(allocation).columns
    bits = np.array(columns["bits_arrived"])
    assert len(set(bits)) == USERS  # three photographs
    assert (bits < 2880).all()  # of [4,2] at 64×64 at a fixed length
    on_air = np.array(columns["rho_air"])
    assert on_air == pytest.approx(bits / (8 * 3 * 64 * 64))
    expected = downlink.budget.transmit_time_s(on_air, gain, allocation.b_hz, allocation.p_w)
    assert columns["transmit_s"] == pytest.approx(expected)


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


def test_a_perfect_report_is_the_gain_itself(engine: Downlink) -> None:
    observed = engine.reset(3).gain
    columns = engine.step(equal(0.03)).columns
    assert columns["gain_db"] == (10 * np.log10(observed)).tolist()
    assert columns["snr_reported_db"] == columns["snr_db"]


def test_a_late_report_is_the_gain_of_an_earlier_slot() -> None:
    late, prompt = make(FeedbackConfig(delay_slots=2)), make()
    observed, true, columns = [], [], []
    for _ in range(5):
        observed.append(late.observe().gain)
        true.append(prompt.observe().gain)
        columns.append(late.step(equal(0.03)).columns)
        prompt.step(equal(0.03))
    for slot, source in enumerate((0, 0, 0, 1, 2)):
        assert np.array_equal(observed[slot], true[source])
        assert columns[slot]["gain_db"] == (10 * np.log10(true[slot])).tolist()
        believed = np.array(columns[slot]["snr_db"]) + 10 * np.log10(true[source] / true[slot])
        assert columns[slot]["snr_reported_db"] == pytest.approx(believed)
    assert not np.array_equal(true[2], true[0])


def test_a_wrong_report_misleads_allocator_and_link_alike() -> None:
    engine = make(FeedbackConfig(error_db=3))
    observed = engine.observe().gain
    columns = engine.step(equal(0.03)).columns
    error_db = 10 * np.log10(observed) - np.array(columns["gain_db"])
    assert (np.abs(error_db) > 1e-3).all()
    assert columns["snr_reported_db"] == pytest.approx(np.array(columns["snr_db"]) + error_db)
    measured = np.array(columns["snr_measured_db"])
    assert measured == pytest.approx(columns["snr_db"], abs=0.5), "the air is not misled"


def test_the_link_is_told_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make(FeedbackConfig(error_db=3))
    told = []
    transmit = Link.transmit

    def listen(self: Link, *args: Any, reported_db: torch.Tensor, **kwargs: Any) -> Any:
        told.extend(reported_db.tolist())
        return transmit(self, *args, reported_db=reported_db, **kwargs)

    monkeypatch.setattr(Link, "transmit", listen)
    assert engine.step(equal(0.03)).columns["snr_reported_db"] == told


def starved() -> tuple[SlotRecord, SlotRecord, Allocation]:
    """One slot charged at Shannon's rate and at the modem's; user 1 has too little power."""
    allocation = equal(0.1171875)
    allocation.p_w[1] = 1e-12
    shannon, mcs = make(), make(rate="mcs")
    return shannon.step(allocation), mcs.step(allocation), allocation


def test_the_modem_s_rate_is_charged_where_asked_for() -> None:
    shannon, mcs, allocation = starved()
    air_s = np.array(mcs.columns["channel_uses"]) / allocation.b_hz
    compute_s = np.array(mcs.columns["compute_s"])
    compute_j = 1e-28 * 1.35e9**3 * compute_s
    assert mcs.columns["transmit_s"] == mcs.columns["modem_air_s"] == pytest.approx(air_s)
    assert mcs.columns["delay_s"] == pytest.approx(air_s + compute_s)
    assert mcs.columns["energy_j"] == pytest.approx(allocation.p_w * air_s + compute_j)
    charged = {"transmit_s", "delay_s", "energy_j"}
    for name, column in shannon.columns.items():
        assert (column != mcs.columns[name]) == (name in charged), name


def test_rates_are_those_of_the_air() -> None:
    record, _, allocation = starved()
    columns = record.columns
    snr = 10 ** (np.array(columns["snr_db"]) / 10)
    shannon_bps = allocation.b_hz * np.log2(1 + snr)
    assert columns["rate_shannon_bps"] == pytest.approx(shannon_bps)
    payload = columns["rho_sent"][0] * 3 * 64 * 64 * 8
    arrived = np.where(columns["outage"], 0, payload)
    assert columns["outage"] == [False, True, False]
    achieved_bps = arrived / np.array(columns["modem_air_s"])
    assert columns["rate_achieved_bps"] == pytest.approx(achieved_bps)
    assert (np.array(columns["rate_achieved_bps"]) < shannon_bps).all()


def test_street_canyons_show_in_the_table() -> None:
    engine = make(propagation={"model": "umi"}, fading={"model": "jakes", "slot_s": 1e-3})
    first, second = engine.step(equal(0.03)).columns, engine.step(equal(0.03)).columns
    for name in ("path_loss_db", "shadowing_db", "line_of_sight", "indoor"):
        assert first[name] == second[name], "drawn once a drop"
    fading_db = np.array(first["gain_db"]) + first["path_loss_db"] - first["shadowing_db"]
    assert (np.abs(fading_db) < 30).all()
    assert first["gain_db"] != second["gain_db"]
    # A millisecond at 1.5 m/s: the gain has hardly moved.
    assert first["gain_db"] == pytest.approx(second["gain_db"], abs=1.5)


def test_only_users_in_line_of_sight_are_rician() -> None:
    engine = make(propagation={"model": "umi"}, fading={"model": "independent", "rician_k": 10})
    seen = set()
    for seed in (0, 1, 2):
        engine.reset(seed)
        columns = engine.step(equal(0.03)).columns
        large_scale_db = np.array(columns["shadowing_db"]) - columns["path_loss_db"]
        k = np.where(columns["line_of_sight"], 10.0, 0.0)
        draws = Streams(seed).child("slot", 0).numpy("fading").standard_normal((2, USERS))
        expected_db = large_scale_db + 10 * np.log10(rician_gain(draws, k))
        assert columns["gain_db"] == pytest.approx(expected_db)
        seen |= set(columns["line_of_sight"])
    assert seen == {True, False}


def test_an_allocation_for_other_users_is_refused(engine: Downlink) -> None:
    with pytest.raises(AllocationError, match="3 users"):
        engine.step(Allocation(rho=np.ones(2), b_hz=np.ones(2), p_w=np.ones(2)))


def test_users_may_be_given_an_mcs_each() -> None:
    engine = make()
    allocation = replace(equal(0.03), mcs=np.array([2, 9, 2]))
    columns = engine.step(allocation).columns
    assert columns["mcs"] == [2, 9, 2]
    slow, fast, other = columns["channel_uses"]
    assert slow == other
    # 308 and 616 of 1024 with 2 and 4 bits a symbol, table 2.
    assert slow / fast == pytest.approx((4 * 616) / (2 * 308), rel=0.03)
    assert "mcs" not in engine.step(equal(0.03)).columns


def test_the_nearest_rate() -> None:
    offered = [Rate(str(rho), (3, 8, 8), "bits", 1, rho) for rho in (0.01, 0.03, 0.1)]
    found = [nearest_rate(offered, rho).rho for rho in (0.001, 0.01, 0.02, 0.029999, 0.5)]
    assert found == [0.01, 0.01, 0.01, 0.03, 0.1]
