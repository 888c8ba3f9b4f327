"""Many drops of a scenario: the same as its slots, whoever solves them and from whichever file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from semsim import allocating
from semsim.allocating import allocate, draw_drops, read_gains
from semsim.cli.main import app
from semsim.errors import AllocationError, DataError, ScenarioError
from semsim.results import write_json
from semsim.scenario import DownlinkScenario
from semsim.simulation import DownlinkRun
from semsim.types import DownlinkState


def scenario(**changes: object) -> DownlinkScenario:
    fields: dict[str, object] = {
        "task": "downlink",
        "name": "many",
        "seed": 3,
        "source": {"kind": "photos", "split": "test", "size": 64},
        "codec": {"kind": "classical"},
        "channel": {"kind": "awgn"},
        "cell": {"bandwidth_hz": 2000, "power_w": 50},
        "users": {"count": 3, "distance_m": [1, 1000]},
        "allocator": {"kind": "exact"},
        "compare": [{"kind": "random"}],
    }
    return DownlinkScenario.model_validate(fields | changes)


def test_drop_0_is_the_first_slot_of_the_run() -> None:
    run = DownlinkRun(scenario())
    np.testing.assert_array_equal(
        draw_drops(run.scenario.cell, run.places, run.scenario.seed, 2).gain[0],
        run.engine().observe().gain,
    )


def test_every_method_beside_the_same_bound() -> None:
    table = allocate(scenario(), drops=6).tables["drops"]
    exact, random = (table[table["method"] == name] for name in ("exact", "random"))
    assert np.abs(exact["gap"]).max() < 1e-9
    assert (random["gap"] > 1e-3).all()
    np.testing.assert_array_equal(exact["utility_bound"], random["utility_bound"])
    assert table["violation"].max() < 1e-9


def test_workers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocating, "_CHUNK", 2)
    cell = scenario(allocator={"kind": "random"}, compare=[])
    one, two = (allocate(cell, drops=5, workers=n).tables["drops"] for n in (1, 2))
    for column in ("utility", "rho", "p_w"):
        assert one[column].tolist() == two[column].tolist()


def test_gains_go_out_and_come_back(tmp_path: Path) -> None:
    first = allocate(scenario(), drops=4)
    file = tmp_path / "drops.json"
    write_json(file, {"drops": first.tables["drops"].to_dict(orient="records")})
    again = allocate(scenario(), state=read_gains(file))
    assert again.tables["drops"]["utility"].tolist() == first.tables["drops"]["utility"].tolist()
    gain = np.array(json.loads(file.read_text())["drops"][0]["gain"])
    for name in ("gains.csv", "gains.npy"):
        other = tmp_path / name
        if name.endswith("csv"):
            other.write_text(",".join(repr(float(g)) for g in gain) + "\n")
        else:
            np.save(other, gain[None])
        np.testing.assert_array_equal(read_gains(other).gain, gain[None])


@pytest.mark.parametrize(
    ("text", "problem"),
    [("[1, 2]", "shape"), ("{}", "no gains"), ("[[1], [2, 3]]", "no gains"), ("[[]]", "shape")],
)
def test_files_without_gains(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(DataError, match=problem):
        read_gains(file)


def test_wrong_gains_are_refused() -> None:
    with pytest.raises(AllocationError, match="gains are for 2 users, but the scenario has 3"):
        allocate(scenario(), state=DownlinkState(np.ones((1, 2)), np.ones((1, 2))))
    with pytest.raises(AllocationError, match="must be positive and finite"):
        allocate(scenario(), state=DownlinkState(np.full((1, 3), np.nan), np.ones((1, 3))))


def test_the_command_writes_drops_and_reads_them_again(tmp_path: Path) -> None:
    file = tmp_path / "cell.yaml"
    file.write_text(json.dumps(scenario().model_dump(mode="json")))
    written = tmp_path / "drops.json"
    common = ["allocate", str(file), "--out", str(tmp_path), "--quiet", "--drops", "3"]
    methods = ["--method", "exact", "--method", "{kind: equal, rho: 0.05}"]
    done = CliRunner().invoke(app, [*common, *methods, "--json", str(written)])
    assert done.exit_code == 0, done.output
    assert "3 drops of 3 users" in done.output
    rows = json.loads(written.read_text())["drops"]
    assert [row["method"] for row in rows] == ["exact"] * 3 + ["equal"] * 3
    assert rows[3]["rho"] == [0.05] * 3
    (report,) = tmp_path.glob("allocate-many-*/report.html")
    assert "How far from the optimum" in report.read_text()
    again = CliRunner().invoke(app, [*common, "--method", "exact", "--gains", str(written)])
    assert again.exit_code == 0, again.output


def test_only_downlinks_are_allocated(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="allocation needs 'downlink'"):
        CliRunner().invoke(app, ["allocate", "scenarios/link_awgn.yaml"], catch_exceptions=False)
