from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from semsim.engine.config import CellConfig
from semsim.engine.fading import Scatter, rician_gain, scatter
from semsim.rng import Streams

USERS = 4
MODELS = ("independent", "gauss_markov", "jakes")


def make(model: str, seed: int = 0, **options: Any) -> Scatter:
    if model != "independent":
        options = {"slot_s": 2e-3} | options
    cell = CellConfig.model_validate(
        {"bandwidth_hz": 1, "power_w": 1, "fading": {"model": model} | options}
    )
    return scatter(cell, USERS, Streams(seed))


@pytest.mark.parametrize("model", MODELS)
def test_a_slot_s_scatter_depends_on_seed_and_number_alone(model: str) -> None:
    forth = make(model)
    in_order = [forth.at(slot) for slot in range(6)]
    other = make(model)
    for slot in (5, 2, 0, 3):
        assert np.array_equal(other.at(slot), in_order[slot])
    assert in_order[0].shape == (2, USERS)
    assert not np.array_equal(in_order[0], in_order[1])
    assert not np.array_equal(in_order[0], make(model, seed=1).at(0))


def test_independent_slots_are_the_draws_of_the_streams() -> None:
    rng = Streams(3).child("slot", 7).numpy("fading")
    assert np.array_equal(make("independent", seed=3).at(7), rng.standard_normal((2, USERS)))


@pytest.mark.parametrize("model", ["gauss_markov", "jakes"])
def test_who_stands_still_keeps_the_fading(model: str) -> None:
    still = make(model, speed_m_per_s=0)
    assert still.at(1000) == pytest.approx(still.at(0))


@pytest.mark.parametrize("k", [0.0, 1.0, 10.0])
def test_rician_moments(k: float) -> None:
    count = 400_000
    gain = rician_gain(np.random.default_rng(0).standard_normal((2, count)), k)
    variance = (2 * k + 1) / (k + 1) ** 2
    # Mean within 5 standard errors; the variance's own error is below 1 % at this count.
    assert abs(gain.mean() - 1) < 5 * np.sqrt(variance / count)
    assert gain.var() == pytest.approx(variance, rel=0.02)


def test_every_user_has_its_own_k() -> None:
    parts = np.random.default_rng(0).standard_normal((2, 3))
    k = np.array([0.0, 10.0, 1e12])
    together = rician_gain(parts, k)
    assert list(together) == [float(rician_gain(parts[:, i], k[i])) for i in range(3)]
    assert together[0] == pytest.approx((parts[:, 0] ** 2).sum() / 2)
    assert together[2] == pytest.approx(1, abs=1e-5)
