"""Tables 4 and 5 with few runs, and the energy meters."""

from pathlib import Path

import pytest

from semsim.experiments import energy
from semsim.experiments.catalogue import find
from semsim.experiments.definition import Setting
from semsim.experiments.energy import Rapl, Stated, find_meter
from semsim.experiments.run import reproduce, tables
from semsim.experiments.trangdeepsc import table4, table5


def test_table_4_counts_and_meters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table4, "_IMAGES", {"small": 1})
    monkeypatch.setattr(table4, "_WARM", 0)
    monkeypatch.setattr(energy, "_RAPL", Path("/nowhere"))
    experiment = find("trangdeepsc-table4")
    results, measured = reproduce(experiment, Setting(power_w=20.0))
    table = measured.tables["table4"].set_index("system")
    assert table.loc["trangdeepsc", "parameters"] == 908_047
    assert table.loc["vitdeepsc", "parameters"] == 1_300_508
    assert table.loc["adjscc-v", "parameters"] == 12_757_579 + 43_021
    assert (table["energy_mj"] > 0).all()
    assert "processor time × 20 W, a stated power" in measured.caveats[0]
    counts = results.summary["verdicts"][0]
    assert counts["verdict"] == "holds in part"
    assert "semvit has" in counts["because"]
    assert len(tables(experiment, results, measured)[0].rows) == 4
    assert table4.plot(measured)["table4"].axes


def test_table_5_times_the_systems_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table5, "_RUNS", {"small": 3})
    monkeypatch.setattr(table5, "_WARM", 0)
    experiment = find("trangdeepsc-table5")
    results, measured = reproduce(experiment, Setting())
    times = measured.tables["times"]
    assert times["system"].tolist()[:4] == ["vitdeepsc", "semvit", "adjscc-v", "trangdeepsc"]
    assert times.groupby("system").size().tolist() == [3] * 4
    assert (times["wall_ms"] > 0).all()
    rows = tables(experiment, results, measured)[0].rows
    assert [row[0] for row in rows][:2] == ["vitdeepsc", "vitdeepsc (paper)"]
    assert table5.plot(measured)["table5"].axes


def counter(folder: Path, name: str, energy_uj: int, limit: int = 1000) -> Path:
    zone = folder / name
    zone.mkdir(exist_ok=True)
    (zone / "energy_uj").write_text(str(energy_uj))
    (zone / "max_energy_range_uj").write_text(str(limit))
    return zone


def test_rapl_adds_packages_and_unwraps_their_counters(tmp_path: Path) -> None:
    zones = [counter(tmp_path, "intel-rapl:0", 900), counter(tmp_path, "intel-rapl:1", 10)]
    meter = Rapl(zones)
    assert meter.read_j() == 0.0
    counter(tmp_path, "intel-rapl:0", 100)  # passed 1000 and began anew: 200 more
    counter(tmp_path, "intel-rapl:1", 60)
    assert meter.read_j() == pytest.approx(250e-6)
    counter(tmp_path, "intel-rapl:0", 150)
    assert meter.read_j() == pytest.approx(300e-6)


def test_the_best_meter_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "_RAPL", tmp_path)
    assert isinstance(find_meter("cpu", 30.0), Stated)
    counter(tmp_path, "intel-rapl:0", 1)
    counter(tmp_path, "intel-rapl:0:0", 1)  # a part of the package, no package
    assert isinstance(find_meter("cpu", 30.0), Rapl)
    assert len(find_meter("cpu", 30.0)._packages) == 1
    (tmp_path / "intel-rapl:0" / "energy_uj").unlink()  # as where only root may read it
    assert isinstance(find_meter("cpu", 30.0), Stated)
