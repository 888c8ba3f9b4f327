"""What a cell may say, and how it is told that it may not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from semsim.engine.config import (
    CellConfig,
    IndependentFading,
    LogDistance,
    RuralMacro,
    UrbanMicro,
)


def cell(**change: Any) -> CellConfig:
    return CellConfig.model_validate({"bandwidth_hz": 1, "power_w": 1} | change)


def test_the_default_is_the_paper_s_cell() -> None:
    assert cell().propagation == LogDistance(reference_gain_db=-30, path_loss_exponent=2)
    assert cell().fading == IndependentFading(rician_k=10)
    assert cell().rate == "shannon"


@pytest.mark.parametrize("model", ["umi", "uma", "rma"])
@pytest.mark.parametrize("fading", ["gauss_markov", "jakes"])
def test_a_cell_survives_being_written_down(model: str, fading: str) -> None:
    wanted = cell(propagation={"model": model}, fading={"model": fading, "slot_s": 1e-3})
    assert wanted.propagation.model == model
    assert wanted.fading.model == fading
    assert CellConfig.model_validate(wanted.model_dump(mode="json")) == wanted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bandwidth_hz": 0}, "bandwidth_hz"),
        ({"power_w": -1}, "power_w"),
        ({"rician_k": 10}, "rician_k\n  Extra inputs"),
        ({"fading": {"model": "independent", "rician_k": -1}}, r"fading\.independent\.rician_k"),
        ({"fading": {"model": "jakes"}}, r"slot_s\n  Field required"),
        ({"propagation": {"model": "inh"}}, "'log_distance', 'umi', 'uma', 'rma'"),
        ({"propagation": {"model": "umi", "path_loss_exponent": 2}}, "umi.path_loss_exponent"),
        ({"propagation": {"model": "uma", "user_height_m": 25}}, "less than or equal to 22.5"),
        (
            {"propagation": {"model": "umi", "user_height_m": 12}},
            r"'bs_height_m' \(10\) must be above 'user_height_m' \(12\); raise it",
        ),
        (
            {"carrier_hz": 40e9, "propagation": {"model": "rma"}},
            r"'carrier_hz' is 4e\+10, but rma holds from 5e\+08 to 3e\+10; change it",
        ),
    ],
)
def test_impossible_cells_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        cell(**change)


def test_lines_of_sight_carry_farther_in_the_country() -> None:
    assert UrbanMicro().reach_m == (10, 5_000)
    assert RuralMacro().reach_m == (35, 5_000)
    assert RuralMacro(line_of_sight="always").reach_m == (35, 10_000)
