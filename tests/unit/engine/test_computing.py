"""What coding takes, by user."""

from __future__ import annotations

import numpy as np
import pytest

from semsim.engine.budget import Budget
from semsim.engine.computing import NOTHING, Computing, FtscOperations, counted
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.types import Rate

CELL = CellConfig(bandwidth_hz=5000, power_w=50)
SHAPE = (3, 256, 256)


def rate(rho: float, encode: float, decode: float) -> Rate:
    return Rate(f"{rho}", SHAPE, "bits", 8, rho, encode, decode)


def test_ftsc_is_the_default() -> None:
    ftsc = FtscOperations(SHAPE, ComputeConfig()).computing
    one = Budget(CELL, ComputeConfig(), SHAPE)
    all_of_them = Budget(CELL, ComputeConfig(), SHAPE, (ftsc, ftsc))
    rho = np.array([0.03, 0.1])
    np.testing.assert_array_equal(one.compute_time_s(rho), all_of_them.compute_time_s(rho))
    # Eq. (11) at [2,2]: C_0 - C_Δ and a quarter of C_0.
    least = ftsc.base + ftsc.slope * one.rho_max
    operations = FtscOperations(SHAPE, ComputeConfig())
    assert least == pytest.approx(1.25 * operations.flops_0 - operations.flops_delta)


def test_users_take_what_their_codecs_take() -> None:
    ftsc = FtscOperations(SHAPE, ComputeConfig()).computing
    budget = Budget(CELL, ComputeConfig(), SHAPE, (ftsc, NOTHING, Computing(1.35e9, 2.7e9)))
    rho = np.full((2, 3), 0.1)
    time_s = budget.compute_time_s(rho)
    assert time_s.shape == (2, 3)
    np.testing.assert_allclose(
        time_s[:, 0], Budget(CELL, ComputeConfig(), SHAPE).compute_time_s(0.1)
    )
    np.testing.assert_array_equal(time_s[:, 1], 0)
    np.testing.assert_allclose(time_s[:, 2], 1 + 2 * 0.1)
    assert (budget.compute_energy_j(rho)[:, 1] == 0).all()


def test_counted_goes_through_the_rates() -> None:
    found = counted([rate(0.1, 2e9, 4e9), rate(0.3, 3e9, 5e9)])
    assert found.base + found.slope * 0.1 == pytest.approx(3e9)
    assert found.base + found.slope * 0.3 == pytest.approx(4e9)
    assert counted([rate(0.1, 2e9, 4e9)]) == Computing(3e9)
    assert counted([rate(0.1, 0.0, 0.0), rate(0.2, 0.0, 0.0)]) == NOTHING
