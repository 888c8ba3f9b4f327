"""Queues, service and battery by hand, by invariants, and in torch as in numpy."""

import math
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsim.engine.dynamics.energy import charge, until_empty
from semsim.engine.dynamics.queue import NOBODY, Queues, drop, empty, overdue, push
from semsim.engine.dynamics.service import Offer, serve


def offer(air_s: Any, p_w: Any = 0.0, compute_j: Any = 0.0, rho: float = 0.1) -> Offer:
    air_s = np.asarray(air_s, dtype=float)
    one = np.ones_like(air_s)
    return Offer(rho * one, air_s, p_w * one, compute_j * one, 1e3 * one, 5e3 * one, 4e3 * one)


def plenty() -> Any:
    return np.asarray(math.inf)


def waiting(queues: Queues) -> list[list[tuple[int, int]]]:
    """Slot and number of the requests of every user, the oldest first."""
    found = []
    for user in range(queues.length.shape[0]):
        ring = [(queues.head[user] + i) % queues.born.shape[-1] for i in range(queues.length[user])]
        found.append([(int(queues.born[user, i]), int(queues.nth[user, i])) for i in ring])
    return found


def test_first_in_first_out_in_a_limited_queue() -> None:
    queues = empty(np.zeros(2), 3)
    queues, over = push(queues, 0, np.array([2, 0]))
    assert over.tolist() == [0, 0]
    queues, over = push(queues, 4, np.array([3, 1]))
    assert over.tolist() == [2, 0]
    assert waiting(queues) == [[(0, 0), (0, 1), (4, 0)], [(4, 0)]]
    assert queues.length.tolist() == [3, 1]
    assert queues.age(6).tolist() == [6, 2]
    queues = drop(queues, np.array([2, 0]))
    assert waiting(queues) == [[(4, 0)], [(4, 0)]]
    queues, over = push(queues, 7, np.array([4, 2]))  # round the end of the ring
    assert over.tolist() == [2, 0]
    assert waiting(queues) == [[(4, 0), (7, 0), (7, 1)], [(4, 0), (7, 0), (7, 1)]]
    queues = drop(queues, np.array([1, 2]))
    assert [values.tolist() for values in queues.oldest()] == [[7, 7], [0, 1]]
    nobody = drop(queues, np.array([2, 1]))
    assert nobody.length.tolist() == [0, 0]
    assert nobody.age(9).tolist() == [0, 0]
    assert [values.tolist() for values in nobody.oldest()] == [[NOBODY] * 2, [0, 0]]


@given(data=st.data(), places=st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_a_ring_is_a_list(data: Any, places: int) -> None:
    queues, lists = empty(np.zeros(2), places), [[], []]
    pair = st.lists(st.integers(0, 3), min_size=2, max_size=2)
    for slot in range(data.draw(st.integers(1, 12))):
        leaving = np.minimum(data.draw(pair), queues.length)
        queues = drop(queues, leaving)
        count = np.array(data.draw(pair))
        queues, over = push(queues, slot, count)
        for user in range(2):
            del lists[user][: leaving[user]]
            joined = [(slot, nth) for nth in range(count[user])]
            lists[user] += joined[: places - len(lists[user])]
        assert waiting(queues) == lists
        assert (count - over == [sum(s == slot for s, _ in own) for own in lists]).all()
        late = [sum(slot - s >= 2 for s, _ in own) for own in lists]
        assert overdue(queues, slot, 2.0).tolist() == late


def test_requests_are_overdue_at_their_deadline() -> None:
    queues, _ = push(empty(np.zeros(1), 4), 0, np.array([2]))
    queues, _ = push(queues, 2, np.array([1]))
    assert overdue(queues, 2, 0.3 / 0.1).tolist() == [0]
    assert 0.3 / 0.1 < 3, "rounding would have it sooner"
    assert overdue(queues, 3, 0.3 / 0.1).tolist() == [2]
    assert overdue(queues, 5, 3.0).tolist() == [3]
    assert overdue(queues, 5, math.inf).tolist() == [0]


def test_an_image_takes_as_many_slots_as_it_needs() -> None:
    queues, _ = push(empty(np.zeros(1), 2), 0, np.array([2]))
    first = serve(queues, offer([2.0], p_w=3.0, compute_j=0.5), plenty(), 1.0)
    assert first.air_s.tolist() == [1.0]
    assert not first.done[0]
    assert first.queues.sent.tolist() == [0.5]
    assert first.queues.rho.tolist() == [0.1]
    assert first.energy_j.tolist() == [3 + 0.25]
    # The channel is four times as fast now: half an image takes a quarter of a second.
    second = serve(first.queues, offer([0.5], p_w=3.0, compute_j=0.5), plenty(), 1.0)
    assert second.air_s.tolist() == [0.25]
    assert second.done[0]
    assert second.energy_j.tolist() == [0.75 + 0.25]
    assert second.queues.uses.tolist() == [1250]
    assert second.queues.bits.tolist() == [6250]
    assert second.queues.told_bits.tolist() == [5000]
    after = drop(second.queues, second.done.astype(int))
    for name in ("sent", "rho", "uses", "bits", "told_bits"):
        assert getattr(after, name).tolist() == [0], name
    assert after.length.tolist() == [1]


def test_who_is_given_nothing_waits() -> None:
    queues, _ = push(empty(np.zeros(1), 2), 0, np.array([1]))
    served = serve(queues, offer([math.inf], p_w=1.0, compute_j=1.0), np.asarray(2.0), 1.0)
    assert not served.done[0]
    assert served.energy_j.tolist() == [0]
    assert served.queues.rho.tolist() == [0], "not begun"
    assert float(served.left_j) == 2.0
    assert not served.empty


def test_a_battery_runs_empty_for_all_at_once() -> None:
    # 2 W for 1 s and 4 W for 3 s; after 1 s, 6 J are spent, and 4 W go on.
    wanted, power = np.array([3.0, 1.0]), np.array([4.0, 2.0])
    for energy_j, expected in ((14.0, [3, 1]), (10.0, [2, 1]), (6.0, [1, 1]), (3.0, [0.5, 0.5])):
        air_s, ran_out = until_empty(wanted, power, np.asarray(energy_j))
        assert air_s == pytest.approx(expected)
        assert bool(ran_out) == (energy_j < 14)
    air_s, ran_out = until_empty(wanted, power, np.asarray(0.0))
    assert air_s.tolist() == [0, 0]
    assert ran_out


def test_a_harvest_beyond_the_capacity_is_lost() -> None:
    held, lost = charge(np.array([1.0, 2.5]), np.array([0.5, 1.0]), 3.0)
    assert held.tolist() == [1.5, 3.0]
    assert lost.tolist() == [0.0, 0.5]


numbers = st.floats(0, 10)


@given(data=st.data(), users=st.integers(1, 6), energy_j=numbers)
@settings(max_examples=200, deadline=None)
def test_no_more_is_spent_than_there_is(data: Any, users: int, energy_j: float) -> None:
    several = st.lists(numbers, min_size=users, max_size=users)
    wanted, power = np.array(data.draw(several)), np.array(data.draw(several))
    air_s, ran_out = until_empty(wanted, power, np.asarray(energy_j))
    assert (air_s >= 0).all()
    assert (air_s <= wanted).all()
    spent = float((air_s * power).sum())
    # Rounding of a few sums of up to 600 J.
    if ran_out:
        assert spent == pytest.approx(energy_j, abs=1e-11)
        cut = air_s < wanted
        assert np.ptp(air_s[cut]) == 0 if cut.any() else True, "all stop together"
    else:
        assert (air_s == wanted).all()
        assert spent <= energy_j + 1e-11


def a_long_day(xp: Any, seed: int, like: Any, slots: int = 60) -> tuple[Queues, dict[str, Any]]:
    """Run queues under random traffic, service and harvests; return them and all counts."""
    rng = np.random.default_rng(seed)
    shape = tuple(like.shape)
    queues = empty(like, 3)
    energy = like[..., 0] + 5.0
    counts = dict.fromkeys(("arrived", "overflowed", "expired", "done", "left"), like * 0)
    ledger = energy * 0 + 5.0
    for slot in range(slots):
        gone = xp.asarray(rng.uniform(size=shape) < 0.02)
        gone_count = xp.where(gone, queues.length, 0 * queues.length)
        queues = drop(queues, gone_count)
        late = overdue(queues, slot, 4.0)
        arrivals = xp.asarray(rng.poisson(0.7, shape))
        queues, over = push(drop(queues, late), slot, arrivals)
        harvest = xp.asarray(rng.uniform(0, 3, shape[:-1]))
        energy, lost = charge(energy, harvest, 6.0)
        air = xp.asarray(rng.uniform(0.2, 3.0, shape))
        air = xp.where(queues.length > 0, air, air + math.inf)
        power = xp.asarray(rng.uniform(0, 2, shape))
        now = Offer(like + 0.1, air, power, like + 0.3, like + 1e3, like + 5e3, like + 4e3)
        served = serve(queues, now, energy, 1.0)
        ledger = ledger + harvest - lost - served.energy_j.sum(-1)
        energy = served.left_j
        queues = drop(served.queues, xp.where(served.done, 1 + 0 * over, 0 * over))
        for name, count in (
            ("arrived", arrivals), ("overflowed", over), ("expired", late),
            ("done", served.done), ("left", gone_count),
        ):  # fmt: skip
            counts[name] = counts[name] + count
    return queues, counts | {"energy": energy, "ledger": ledger}


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_every_request_is_accounted_for(seed: int) -> None:
    queues, counts = a_long_day(np, seed, np.zeros((2, 4)))
    ended = counts["done"] + counts["expired"] + counts["overflowed"] + counts["left"]
    assert np.array_equal(counts["arrived"], ended + queues.length)
    assert counts["done"].sum() > 0
    # What is left is what came and was not spent, to the rounding of 60 slots.
    assert counts["energy"] == pytest.approx(counts["ledger"], abs=1e-12)
    for name in ("sent", "rho", "uses", "bits", "told_bits"):
        assert (getattr(queues, name)[queues.length == 0] == 0).all(), "nobody is half sent"


def test_batches_and_torch_do_what_numpy_does_drop_by_drop() -> None:
    like = np.zeros((3, 5))
    in_numpy, counts = a_long_day(np, 7, like)
    in_torch, torch_counts = a_long_day(torch, 7, torch.zeros(3, 5, dtype=torch.float64))
    for field in fields(Queues):
        ours, theirs = getattr(in_numpy, field.name), getattr(in_torch, field.name).numpy()
        assert np.allclose(ours, theirs, rtol=1e-12, atol=0), field.name
    for name, value in counts.items():
        assert np.allclose(value, torch_counts[name].numpy(), rtol=1e-12), name
