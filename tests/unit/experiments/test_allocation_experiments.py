"""The experiments on allocation, with few drops: what they show must follow from P1 itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from semsim.allocation.config import UtilityConfig
from semsim.experiments.allocation import gap
from semsim.experiments.catalogue import find
from semsim.experiments.definition import Measured, Setting
from semsim.experiments.ftsc import cell, fig12, fig13, fig14
from semsim.experiments.run import reproduce, tables
from semsim.results import Results

SETTING = Setting(keep=Path("nowhere"))


@pytest.fixture(scope="module")
def few() -> pytest.MonkeyPatch:
    patch = pytest.MonkeyPatch()
    whole = cell.drops
    for module in (fig12, fig13, fig14):
        patch.setattr(module, "drops", lambda setting, users=5: whole(setting, users)[:10])
    patch.setattr(gap, "CASES", (gap.CASES[0], gap.CASES[6]))
    patch.setattr(gap, "_DROPS", {"small": 2})
    yield patch
    patch.undo()


@pytest.fixture(scope="module", params=["ftsc-fig12", "ftsc-fig13", "ftsc-fig14", "allocation-gap"])
def run(few: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> tuple[str, Results, Measured]:
    return request.param, *reproduce(find(request.param), SETTING)


def test_every_claim_has_a_verdict_with_figures(run) -> None:
    name, results, measured = run
    shown = tables(find(name), results, measured)
    assert len(shown[-1].rows) == len(find(name).claims) >= 1
    for _, _, _, because in shown[-1].rows:
        assert any(letter.isdigit() for letter in because)
        assert "nan" not in because
    for table in shown:
        for row in table.rows:
            assert len(row) == len(table.columns)


def test_there_is_a_figure(run) -> None:
    name, _, measured = run
    for figure in find(name).plot(measured).values():
        assert all(axis.has_data() for axis in figure.axes)


def test_no_method_passes_the_bound(run) -> None:
    _, _, measured = run
    (table,) = measured.tables.values()
    assert (table["gap"].dropna() >= -1e-9).all()
    assert table["gap"].notna().any()


def test_operations_of_jscl_by_hand() -> None:
    """5×5 kernels, 16, 32, 32, 32 and c filters, strides 2, 2, 1, 1, 1, and the same backwards."""
    half = 128**2 * 25 * 3 * 16 + 64**2 * 25 * (16 * 32 + 2 * 32 * 32)
    channels = 4  # of the last layer of the encoder and the first of the decoder
    operations = 2 * half + 2 * 64**2 * 25 * 32 * channels
    rho = channels * 64**2 / (3 * 256**2)  # one byte a value, as pixels have
    found = cell.jscl_computing()
    assert found.base + found.slope * rho == pytest.approx(operations)


def test_a_channel_code_takes_its_share_of_the_bits() -> None:
    """Twice the bits at capacity are worth what half the bandwidth and power are at once."""
    *_, plain, coded = cell.systems(cell.STATED)
    gain = cell.drops(SETTING)[:5]
    config = UtilityConfig()
    whole, half = (system.terms(gain, 4000.0, config) for system in (plain, coded))
    np.testing.assert_array_equal(half.bits, 2 * whole.bits)
    _, at_full = cell.solved(whole)
    _, at_half = cell.solved(half)
    assert (at_half["utility"] < at_full["utility"]).all()


def test_curves_go_through_what_the_paper_states() -> None:
    ftsc, jscl, jpeg, _ = cell.systems(cell.STATED)
    at = np.log(0.029296875)
    assert (ftsc.offset, ftsc.slope) == (41.22, 3.035)
    assert jscl.offset + jscl.slope * at == pytest.approx(24.01)
    assert jpeg.offset + jpeg.slope * at == pytest.approx(23.62)
