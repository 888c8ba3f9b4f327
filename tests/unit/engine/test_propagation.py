from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from semsim.channels.large_scale import LargeScale
from semsim.engine.config import CellConfig, LogDistance
from semsim.engine.propagation import draw_large_scale, path_gain
from semsim.engine.topology import Places
from semsim.errors import ScenarioError
from semsim.rng import Streams


def drawn(distance_m: list[float], seed: int = 0, **propagation: Any) -> LargeScale:
    cell = CellConfig.model_validate({"bandwidth_hz": 1, "power_w": 1, "propagation": propagation})
    places = Places(np.array(distance_m), np.linspace(0, 3, len(distance_m)))
    return draw_large_scale(cell, places, Streams(seed))


def test_path_gain_by_hand() -> None:
    model = LogDistance(reference_gain_db=-30, path_loss_exponent=2)
    assert path_gain(np.array([1.0, 10.0, 1000.0]), model) == pytest.approx([1e-3, 1e-5, 1e-9])


def test_log_distance_is_all_line_of_sight() -> None:
    found = drawn([1.0, 10.0], model="log_distance", path_loss_exponent=4)
    assert found.gain == pytest.approx([1e-3, 1e-7])
    assert found.path_loss_db == pytest.approx([30, 70])
    assert found.line_of_sight.all()
    assert not found.indoor.any()
    assert not found.shadowing_db.any()


@pytest.mark.parametrize("model", ["umi", "uma", "rma"])
def test_draws_depend_on_the_seed_alone(model: str) -> None:
    distances = [40.0, 300.0, 900.0, 2500.0]
    first, again = drawn(distances, model=model), drawn(distances, model=model)
    assert np.array_equal(first.gain, again.gain)
    assert np.array_equal(first.line_of_sight, again.line_of_sight)
    assert not np.array_equal(first.gain, drawn(distances, seed=1, model=model).gain)
    budget_db = first.shadowing_db - first.path_loss_db
    assert 10 * np.log10(first.gain) == pytest.approx(budget_db)


@pytest.mark.parametrize(
    ("model", "distance_m", "message"),
    [
        ("umi", 9.0, "user 1 stands 9.0 m from the sender, but umi holds from 10 to 5000 m"),
        ("uma", 5001.0, "user 1 stands 5001.0 m from the sender, but uma holds from 10 to 5000 m"),
        ("rma", 34.0, "user 1 stands 34.0 m from the sender, but rma holds from 35 to 5000 m"),
    ],
)
def test_users_beyond_a_model_s_reach_are_named(
    model: str, distance_m: float, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        drawn([100.0, distance_m], model=model)
    cell = CellConfig.model_validate(
        {"bandwidth_hz": 1, "power_w": 1, "propagation": {"model": model}}
    )
    several = np.array([[100.0, 200.0], [100.0, distance_m]])
    with pytest.raises(ScenarioError, match=message):
        draw_large_scale(cell, Places(several, np.zeros((2, 2))), Streams(0))
