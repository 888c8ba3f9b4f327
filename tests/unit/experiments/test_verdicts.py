"""Claims as predicates, on tables whose verdict is known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from semsim.errors import SemsimError
from semsim.experiments.catalogue import find, ids
from semsim.experiments.definition import published, stated
from semsim.experiments.latency import ratio_interval, statistics
from semsim.experiments.trangdeepsc.control import ARMS, gains, judge

CO, SINGLE, DOUBLE = ARMS.values()


def control_table(gain_over_single: list[float], gain_over_double: list[float]) -> pd.DataFrame:
    rows = []
    for seed, (single, double) in enumerate(zip(gain_over_single, gain_over_double, strict=True)):
        base = 30.0 + seed  # seeds differ far more than arms do
        for arm, value in ((CO, base), (SINGLE, base - single), (DOUBLE, base - double)):
            rows.append({"arm": arm, "seed": seed, "snr_db": 12, "psnr_db": value})
    return pd.DataFrame(rows)


def test_gains_are_paired_by_seed() -> None:
    single = [0.9, 1.0, 1.3]
    table = control_table(single, [0.1, -0.2, 0.0])
    row = gains(table).set_index("over").loc[SINGLE]
    paired = table[table["arm"] == CO]["psnr_db"], table[table["arm"] == SINGLE]["psnr_db"]
    low, high = ttest_rel(*paired).confidence_interval(0.95)
    assert row["gain_db"] == pytest.approx(np.mean(single))
    assert row["half_width_db"] == pytest.approx((high - low) / 2)


def test_a_gain_must_leave_its_interval() -> None:
    table = control_table([0.9, 1.0, 1.1], [0.3, -0.3, 0.1])
    assert judge(table, SINGLE).outcome == "holds"
    assert judge(table, DOUBLE).outcome == "cannot be told at this scale"
    assert judge(control_table([-1.0, -0.9, -1.1], [0, 0, 0]), SINGLE).outcome == "does not hold"


def test_published_figures_are_those_of_the_paper() -> None:
    fig3 = published("trangdeepsc", "fig3")
    assert stated(fig3, "trangdeepsc", "psnr_db", 18) == 51.06
    table4 = published("trangdeepsc", "table4")
    assert stated(table4, "adjscc-v", "parameters") == 12_757_579
    # "about 41 % less energy than ViTDeepSC and 37 % less than SemViT" (Section 3.5)
    own = stated(table4, "trangdeepsc", "energy_mj")
    assert own / stated(table4, "vitdeepsc", "energy_mj") == pytest.approx(0.59, abs=0.005)
    assert own / stated(table4, "semvit", "energy_mj") == pytest.approx(0.63, abs=0.005)
    table5 = published("trangdeepsc", "table5")
    ratio = stated(table5, "trangdeepsc", "mean_ms") / stated(table5, "vitdeepsc", "mean_ms")
    assert ratio == pytest.approx(0.52, abs=0.005)
    with pytest.raises(KeyError, match="0 published values"):
        stated(fig3, "semvit", "psnr_db", 6)


def test_latency_statistics_are_numpys() -> None:
    rng = np.random.default_rng(0)
    values = {"a": rng.gamma(4.0, 1.0, 101), "b": rng.gamma(8.0, 1.0, 101)}
    times = pd.concat(
        pd.DataFrame({"system": name, "wall_ms": column}) for name, column in values.items()
    )
    row = statistics(times).set_index("system").loc["a"]
    assert row["mean_ms"] == pytest.approx(values["a"].mean())
    assert row["std_ms"] == pytest.approx(values["a"].std(ddof=1))
    assert row["median_ms"] == pytest.approx(np.median(values["a"]))
    assert row["p95_ms"] == pytest.approx(np.quantile(values["a"], 0.95))
    ratio, low, high = ratio_interval(times, "a", "b", np.random.default_rng(1))
    assert low < ratio < high < 1


def test_every_experiment_is_complete() -> None:
    for name in ids():
        experiment = find(name)
        assert experiment.id == name
        assert experiment.claims
        assert set(experiment.takes) == {"small", "paper"}


def test_an_unknown_experiment_suggests_the_nearest() -> None:
    with pytest.raises(SemsimError, match="did you mean 'trangdeepsc-fig3'"):
        find("trangdeepsc-fig4x3")
