"""Receivers that select among images, beside others, in a downlink with deadlines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from semsim import load_scenario, simulate
from semsim.codecs.mmsemcom.config import MmsemcomConfig
from semsim.engine.config import LogDistance
from semsim.engine.propagation import path_gain
from semsim.report.figures import figures
from semsim.results import Results
from semsim.scenario import DownlinkScenario
from semsim.units import db_to_linear, dbm_to_w
from tests.unit.codecs.mmsemcom.conftest import bank_folder, config, recipe, weights

__all__ = ["bank_folder", "config", "recipe", "weights"]

SHIPPED = Path(__file__).parents[2] / "scenarios/downlink_generative.yaml"


def _scenario(config: MmsemcomConfig, **fields: Any) -> DownlinkScenario:
    selects = config.model_dump(mode="json", exclude={"model"})
    webp = {"kind": "classical", "format": "webp", "headers": "agreed", "rhos": [0.3, 0.6]}
    return DownlinkScenario.model_validate(
        {
            "task": "downlink",
            "name": "generative",
            "slots": 2,
            "source": {"kind": "tinted", "size": 16},
            "codec": selects,
            "channel": {"kind": "awgn"},
            "cell": {"bandwidth_hz": 1e4, "power_w": 1},
            "users": [{"distance_m": 100, "codec": webp}, {"distance_m": 60}, {"distance_m": 90}],
            "utility": {"quality_curve": {"offset_db": 30, "slope_db": 3}},
            "allocator": {"kind": "exact"},
            **fields,
        }
    )


def _shows_candidates(results: Results) -> None:
    (shown,) = results.pictures.values()
    assert set(shown.candidates) == {1, 2}
    for user, among in shown.candidates.items():
        assert among.shape == (7, 3, 16, 16)
        assert torch.equal(among[0], shown.received[user])
    drawn = [axis for axis in figures(results)["candidates"].axes if axis.images]
    assert len(drawn) == 2 * (1 + 7)


def test_the_report_shows_what_was_chosen_among(config: MmsemcomConfig) -> None:
    utility = {
        "quality_curve": {"offset_db": 30, "slope_db": 3},
        "deadline_s": [1.0, 0.05, 0.05],
    }
    results = simulate(_scenario(config, utility=utility))
    _shows_candidates(results)
    late = results.slots["delay_s"] / results.slots["user"].map({0: 1.0, 1: 0.05, 2: 0.05})
    assert (late <= 1.001).all()


def test_so_does_that_of_a_downlink_in_time(config: MmsemcomConfig) -> None:
    dynamics = {"slot_s": 0.5, "traffic": {"model": "poisson", "requests_per_s": 20.0}}
    results = simulate(_scenario(config, slots=8, dynamics=dynamics))
    _shows_candidates(results)
    assert (results.slots["delivered"] > 0).any()


@pytest.mark.parametrize("user", [0, 1])
def test_what_the_shipped_scenario_says_of_its_deadlines(user: int) -> None:
    scenario = load_scenario(SHIPPED)
    assert isinstance(scenario, DownlinkScenario)
    cell, deadlines = scenario.cell, scenario.utility.deadline_s
    assert isinstance(deadlines, tuple)
    assert isinstance(cell.propagation, LogDistance)
    distance = scenario.users[user].range_m
    gain = float(path_gain(np.array(distance), cell.propagation))
    noise_w = cell.bandwidth_hz * dbm_to_w(cell.noise_psd_dbm_per_hz)
    snr = cell.power_w * gain / noise_w
    assert snr == pytest.approx(db_to_linear((24.4, 18.4)[user]), rel=0.05)
    bits_per_s = cell.bandwidth_hz * np.log2(1 + snr)
    webp, raw_bits = scenario.user_codecs()[4], 8 * 3 * 32 * 32
    assert min(webp.rhos) * raw_bits / bits_per_s > deadlines[user]
    # Image features: 16 symbols and the class, of 3·32·32.
    assert 17 / (3 * 32 * 32) * raw_bits / bits_per_s < deadlines[user]
