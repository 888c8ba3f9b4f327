"""Traffic, queues and users who come and go against Poisson, Pollaczek-Khinchine and Erlang."""

import math

import numpy as np
import pytest

from semsim.engine.dynamics.config import (
    BurstyTraffic,
    EnergyConfig,
    FullBuffer,
    PoissonTraffic,
    PopulationConfig,
)
from semsim.engine.dynamics.energy import draw_harvest_j
from semsim.engine.dynamics.population import come_and_go, first_users
from semsim.engine.dynamics.queue import drop, empty, push
from semsim.engine.dynamics.service import Offer, serve
from semsim.engine.dynamics.traffic import Requests


def test_poisson_requests_have_the_variance_of_their_mean() -> None:
    requests = Requests(PoissonTraffic(requests_per_s=3), 0.5, (1000,))
    rng = np.random.default_rng(0)
    counts = np.array([requests.draw(rng) for _ in range(200)])
    # n = 200,000 counts of mean 1.5: the mean to √(1.5/n), the variance to √((1.5 + 2·1.5²)/n).
    assert counts.mean() == pytest.approx(1.5, abs=4 * math.sqrt(1.5 / counts.size))
    assert counts.var() == pytest.approx(1.5, abs=4 * math.sqrt(6 / counts.size))
    lag = np.mean((counts[1:] - 1.5) * (counts[:-1] - 1.5))
    assert lag == pytest.approx(0, abs=4 * 1.5 / math.sqrt(counts.size))


def test_bursts_have_their_duty_cycle_and_memory() -> None:
    on_s, off_s, slot_s, rate = 2.0, 6.0, 0.5, 8.0
    config = BurstyTraffic(requests_per_s=rate, on_s=on_s, off_s=off_s)
    requests = Requests(config, slot_s, (20_000,))
    rng = np.random.default_rng(1)
    counts = np.array([requests.draw(rng) for _ in range(30)], dtype=float)
    duty, mean = on_s / (on_s + off_s), rate * slot_s
    assert counts.mean(axis=1) == pytest.approx(duty * mean, rel=0.06), "from the first slot on"
    # Variance of a mixture: Poisson's mean, and that of being on.
    swing = duty * (1 - duty) * mean**2
    assert counts.var() == pytest.approx(duty * mean + swing, rel=0.02)
    for k in (1, 4, 12):
        together = np.mean((counts[0] - duty * mean) * (counts[k] - duty * mean))
        memory = math.exp(-k * slot_s * (1 / on_s + 1 / off_s))
        # 20,000 users: 4 √(variance²/n) of the covariance, in parts of the swing.
        assert together / swing == pytest.approx(memory, abs=4 * counts.var() / swing / 140)


def test_a_full_buffer_asks_every_slot() -> None:
    requests = Requests(FullBuffer(), 0.1, (4,))
    assert requests.draw(np.random.default_rng()).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_waiting_times_are_those_of_pollaczek_and_khinchine(load: float) -> None:
    users, slots, warm = 400, 1400, 200
    queues = empty(np.zeros(users), 60)
    nothing = np.zeros(users)
    offer = Offer(nothing + 1, nothing + 1.0, nothing, nothing, nothing, nothing, nothing)
    rng = np.random.default_rng(3)
    waited = delivered = overflowed = 0.0
    for slot in range(slots):
        queues, over = push(queues, slot, rng.poisson(load, users))
        overflowed += over.sum()
        there = queues.length > 0
        sent = Offer(**{**vars(offer), "air_s": np.where(there, 1.0, math.inf)})
        served = serve(queues, sent, np.asarray(math.inf), 1.0)
        assert (served.done == there).all(), "an image a slot"
        if slot >= warm:
            waited += queues.age(slot)[there].sum()
            delivered += there.sum()
        queues = drop(served.queues, served.done.astype(np.int64))
    assert overflowed == 0
    # M/D/1 with service of one slot: W = load/(2(1 - load)). At a load of 0.8 the number in the
    # system forgets within some 50 slots, so 400 × 1200/50 periods, 4 deviations near W.
    assert waited / delivered == pytest.approx(load / (2 * (1 - load)), rel=0.04)


def test_users_who_find_no_place_are_as_many_as_erlang_says() -> None:
    places, load, cells, slots = 4, 3.0, 500, 1500
    config = PopulationConfig(arrivals_per_s=load / 10, mean_stay_s=10.0)
    slot_s = 0.1  # so short that two things rarely happen at once
    rng = np.random.default_rng(4)
    present = first_users(config, (cells, places), rng)
    taken = turned = came = left = 0
    for slot in range(slots):
        now, gone, away = come_and_go(present, config, slot_s, rng)
        joined = now.sum(axis=-1) - present.sum(axis=-1) + gone.sum(axis=-1)
        assert (joined >= 0).all()
        assert not (gone & ~present).any()
        present = now
        if slot >= 500:  # five mean stays
            came, turned = came + joined.sum() + away.sum(), turned + away.sum()
            left, taken = left + gone.sum(), taken + now.sum()
    terms = [load**k / math.factorial(k) for k in range(places + 1)]
    blocked = terms[-1] / sum(terms)
    # 500 cells × 100 s: 15,000 arrivals. Those turned away come in clusters, say of three.
    assert came == pytest.approx(15_000, abs=4 * math.sqrt(15_000))
    assert turned / came == pytest.approx(blocked, abs=4 * math.sqrt(3 * 0.16 / 15_000))
    # A slot's rounding of the stay is one part in a hundred.
    assert taken / cells / 1000 == pytest.approx(load * (1 - blocked), rel=0.02)
    assert left == pytest.approx(came - turned, abs=4 * math.sqrt(2 * 0.7 * cells))


def test_who_comes_takes_any_free_place() -> None:
    config = PopulationConfig(arrivals_per_s=1.0, mean_stay_s=1e12)
    present = np.tile([True, False, False, False], (20_000, 1))
    now, left, _ = come_and_go(present, config, 1.0, np.random.default_rng(0))
    assert not left.any()
    assert now[:, 0].all()
    shares = now[:, 1:].mean(axis=0)
    assert shares == pytest.approx(shares.mean(), abs=4 * 0.5 / math.sqrt(20_000))
    # The first of a Poisson number with mean 1 have three places.
    expected = sum(min(k, 3) / 3 * math.exp(-1) / math.factorial(k) for k in range(20))
    assert shares.mean() == pytest.approx(expected, abs=0.01)


def test_harvests_have_their_mean_power() -> None:
    rng = np.random.default_rng(5)
    steady = EnergyConfig(capacity_j=1, harvest_w=0.4)
    assert draw_harvest_j(steady, 0.5, (2,), rng) == pytest.approx([0.2, 0.2])
    packets = EnergyConfig(capacity_j=1, harvest_w=0.4, packet_j=0.1)
    harvests = draw_harvest_j(packets, 0.5, (20_000,), rng)
    # Two packets of 0.1 J a slot on average, so a deviation of 0.1 √2.
    assert harvests.mean() == pytest.approx(0.2, abs=4 * 0.1 * math.sqrt(2 / 20_000))
    assert harvests.var() == pytest.approx(0.02, rel=0.05)
