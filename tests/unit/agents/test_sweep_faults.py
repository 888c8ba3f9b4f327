"""Whatever dies on the way, the table of a sweep is the one that an undisturbed sweep gives."""

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
import pytest

from semsim.errors import SemsimError
from semsim.results import Results, recorded_versions
from semsim_agents.sweeping.grid import Grid, read_grid
from semsim_agents.sweeping.points import Kept, unpack
from semsim_agents.sweeping.run import Workers, sweep_grid
from semsim_agents.sweeping.tables import gather
from semsim_agents.sweeping.task import Refusal, measure

SCENARIO = """\
task: downlink
name: tiny
source: {kind: photos, size: 32}
codec: {kind: linear, cbrs: ["1/12"]}
channel: rayleigh
cell: {bandwidth_hz: 5000, power_w: 0.01}
users: {count: 2, distance_m: [50, 100]}
allocator: equal
compare: [random]
"""
POINTS = 8
#: Seconds after which a test gives up waiting for something that ought to happen.
PATIENCE_S = 60


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    path = tmp_path_factory.mktemp("scenario") / "tiny.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return read_grid(path, ["users=2,3", f"seed=0:{POINTS // 2}"])


@pytest.fixture(scope="module")
def undisturbed(grid: Grid) -> Results:
    """Point by point in this process, without Ray."""
    contents = [measure(point.text, recorded_versions()) for point in grid.points]
    return gather(grid, {i: unpack(content) for i, content in enumerate(contents)}, 0.0)


def assert_same(results: Results, undisturbed: Results) -> None:
    assert results.tables.keys() == undisturbed.tables.keys() == {"sweep", "slots"}
    for name, table in undisturbed.tables.items():
        pd.testing.assert_frame_equal(results.tables[name], table, check_exact=True)


@dataclass(frozen=True)
class Two:
    """A cluster of two machines, simulated: one CPU each."""

    address: str
    doomed: str
    kill: Callable[[], None]


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    from ray.cluster_utils import Cluster

    before = set(psutil.Process().children(recursive=True))
    one = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**one, "include_dashboard": False})
    other = cluster.add_node(**one)
    try:
        yield Two(
            cluster.address,
            other.node_id,
            lambda: cluster.remove_node(other, allow_graceful=False),
        )
    finally:
        cluster.shutdown()
    left = set(psutil.Process().children(recursive=True)) - before
    _, alive = psutil.wait_procs(left, timeout=PATIENCE_S)
    assert not [process.cmdline() for process in alive]


def test_a_worker_and_a_whole_node_die(
    two: Two, grid: Grid, undisturbed: Results, tmp_path: Path
) -> None:
    attempts = tmp_path / "attempts"
    os.mkfifo(tmp_path / "told")
    doomed = two.doomed

    def hindered(text: str, versions: dict) -> object:
        """Work like any task, but for one that ends its worker and those on the doomed node."""
        import ray

        with attempts.open("a") as file:
            file.write(text + "\n")
        if ray.get_runtime_context().get_node_id() == doomed:
            (tmp_path / "told").write_text("at work")
            signal.pause()  # until the node dies
        content = measure(text, versions)
        try:
            (tmp_path / "killed").touch(exist_ok=False)
        except FileExistsError:
            return content
        # The worst moment: the work is done, and nobody knows it.
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    def kill_when_at_work() -> None:
        assert (tmp_path / "told").read_text() == "at work"  # a pipe: waits for the writer
        two.kill()

    killer = threading.Thread(target=kill_when_at_work, daemon=True)
    killer.start()
    seen: list[int] = []
    results = sweep_grid(
        grid,
        Workers(2, two.address),
        kept=Kept(tmp_path, grid.base),
        report=lambda done, _total, _what: seen.append(done),
        task=hindered,
    )
    killer.join(PATIENCE_S)
    assert not killer.is_alive()
    assert_same(results, undisturbed)
    assert [done for done in seen if done] == list(range(1, POINTS + 1))
    counts = Counter(attempts.read_text().splitlines())
    assert set(counts) == {point.text for point in grid.points}
    assert sum(counts.values()) == POINTS + 2  # one for the worker, one for the node
    assert len(list(Kept(tmp_path, grid.base).folder.iterdir())) == POINTS


def test_a_mistake_of_the_user_s_ends_the_sweep_and_keeps_what_has_finished(
    two: Two, grid: Grid, tmp_path: Path
) -> None:
    attempts = tmp_path / "attempts"

    def mistaken(text: str, versions: dict) -> object:
        with attempts.open("a") as file:
            file.write(text + "\n")
        if json.loads(text)["seed"] == 2:
            return Refusal("there are no such weights")
        return measure(text, versions)

    kept = Kept(tmp_path, grid.base)
    with pytest.raises(SemsimError, match=r"^users=2, seed=2: there are no such weights$"):
        sweep_grid(grid, Workers(1, two.address), kept=kept, task=mistaken)
    assert [kept.read(point) is not None for point in grid.points] == [True] * 2 + [False] * 6
    assert len(attempts.read_text().splitlines()) == 3


def test_a_point_that_ends_every_worker_is_named(two: Two, grid: Grid, tmp_path: Path) -> None:
    attempts = tmp_path / "attempts"

    def deadly(text: str, versions: dict) -> object:
        with attempts.open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    with pytest.raises(SemsimError, match=r"^users=2, seed=0: its worker died 2 times \(Worker"):
        sweep_grid(grid, Workers(1, two.address, retries=1), task=deadly)
    assert attempts.read_text() == "xx"


#: Sweeps like the command line, and kills its own process without warning after three points.
KILLED = """
import os, signal, sys
from semsim.cli import main, progress
from contextlib import contextmanager

@contextmanager
def deadly(quiet):
    def report(done, total, what):
        if done == 3:
            os.kill(os.getpid(), signal.SIGKILL)
    yield report

progress.progress_bar = deadly
main.main()
"""


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that inherited an environment variable, whoever their parent is."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("SEMSIM_TEST_MARK") == mark:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def test_the_driver_is_killed_and_the_sweep_goes_on(
    undisturbed: Results, grid: Grid, tmp_path: Path
) -> None:
    scenario, out, told = tmp_path / "tiny.yaml", tmp_path / "runs", tmp_path / "told.json"
    scenario.write_text(SCENARIO, encoding="utf-8")
    mark = uuid.uuid4().hex
    options = ["sweep", str(scenario), "--over", "users=2,3", "--over", f"seed=0:{POINTS // 2}"]
    options += ["--workers", "2", "--out", str(out), "--quiet"]

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "SEMSIM_TEST_MARK": mark}
        return subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, env=environment
        )

    killed = run("-c", KILLED, *options)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert killed.stderr == ""
    # Ray's processes notice that their driver is gone, and end by themselves.
    _, alive = psutil.wait_procs(marked(mark), timeout=PATIENCE_S)
    assert not [process.cmdline() for process in alive]

    kept = Kept(out, grid.base)
    assert [file.suffix for file in kept.folder.iterdir()] == [".zip"] * 3
    for point in grid.points:
        if (found := kept.read(point)) is not None:
            _make_long(kept, point, found.seconds)

    done = run("-m", "semsim", *options, "--resume", "--json", str(told))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not marked(mark)
    folder = Path(json.loads(told.read_text())["folder"])
    for name, table in undisturbed.tables.items():
        written = pd.read_parquet(folder / f"{name}.parquet")
        pd.testing.assert_frame_equal(written, table, check_exact=True)
    # What the killed sweep had finished was taken from disk: its seconds are those put there.
    seconds = json.loads((folder / "manifest.json").read_text())["seconds"]["points"]
    assert seconds // 1000 == 3
    assert (folder / "report.html").is_file()
    assert (folder / "sweep.png").is_file()
    assert not kept.folder.exists()


def _make_long(kept: Kept, point: object, seconds: float) -> None:
    """Say of a kept point that it took a thousand seconds."""
    import io
    import zipfile

    path = kept.path(point)
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "said.json":
                content = json.dumps(json.loads(content) | {"seconds": 1000.0}).encode()
            new.writestr(name, content)
    path.write_bytes(buffer.getvalue())
