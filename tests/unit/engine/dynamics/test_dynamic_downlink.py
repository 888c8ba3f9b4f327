import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from semsim import load_channel, load_codec, load_source
from semsim.engine.budget import Budget
from semsim.engine.config import CellConfig, ComputeConfig, FeedbackConfig
from semsim.engine.downlink import Downlink
from semsim.engine.dynamics.config import DynamicsConfig
from semsim.engine.dynamics.downlink import DynamicDownlink
from semsim.engine.dynamics.figures import ENDS
from semsim.engine.dynamics.world import World
from semsim.engine.fading import (
    against_line_of_sight,
    rician_gain,
    scatter,
    turn_rad_per_m,
    turn_rad_per_slot,
)
from semsim.engine.topology import Places, draw_places
from semsim.engine.traffic import UserSources
from semsim.errors import AllocationError
from semsim.link.link import Link
from semsim.rng import Streams
from semsim.types import Allocation

USERS = 3
JAKES = {"model": "jakes", "slot_s": 0.1}
SHAPE = (3, 64, 64)
CODEC = load_codec({"kind": "classical", "rhos": [0.03, 0.1171875]})
LINK = Link(CODEC, load_channel("awgn"))
SOURCE = UserSources([load_source({"kind": "photos", "size": 64})] * USERS)
EVERYTHING: dict[str, Any] = {
    "mobility": {"model": "gauss_markov", "radius_m": 120, "mean_speed_m_per_s": 20},
    "traffic": {
        "model": "bursty",
        "requests_per_s": 1.5,
        "on_s": 4,
        "off_s": 4,
        "deadline_s": 2.5,
        "queue": 2,
    },
    "energy": {"capacity_j": 0.6, "harvest_w": 0.1, "packet_j": 0.05},
    "population": {"arrivals_per_s": 0.5, "mean_stay_s": 6},
}


def parts(feedback: FeedbackConfig | None = None, **cell: Any) -> dict[str, Any]:
    config = CellConfig.model_validate({"bandwidth_hz": 5000, "power_w": 1} | cell)
    return {
        "users": lambda rng: draw_places(USERS, 10, 100, rng),
        "links": lambda generator: [Link(CODEC, load_channel("awgn"))] * USERS,
        "source": SOURCE,
        "budget": Budget(config, ComputeConfig(efficiency=1e-28), SHAPE),
        "feedback": feedback,
    }


def make(
    slot_s: float = 1.0, feedback: FeedbackConfig | None = None, cell: Any = None, **dynamics: Any
) -> DynamicDownlink:
    config = DynamicsConfig.model_validate(dynamics)
    return DynamicDownlink(config, slot_s, **parts(feedback, **(cell or {})))


def share(rho: float = 0.1171875, power_w: float = 1.0, b_hz: float = 5000) -> Allocation:
    return Allocation(
        np.full(USERS, rho), np.full(USERS, b_hz / USERS), np.full(USERS, power_w / USERS)
    )


def test_with_slots_long_enough_it_is_the_static_downlink() -> None:
    dynamic, static = make(slot_s=1e6), Downlink(**parts())
    for _ in range(2):
        assert np.array_equal(dynamic.observe().gain, static.observe().gain)
        ours, theirs = dynamic.step(share()), static.step(share())
        assert ours.columns["image"] == theirs.columns["image"]
        assert ours.columns["delivered"] == [1] * USERS
        for name in ("gain_db", "snr_db", "psnr_db", "transmit_s", "delay_s", "energy_j"):
            assert ours.columns[name] == pytest.approx(theirs.columns[name], rel=1e-9), name
        assert (ours.source.image == theirs.source.image).all()


def test_all_allocations_face_the_same_world() -> None:
    one, other = make(**EVERYTHING), make(**EVERYTHING)
    rng = np.random.default_rng(0)
    images: dict[tuple[int, int, int], str] = {}
    exogenous = ("present", "distance_m", "gain_db", "arrived", "harvested_j")
    seen = set()
    for _ in range(25):
        a = one.step(share()).columns
        b = other.step(share(0.03, rng.uniform(0, 0.3), rng.uniform(100, 3000))).columns
        for name in exogenous:
            assert a[name] == b[name], name
        for columns in (a, b):
            for user in np.flatnonzero(columns["delivered"]):
                request = user, columns["request_slot"][user], columns["request_nth"][user]
                image = columns["image"][user]
                assert images.setdefault(request, image) == image, "the image of the request"
        seen.add(a["queue"] == b["queue"])
    assert False in seen, "the allocations did differ"
    first, again = make(**EVERYTHING), make(**EVERYTHING)
    again.step(share())
    again.reset(0)
    for _ in range(5):
        a, b = first.step(share()).columns, again.step(share()).columns
        assert repr(a) == repr(b), "a reset starts over"
    assert not np.array_equal(make(**EVERYTHING).reset(1).gain, make(**EVERYTHING).observe().gain)


@pytest.mark.parametrize("seed", range(3))
def test_requests_and_joules_are_accounted_for(seed: int) -> None:
    engine = make(**EVERYTHING)
    engine.reset(seed)
    rng = np.random.default_rng(seed)
    queue, energy_j = np.zeros(USERS, dtype=int), 0.6
    totals = dict.fromkeys(("arrived", *ENDS), 0)
    for _ in range(40):
        state = engine.observe()
        assert state.waiting is not None
        columns = engine.step(share(power_w=rng.uniform(0, 1), b_hz=rng.uniform(50, 5000))).columns
        count = {name: np.array(columns[name]) for name in ("arrived", *ENDS)}
        ended = sum(count[name] for name in ENDS)
        queue = queue + count["arrived"] - ended
        assert columns["queue"] == queue.tolist()
        assert columns["waiting"] == state.waiting.queue.tolist()
        assert (queue <= 2).all()
        assert not count["arrived"][~np.array(columns["present"])].any()
        energy_j += columns["harvested_j"][0] - columns["spilled_j"][0] - sum(columns["energy_j"])
        assert columns["energy_left_j"][0] == pytest.approx(energy_j, abs=1e-12)
        assert 0 <= energy_j + 1e-12 <= 0.6 + 2e-12
        delay_s = np.array(columns["delay_s"])
        assert (delay_s[count["delivered"] > 0] <= 2.5).all()
        assert np.isnan(delay_s[count["delivered"] == 0]).all()
        totals = {name: totals[name] + int(count[name].sum()) for name in totals}
    assert all(totals.values()), f"everything happens: {totals}"


def test_an_empty_battery_sends_nothing_and_says_so() -> None:
    engine = make(energy={"capacity_j": 0.05})
    columns = [engine.step(share()).columns for _ in range(3)]
    assert [c["battery_empty"][0] for c in columns] == [True, True, True]
    assert sum(columns[0]["energy_j"]) == pytest.approx(0.05)
    assert columns[0]["delivered"] == [0] * USERS
    assert engine.observe().active is not None
    assert not engine.observe().active.any()  # type: ignore[union-attr]
    for later in columns[1:]:
        assert later["energy_j"] == later["transmit_s"] == later["power_w"] == [0.0] * USERS
        assert later["rate"] == [""] * USERS


def test_an_image_over_several_slots_meets_the_mean_channel() -> None:
    engine = make(slot_s=0.1, traffic={"model": "full_buffer", "queue": 1})
    allocations = [share(), share(0.03, 0.01, 2500), share(0.03, 1e-4), share()]
    uses = bits = on_air = energy_j = 0.0
    slot = 0
    for allocation in allocations:
        gain = engine.observe().gain[0]
        columns = engine.step(allocation).columns
        b, p = allocation.b_hz[0], allocation.p_w[0]
        rate = b * math.log2(1 + p * gain / (b * engine.budget.noise_psd_w_per_hz))
        air = columns["transmit_s"][0]
        uses, bits, on_air = uses + b * air, bits + rate * air, on_air + air
        energy_j += columns["energy_j"][0] - p * air
        assert columns["rho_sent"][0] == 0.1171875, "as it was begun"
        if columns["delivered"][0]:
            break
        slot += 1
        assert air == pytest.approx(0.1)
        assert columns["psnr_db"][0] != columns["psnr_db"][0], "NaN"
    assert slot == 3
    assert bits == pytest.approx(0.1171875 * 8 * 3 * 64 * 64)
    mean_db = 10 * math.log10(2 ** (bits / uses) - 1)
    # Measured on some thousand noise samples.
    assert columns["snr_measured_db"][0] == pytest.approx(mean_db, abs=0.3)
    compute_s = float(engine.budget.compute_time_s(0.1171875))
    assert columns["delay_s"][0] == pytest.approx(0.1 * slot + air + compute_s)
    assert energy_j == pytest.approx(float(engine.budget.compute_energy_j(0.1171875)))


def test_what_comes_too_late_is_not_delivered() -> None:
    compute_s = float(make().budget.compute_time_s(0.1171875))
    traffic = {"model": "full_buffer", "queue": 4, "deadline_s": compute_s / 2}
    columns = make(traffic=traffic, slot_s=1e3).step(share()).columns
    assert columns["sent"] == [1.0] * USERS
    assert columns["delivered"] == [0] * USERS
    assert columns["expired"] == [1] * USERS
    assert all(energy_j > 0 for energy_j in columns["energy_j"])
    engine = make(traffic={"model": "full_buffer", "queue": 4, "deadline_s": 2.0})
    nothing = share(power_w=0.0)
    counts = [engine.step(nothing).columns for _ in range(5)]
    assert [c["expired"][0] for c in counts] == [0, 0, 1, 1, 1]
    assert [c["queue"][0] for c in counts] == [1, 2, 2, 2, 2]
    assert [c["age_s"][0] for c in counts] == [0, 1, 1, 1, 1]


def test_modem_rates_are_the_planned_ones() -> None:
    engine = make(slot_s=1e3, cell={"rate": "mcs"})
    columns = engine.step(share()).columns
    rate = CODEC.rates(SHAPE)[-1]
    assert columns["transmit_s"] == pytest.approx([LINK.channel_uses(rate, 30.0) / (5000 / 3)] * 3)
    assert columns["transmit_s"] == pytest.approx(np.array(columns["channel_uses"]) / (5000 / 3))


def test_stale_reports_are_of_where_users_were() -> None:
    late, prompt = make(feedback=FeedbackConfig(delay_slots=2), **EVERYTHING), make(**EVERYTHING)
    true = []
    for slot in range(5):
        true.append(prompt.observe().gain)
        assert np.array_equal(late.observe().gain, true[max(slot - 2, 0)])
        late.step(share())
        prompt.step(share())


def test_path_loss_follows_the_place() -> None:
    mobility = {"model": "random_waypoint", "radius_m": 100, "speed_m_per_s": (30, 40)}
    engine = make(mobility=mobility)
    before = None
    for _ in range(6):
        columns = engine.step(share()).columns
        distance_m = np.array(columns["distance_m"])
        expected_db = 30 + 20 * np.log10(np.maximum(distance_m, 1))
        assert columns["path_loss_db"] == pytest.approx(expected_db)
        if before is not None:
            assert (np.abs(distance_m - before) <= 40).all()
        before = distance_m
    assert (engine.observe().distance_m <= 100).all()


@pytest.mark.parametrize("model", ["jakes", "gauss_markov"])
def test_whoever_moves_fades_by_the_way_gone(model: str) -> None:
    """Along a leg at a constant speed, as the cell's fading with that speed."""
    fading = {"model": model, "slot_s": 0.1, "speed_m_per_s": 3.0, "rician_k": 0.0}
    cell = CellConfig.model_validate({"bandwidth_hz": 1, "power_w": 1, "fading": fading})
    walk = {"model": "random_waypoint", "radius_m": 1e6, "speed_m_per_s": (3, 3)}
    config = DynamicsConfig.model_validate({"mobility": walk})
    places = Places(np.full((1, 4), 50.0), np.zeros((1, 4)))
    world, plain = World(config, 0.1, cell, places, Streams(1)), scatter(cell, (4,), Streams(1))
    for _ in range(6):
        fading_gain = world.gain / world.large_scale.gain
        assert fading_gain[0] == pytest.approx(rician_gain(plain.parts, 0.0), rel=1e-9)
        world.advance()
        plain.advance(turn_rad_per_slot(cell))


def test_users_turn_against_the_line_of_sight() -> None:
    parts = scatter(CellConfig(bandwidth_hz=1, power_w=1), (1,), Streams(0)).parts
    quarter, whole = (
        against_line_of_sight(parts, np.array([turn])) for turn in (math.pi / 2, 2 * math.pi)
    )
    assert quarter == pytest.approx(np.stack([-parts[1], parts[0]]))
    assert whole == pytest.approx(parts)
    cell = CellConfig(bandwidth_hz=1, power_w=1, carrier_hz=3e9)
    assert turn_rad_per_m(cell) * 299_792_458 / 3e9 == pytest.approx(2 * math.pi)


def test_bad_allocations_are_refused() -> None:
    engine = make()
    with pytest.raises(AllocationError, match="3 users"):
        engine.step(Allocation(np.ones(2), np.ones(2), np.ones(2)))
    with pytest.raises(AllocationError, match="leave out 'mcs'"):
        engine.step(replace(share(), mcs=np.zeros(USERS, dtype=np.int64)))
    with pytest.raises(AllocationError, match="p_w must be finite and not negative"):
        engine.step(share(power_w=-1.0))


def test_a_street_canyon_stays_while_users_walk_through_it() -> None:
    mobility = {"model": "random_waypoint", "radius_m": 120, "speed_m_per_s": (1, 2)}
    engine = make(slot_s=0.1, mobility=mobility, cell={"propagation": {"model": "umi"}})
    rows = [engine.step(share(power_w=0.0)).columns for _ in range(12)]
    shadowing_db = np.array([row["shadowing_db"] for row in rows])
    sight = np.array([row["line_of_sight"] for row in rows])
    same = sight[1:] == sight[:-1]
    assert same.mean() > 0.9
    # 0.2 m of at least 10 m: √(2(1 - e^(-0.02))) of at most 7.82 dB, five times.
    assert np.abs(np.diff(shadowing_db, axis=0)[same]).max() < 5 * 1.6
    assert (np.diff(shadowing_db, axis=0) != 0).all()
    engine.reset(0)
    assert engine.step(share(power_w=0.0)).columns["shadowing_db"] == rows[0]["shadowing_db"]


def worlds(count: int, seed: int, propagation: dict[str, str]) -> World:
    cell = CellConfig.model_validate(
        {"bandwidth_hz": 1, "power_w": 1, "propagation": propagation, "fading": JAKES}
    )
    places = draw_places(count * USERS, 50, 100, np.random.default_rng(seed))
    wide = Places(places.distance_m.reshape(count, -1), places.bearing_rad.reshape(count, -1))
    config = DynamicsConfig.model_validate(EVERYTHING)
    return World(config, 0.1, cell, wide, Streams(seed))


PROPAGATIONS = [{"model": "log_distance"}, {"model": "uma"}]
DRAWN = ("distance_m", "gain", "present", "requests")


@pytest.mark.parametrize("propagation", PROPAGATIONS)
def test_a_world_can_be_sent_elsewhere(propagation: dict[str, str]) -> None:
    ours = worlds(2, 3, propagation)
    ours.advance()
    theirs = pickle.loads(pickle.dumps(ours))  # noqa: S301
    for _ in range(3):
        ours.advance()
        theirs.advance()
        for name in DRAWN:
            assert np.array_equal(getattr(ours, name), getattr(theirs, name))


@pytest.mark.parametrize("propagation", PROPAGATIONS)
def test_some_cells_can_begin_anew_beside_others(propagation: dict[str, str]) -> None:
    ours, plain = (worlds(3, 3, propagation) for _ in range(2))
    for each in (ours, plain):
        each.advance()
    fresh = worlds(1, 4, propagation)
    ours.put([1], fresh)
    for name in DRAWN:
        assert np.array_equal(getattr(ours, name)[[1]], getattr(fresh, name))
    for each in (ours, plain):
        each.advance()
    for name in ("distance_m", "gain"):
        found, expected = getattr(ours, name), getattr(plain, name)
        assert np.array_equal(found[[0, 2]], expected[[0, 2]])
        assert not np.array_equal(found[1], expected[1])
    # 2 m of a walk in the surroundings of the cell that it began in.
    assert ours.distance_m[1] == pytest.approx(fresh.distance_m[0], abs=12)
    terrain = fresh._terrain
    assert terrain is not None
    there = terrain.at(Places(ours.distance_m[[1]], ours.bearing_rad[[1]]))
    assert np.array_equal(there.gain[0], ours.large_scale.gain[1])
