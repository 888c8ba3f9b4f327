"""The driver of a sweep: hands points to Ray, keeps what comes back, in whatever order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

from semsim.errors import SemsimError
from semsim.results import Results, recorded_versions
from semsim.types import Report
from semsim_agents.cluster import ray_session
from semsim_agents.sweeping.grid import Grid, GridPoint
from semsim_agents.sweeping.points import Kept, Measured, unpack
from semsim_agents.sweeping.tables import gather
from semsim_agents.sweeping.task import Refusal, measure

#: What a worker runs: the resolved scenario and the driver's versions go in.
Task: TypeAlias = Callable[[str, dict[str, str | None]], bytes | Refusal]


@dataclass(frozen=True)
class Workers:
    """Who measures.

    Attributes:
        count: points side by side; ``None`` for as many as the cluster has room for.
        address: of a running cluster; ``None`` starts Ray on this machine.
        cpus: that Ray reserves for a point, which computes with one thread in any case.
        gpus: that Ray reserves for a point; a fraction shares one.
        retries: how often a point is tried again after its worker or node has died.
    """

    count: int | None = None
    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    retries: int = 3

    def session(self) -> Any:
        """Ray with what these need."""
        if self.address is not None:
            return ray_session(address=self.address)
        return ray_session(None if self.count is None else max(1, round(self.count * self.cpus)))


def sweep_grid(
    grid: Grid,
    workers: Workers,
    *,
    kept: Kept | None = None,
    report: Report = lambda _done, _total, _what: None,
    task: Task = measure,
) -> Results:
    """Run every point of ``grid``.

    The tables are the same whatever the number of workers, whoever dies on the way, and however
    often the sweep was interrupted: each point is one scenario with its own seed, computed with one
    thread, and rows come in grid order.

    Args:
        grid: scenarios.
        workers: who runs them.
        kept: finished points; those found there do not run again.
        report: told about progress.
        task: what a worker runs.

    Raises:
        SemsimError: if a point cannot run; the message names it, and points that have finished stay
            in ``kept``.
    """
    started = time.perf_counter()
    done: dict[int, Measured] = {}
    for point in grid.points:
        if kept is not None and (found := kept.read(point)) is not None:
            done[point.index] = found
    missing = [point for point in grid.points if point.index not in done]
    total = len(grid.points)
    if missing:
        if kept is not None:
            kept.prepare()
        report(len(done), total, "starting Ray")
        with workers.session():
            _check_room(workers)
            report(len(done), total, "starting workers")
            for point, content in _measured(missing, workers, task):
                if kept is not None:
                    kept.write(point, content)
                done[point.index] = unpack(content)
                report(len(done), total, point.label)
    return gather(grid, done, time.perf_counter() - started)


def _measured(
    points: Sequence[GridPoint], workers: Workers, task: Task
) -> Iterator[tuple[GridPoint, bytes]]:
    """Yield what comes back; only so many points are under way as there is room for."""
    import ray

    remote = ray.remote(num_cpus=workers.cpus, num_gpus=workers.gpus, max_retries=workers.retries)(
        task
    )
    versions = recorded_versions()
    waiting: dict[Any, GridPoint] = {}
    todo = iter(points)
    try:
        while True:
            for point in islice(todo, max(0, _room(workers) - len(waiting))):
                waiting[remote.remote(point.text, versions)] = point
            if not waiting:
                return
            ray.wait(list(waiting), num_returns=1)
            finished, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0)
            failure: Exception | None = None
            for reference in finished:
                point = waiting.pop(reference)
                try:
                    content = _content(reference, point, workers)
                except Exception as error:  # what has finished beside it is kept first
                    failure = failure or error
                    continue
                yield point, content
            if failure is not None:
                raise failure
    finally:
        for reference in waiting:
            ray.cancel(reference, force=True)


def _content(reference: Any, point: GridPoint, workers: Workers) -> bytes:
    import ray
    from ray.exceptions import RayError, RayTaskError

    try:
        content = ray.get(reference)
    except RayTaskError as error:
        error.add_note(f"at {point.label}")
        raise
    except RayError as error:
        raise SemsimError(
            f"{point.label}: its worker died {workers.retries + 1} times ({type(error).__name__}); "
            "if memory ran out, give fewer --workers or more --cpus-per-task. Finished points are "
            "kept: run again with --resume"
        ) from error
    if isinstance(content, Refusal):
        raise SemsimError(f"{point.label}: {content.message}")
    return bytes(content)


def _room(workers: Workers) -> int:
    """Points that may be under way."""
    if workers.count is not None:
        return workers.count
    has = _resources()
    room = [has.get(name, 0.0) / need for name, need in _needs(workers).items()]
    # As many again wait, so that a cluster that grows on demand sees the demand.
    return max(1, 2 * int(min(room, default=1.0)))


def _resources() -> dict[str, float]:
    import ray

    found: dict[str, float] = ray.cluster_resources()
    return found


def _needs(workers: Workers) -> dict[str, float]:
    return {name: need for name, need in (("CPU", workers.cpus), ("GPU", workers.gpus)) if need > 0}


def _check_room(workers: Workers) -> None:
    """Refuse what Ray would wait for without an end; a cluster may yet grow."""
    if workers.address is not None:
        return
    has = _resources()
    for name, need in _needs(workers).items():
        if has.get(name, 0.0) < need:
            raise SemsimError(
                f"--{name.lower()}s-per-task: a point asks for {need:g} {name}, and Ray has "
                f"{has.get(name, 0.0):g} here; ask for less, or give the --address of a cluster"
            )
