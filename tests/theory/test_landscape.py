"""Shadowing and line of sight over the plane against 3GPP TR 38.901."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from semsim.channels.landscape import Field, Landscape
from semsim.channels.large_scale import Surroundings


def landscape(seed: int = 0, **options: Any) -> Landscape:
    given = {"model": "umi", "carrier_hz": 3.5e9, "bs_height_m": 10.0, "user_height_m": 1.5}
    surroundings = Surroundings(**(given | options))  # type: ignore[arg-type]
    return Landscape(surroundings, torch.Generator().manual_seed(seed))


def test_a_field_forgets_as_the_standard_says() -> None:
    rng = np.random.default_rng(0)
    count, fields = 40, 500
    pairs = {lag: [] for lag in (0.0, 0.3, 1.0, 3.0)}
    values = []
    for seed in range(fields):
        field = Field(torch.Generator().manual_seed(seed))
        place = rng.uniform(0, 1e4, (count, 2))
        here = field.at(place)
        values.append(here)
        for lag, products in pairs.items():
            bearing = rng.uniform(0, 2 * math.pi, count)
            step = lag * np.stack([np.cos(bearing), np.sin(bearing)], -1)
            products.append(here * field.at(place + step))
    for lag, products in pairs.items():
        # 20,000 products of deviation √2 at most, far apart or of other fields.
        assert np.mean(products) == pytest.approx(math.exp(-lag), abs=4 * math.sqrt(2 / 20_000))
    assert np.mean(np.power(values, 4)) == pytest.approx(3, abs=4 * math.sqrt(96 / 20_000))


@pytest.mark.parametrize(
    ("model", "sight", "deviation_db", "distance_m"),
    [
        ("umi", "always", 4.0, 10.0),
        ("umi", "never", 7.82, 13.0),
        ("uma", "always", 4.0, 37.0),
        ("uma", "never", 6.0, 50.0),
        ("rma", "never", 8.0, 120.0),
    ],
)
def test_shadowing_has_its_deviation_and_distance(
    model: str, sight: Any, deviation_db: float, distance_m: float
) -> None:
    """Tables 7.4.1-1 and 7.5-6."""
    heights = {"umi": 10.0, "uma": 25.0, "rma": 35.0}
    # Each on a ray of its own, and a step of one correlation distance further out.
    bearing = np.linspace(0, 2 * math.pi, 16, endpoint=False)
    near, far = np.full(16, 1000.0), np.full(16, 1000.0 + distance_m)
    rows = []
    for seed in range(125):
        made = landscape(seed, model=model, bs_height_m=heights[model], line_of_sight=sight)
        found = made.at(np.concatenate([near, far]), np.concatenate([bearing, bearing]))
        assert found.gain == pytest.approx(10 ** ((found.shadowing_db - found.path_loss_db) / 10))
        rows.append(found.shadowing_db)
    here, there = np.array(rows)[:, :16], np.array(rows)[:, 16:]
    # 2000 draws.
    assert here.std() == pytest.approx(deviation_db, rel=4 / math.sqrt(2 * 2000))
    together = np.mean(here * there) / deviation_db**2
    assert together == pytest.approx(math.exp(-1), abs=4 * 1.1 / math.sqrt(2000))


def test_lines_of_sight_are_as_likely_as_the_table_has_it() -> None:
    distances = np.array([15.0, 40.0, 120.0])
    around = np.array([0.0, 2.0, 4.0])
    seen = [landscape(seed).at(distances, around).line_of_sight for seed in range(300)]
    expected = [1.0] + [18 / d + math.exp(-d / 36) * (1 - 18 / d) for d in (40.0, 120.0)]
    assert np.mean(seen, axis=0) == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(300))


def test_a_landscape_stays_where_it_is() -> None:
    made = landscape()
    way = np.linspace(30.0, 200.0, 1701)  # a user who walks away, 0.1 m a slot
    walked = made.at(way, np.full(way.shape, 0.5))
    again = made.at(way[::-1].copy(), np.full(way.shape, 0.5))
    assert np.array_equal(walked.gain, again.gain[::-1])
    changes = np.flatnonzero(np.diff(walked.line_of_sight.astype(int)))
    assert changes.size < 60, "not drawn anew every slot"
    steady = np.diff(walked.line_of_sight.astype(int)) == 0
    # √(2(1 - e^(-0.01))) of 7.82 dB is 1.1 dB a step.
    assert np.abs(np.diff(walked.shadowing_db)[steady]).max() < 6 * 1.2
    static = landscape(shadowing=False, line_of_sight="always").at(way, np.zeros(way.shape))
    assert (static.shadowing_db == 0).all()
    assert (np.diff(static.path_loss_db) > 0).all()


def test_nobody_walks_through_walls() -> None:
    with pytest.raises(ValueError, match="outdoors"):
        landscape(indoor_share=0.5)
