from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from semsim.engine.config import CellConfig
from semsim.engine.fading import rician_gain, scatter, turn_rad_per_slot
from semsim.rng import Streams
from semsim.types import Array

USERS = 4
MODELS = ("independent", "gauss_markov", "jakes")


def cell(model: str, **options: Any) -> CellConfig:
    if model != "independent":
        options = {"slot_s": 2e-3} | options
    return CellConfig.model_validate(
        {"bandwidth_hz": 1, "power_w": 1, "fading": {"model": model} | options}
    )


def slots(config: CellConfig, count: int, seed: int = 0) -> list[Array]:
    """The parts of ``count`` slots, ``[2, USERS]`` each."""
    process, found = scatter(config, (USERS,), Streams(seed)), []
    for _ in range(count):
        found.append(process.parts)
        process.advance(turn_rad_per_slot(config))
    return found


@pytest.mark.parametrize("model", MODELS)
def test_scatter_depends_on_the_seed_alone(model: str) -> None:
    first, again = slots(cell(model), 4), slots(cell(model), 4)
    assert np.array_equal(first, again)
    assert first[0].shape == (2, USERS)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], slots(cell(model), 1, seed=1)[0])


@pytest.mark.parametrize("model", MODELS)
def test_cells_can_begin_anew_beside_others(model: str) -> None:
    config = cell(model, **({} if model == "independent" else {"speed_m_per_s": 3.0}))
    ours = scatter(config, (3, USERS), Streams(0))
    plain = scatter(config, (3, USERS), Streams(0))
    for each in (ours, plain):
        each.advance(0.3)
    fresh = scatter(config, (1, USERS), Streams(1))
    ours.put([1], fresh)
    assert np.array_equal(ours.parts[:, [1]], fresh.parts)
    before = ours.parts
    for each in (ours, plain):
        each.advance(0.01)
    assert np.array_equal(ours.parts[:, [0, 2]], plain.parts[:, [0, 2]])
    if model != "independent":
        # √(2(1 - J0(0.01))) is 0.007 of a deviation.
        assert ours.parts[:, 1] == pytest.approx(before[:, 1], abs=0.05)
        assert not np.array_equal(ours.parts[:, 1], before[:, 1])


def test_the_first_slot_is_a_draw_of_the_streams() -> None:
    rng = Streams(3).child("slot", 0).numpy("fading")
    drawn = slots(cell("independent"), 2, seed=3)
    assert np.array_equal(drawn, rng.standard_normal((2, 2, USERS)))


@pytest.mark.parametrize("model", ["gauss_markov", "jakes"])
def test_who_stands_still_keeps_the_fading(model: str) -> None:
    still = slots(cell(model, speed_m_per_s=0), 1000)
    assert still[-1] == pytest.approx(still[0])


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
