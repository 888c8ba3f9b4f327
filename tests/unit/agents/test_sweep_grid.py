"""The grid of `semsim sweep`, before anything runs."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from semsim.cli.main import app
from semsim.errors import ScenarioError
from semsim.report.grid import grid_figures, grid_tables
from semsim.results import Results
from semsim_agents.sweeping.grid import Grid, read_grid
from semsim_agents.sweeping.points import Kept, Measured, pack, unpack
from semsim_agents.sweeping.tables import gather
from semsim_agents.sweeping.values import parse_axis

SCENARIO = """\
task: downlink
name: tiny
source: {kind: photos, size: 32}
codec: {kind: linear, cbrs: ["1/12"]}
channel: awgn
cell: {bandwidth_hz: 5000, power_w: 0.01}
users: {count: 2, distance_m: [50, 100]}
allocator: equal
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("users=5,10,20", (5, 10, 20)),
        ("seed=1:4", (1, 2, 3)),
        ("x=10:4:-3,7.5", (10, 7, 7.5)),
        ("x=0:0.3:0.1", (0.0, 0.1, 0.2)),
        ("x=1e-3,no,true,null", (1e-3, "no", True, None)),
        ("x=1:20", tuple(range(1, 20))),  # for YAML 1.1 this is 80 s
        ("device=cuda:0,cpu", ("cuda:0", "cpu")),
        ("x={kind: exact, rho: 1},{a: b}", ({"kind": "exact", "rho": 1}, {"a": "b"})),
        ("x=[1, 2],[3]", ([1, 2], [3])),
        ("x='a,b',\"1:3\"", ("a,b", "1:3")),
    ],
)  # fmt: skip
def test_values(text: str, values: tuple) -> None:
    found = parse_axis(text).values
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("over", "message"),
    [
        (["seed"], "--over seed: expected PATH=VALUES"),
        (["cell..x=1"], "--over cell..x: no path"),
        (["seed=3:3"], "--over seed: the range 3:3 is empty"),
        (["seed=3:4:0"], "--over seed: the step of 3:4:0 is 0"),
        (["seed=1,2,1"], "--over seed: 1 is there twice"),
        (["seed=[1"], "--over seed: not valid YAML"),
        (["name=a"], "--over name: all points of a sweep have one name"),
        (
            ["seed=0:3", "cell.powr_w=1,2"],
            r"^--over cell.powr_w=1: \S+tiny.yaml:6: cell.powr_w: unknown key; did you mean "
            r"'power_w'\? \(known: [^\n]*\)$",
        ),
        (["users=0,5"], "--over users=0: .*:7: users.count: .*greater than or equal to 1, got 0"),
        (["allocator.kind=equal,exac"], "unknown kind 'exac'; did you mean 'exact'"),
        (["users[0].distance_m=5"], r"users\[0\].distance_m: \[0\] counts in a list, which"),
        (["seed.x=5"], "--over seed.x=5: .*seed: "),
        (
            ["cell.power_w=1", "cell={bandwidth_hz: 1}"],
            "--over cell: overwrites what --over cell.p",
        ),
        (["users.count=1", "users=2"], "--over users: overwrites what --over users.count says"),
        ([], "nothing to sweep over"),
    ],
)
def test_mistakes_are_told_before_anything_runs(
    over: list[str], message: str, scenario: Path
) -> None:
    with pytest.raises(ScenarioError, match=message):
        read_grid(scenario, over)


def test_a_list_of_users_has_no_count(scenario: Path) -> None:
    text = SCENARIO.replace("{count: 2, distance_m: [50, 100]}", "[{distance_m: 5}]")
    scenario.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match="a number of users needs users that are drawn"):
        read_grid(scenario, ["users=2,3"])
    grid = read_grid(scenario, ["users[0].distance_m=7,9"])
    assert [point.scenario.users[0].distance_m for point in grid.points] == [7, 9]
    with pytest.raises(ScenarioError, match=r"the file's list has entries \[0\] to \[0\]"):
        read_grid(scenario, ["users[1].distance_m=2"])
    with pytest.raises(ScenarioError, match=r"say \[0\].distance_m for its first entry"):
        read_grid(scenario, ["users.distance_m=2"])


def test_points_come_in_grid_order_with_the_last_axis_fastest(scenario: Path) -> None:
    over = ["users=2,4", "seed=0:2", "allocator={kind: equal}", "feedback.delay_slots=1"]
    grid = read_grid(scenario, over, device="cuda")
    assert [point.label for point in grid.points[:2]] == [
        f'users=2, seed={seed}, allocator={{"kind": "equal"}}, feedback.delay_slots=1'
        for seed in (0, 1)
    ]
    assert [p.scenario.users.count for p in grid.points] == [2, 2, 4, 4]
    assert {p.scenario.feedback.delay_slots for p in grid.points} == {1}
    assert {p.scenario.device for p in grid.points} == {"cuda"}


def test_the_command_tells_mistakes_and_exits(scenario: Path, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="did you mean 'seed'"):
        CliRunner().invoke(
            app, ["sweep", str(scenario), "--over", "sed=1:3"], catch_exceptions=False
        )


def summary(**rows: float) -> dict:
    allocators = {name: {"utility": value, "psnr_db": 20.0} for name, value in rows.items()}
    return {"power_constrained": True, "snr_convention": "es_n0", "allocators": allocators}


def gathered(grid: Grid, *, own: list[pa.Table]) -> Results:
    done = {
        point.index: Measured(
            summary(equal=point.at.get("seed", 1) * point.at.get("users", 2)),
            {"slots": table},
            {},
            1.0,
        )
        for point, table in zip(grid.points, own, strict=False)
    }  # fmt: skip
    return gather(grid, dict(reversed(done.items())), 5.0)


def test_the_table_has_a_row_a_point_and_allocator_and_means_over_seeds(scenario: Path) -> None:
    grid = read_grid(scenario, ["users=2,4", "seed=0:3"])
    # Some points have a column more, and one a column that is called like an axis.
    own = [pa.table({"user": [0, 1], "utility": [1.0, 2.0]})] * 5
    results = gathered(grid, own=[*own, pa.table({"user": [7], "seed": [9]})])
    table = results.sweep
    assert list(table.columns) == ["users", "seed", "allocator", "utility", "psnr_db"]
    assert table["utility"].tolist() == [0, 2, 4, 0, 4, 8]
    slots = results.slots
    assert list(slots.columns) == ["users", "seed", "user", "utility", "result.seed"]
    assert slots["seed"].tolist() == [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2]
    assert slots["result.seed"].isna().tolist() == [True] * 10 + [False]
    first, second = results.summary["rows"]
    assert (first["users"], first["runs"], first["utility"]) == (2, 3, 2.0)
    # Student's t for two degrees of freedom, 4.303, times 2 over the root of 3.
    assert first["utility ±"] == pytest.approx(4.3027 * 2 / 3**0.5, rel=1e-4)
    assert second["utility"] == 4.0
    (shown,) = grid_tables(results)
    assert shown.columns[:3] == ("users", "allocator", "utility\ndecided")
    assert shown.rows[0] == ("2", "equal", "2.00 ± 5", "20.00 ± 0")


def test_tables_that_disagree_are_left_out_and_named(scenario: Path) -> None:
    grid = read_grid(scenario, ["seed=0:2"])
    own = [pa.table({"user": [0]}), pa.table({"user": [["a"]]})]
    results = gathered(grid, own=own)
    assert set(results.tables) == {"sweep"}
    assert "slots do not agree" in grid_tables(results)[0].note


def test_the_figure_needs_an_axis_of_numbers(scenario: Path) -> None:
    own = [pa.table({"user": [0]})] * 4
    mixed = gathered(read_grid(scenario, ["allocator={kind: equal},{kind: exact}"]), own=own)
    assert grid_figures(mixed) == {}
    results = gathered(read_grid(scenario, ["seed=0:2", "users=2,4"]), own=own)
    results.sweep["utility_measured"] = 0.0
    for row in results.summary["rows"]:
        row["utility_measured"] = 0.0
    line = grid_figures(results)["sweep"].axes[0].lines[0]
    assert line.get_xdata().tolist() == [2, 4]
    assert line.get_ydata().tolist() == [1, 2]


def test_kept_points_are_found_by_all_that_decides_them(scenario: Path, tmp_path: Path) -> None:
    grid = read_grid(scenario, ["seed=0:3"])
    kept = Kept(tmp_path, grid.base)
    tables = {"slots": pd.DataFrame({"user": [0, 1], "lost": pd.array([True, None], "boolean")})}
    gone = summary(equal=float("-inf")) | {"third": 1 / 3}
    content = pack(
        Results(name="tiny", task="downlink", tables=tables, summary=gone, scenario={},
                weights={"a": "b"}, seconds={"build": 1.0, "equal": 2.0})
    )  # fmt: skip
    kept.prepare()
    kept.write(grid.points[1], content)
    assert [kept.read(point) is not None for point in grid.points] == [False, True, False]
    found = kept.read(grid.points[1])
    assert found == unpack(content)
    assert found.summary == gone
    assert found.seconds == 3.0
    pd.testing.assert_frame_equal(found.tables["slots"].to_pandas(), tables["slots"])
    # A larger grid finds it, another scenario does not.
    assert kept.read(read_grid(scenario, ["seed=0:9"]).points[1]) is not None
    other = read_grid(scenario, ["seed=0:3", "users=3"])
    assert kept.read(other.points[1]) is None
    kept.path(grid.points[1]).write_bytes(content[:-20])
    assert kept.read(grid.points[1]) is None
    kept.forget(grid.points)
    assert not kept.folder.exists()


def test_a_worker_of_other_versions_refuses() -> None:
    from semsim_agents.sweeping.task import Refusal, measure

    refusal = measure("{}", {"torch": "0.1"})
    assert isinstance(refusal, Refusal)
    assert "instead of 0.1; install the same versions on all machines" in refusal.message


def test_a_task_that_asks_for_more_than_there_is_does_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from semsim.errors import SemsimError
    from semsim_agents.sweeping import run

    monkeypatch.setattr(run, "_resources", lambda: {"CPU": 8.0, "GPU": 1.0})
    workers = run.Workers(2, gpus=2.0)
    with pytest.raises(SemsimError, match="--gpus-per-task: a point asks for 2 GPU, and Ray has 1"):
        run._check_room(workers)
    shared = SimpleNamespace(count=None, cpus=2.0, gpus=0.25)
    assert run._room(shared) == 2 * 4
