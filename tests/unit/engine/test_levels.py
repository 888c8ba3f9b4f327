"""A modem's staircase, and the smooth curve that lies above it."""

from __future__ import annotations

import numpy as np
import pytest

from semsim.engine.budget import Budget
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.engine.levels import Levels
from semsim.units import db_to_linear

#: QPSK to 256-QAM by thresholds like those of real modems, dB and bit/s/Hz.
MODEM = Levels(
    tuple(db_to_linear(np.array([-5.5, 1.0, 8.4, 16.1, 25.3]))), (0.23, 0.87, 2.4, 4.5, 7.4)
)


def test_the_staircase_holds_from_each_threshold_on() -> None:
    at = np.array(MODEM.snr)
    np.testing.assert_array_equal(MODEM.of(at), MODEM.bits_per_hz)
    np.testing.assert_array_equal(MODEM.of(at * 1.01), MODEM.bits_per_hz)
    np.testing.assert_array_equal(MODEM.of(at * 0.99), [0.0, *MODEM.bits_per_hz[:-1]])
    np.testing.assert_array_equal(MODEM.of([[0.0, np.nan, np.inf]]), [[0.0, 0.0, 7.4]])


def test_the_curve_lies_above_all_levels_and_touches_one() -> None:
    curve = MODEM.share * np.log2(1 + np.array(MODEM.snr) / MODEM.gap)
    above = curve / np.array(MODEM.bits_per_hz) - 1
    assert above.min() == pytest.approx(0.0, abs=1e-12)
    assert above.max() < 0.15


def test_levels_on_such_a_curve_find_it() -> None:
    rates = np.array([0.2, 1.0, 3.0, 6.0])
    snr = 1.7 * (np.exp2(rates / 0.9) - 1)
    on_it = Levels(tuple(snr), tuple(rates))
    # Γ is looked for in steps of 1 %.
    assert on_it.gap == pytest.approx(1.7, rel=0.01)
    assert on_it.share == pytest.approx(0.9, rel=0.01)


def test_one_level_is_its_own_curve() -> None:
    one = Levels((3.0,), (2.0,))
    assert one.share * np.log2(1 + 3.0 / one.gap) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("snr", "rates"),
    [((), ()), ((1.0,), (1.0, 2.0)), ((2.0, 1.0), (1.0, 2.0)), ((1.0, 2.0), (1.0, 1.0))],
)
def test_what_is_no_staircase_is_refused(snr: tuple[float, ...], rates: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"levels need|must be positive and rise"):
        Levels(snr, rates)


def test_a_budget_charges_the_level_reached() -> None:
    cell = CellConfig(bandwidth_hz=1e4, power_w=1)
    budget = Budget(cell, ComputeConfig(), (3, 256, 256), levels=MODEM)
    b_hz, gain = np.full(5, 1e3), np.full(5, 1e-9)
    p_w = np.array(MODEM.snr) * b_hz * budget.noise_psd_w_per_hz / gain
    np.testing.assert_allclose(budget.rate_bps(gain, b_hz, p_w), 1e3 * np.array(MODEM.bits_per_hz))
    assert (budget.shannon_bps(gain, b_hz, p_w) > budget.rate_bps(gain, b_hz, p_w)).all()
    assert budget.transmit_time_s(0.1, gain, b_hz, p_w * 0.9)[0] == np.inf
