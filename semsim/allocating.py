"""Allocates for many drops of a downlink scenario, and sends nothing."""

from __future__ import annotations

import csv
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semsim.allocation.certificate import bound, certificate
from semsim.allocation.problem import Problem, check_gain
from semsim.config import PluginConfig
from semsim.engine.config import CellConfig
from semsim.engine.fading import rician_gain, scatter
from semsim.engine.propagation import draw_large_scale
from semsim.engine.topology import Places
from semsim.errors import AllocationError, DataError
from semsim.results import Results
from semsim.rng import Streams
from semsim.scenario import DownlinkScenario
from semsim.simulation import DownlinkRun
from semsim.types import Allocation, Array, DownlinkState, Report
from semsim.workers import end_with_parent

#: Drops that one worker solves at a time, whatever the number of workers.
_CHUNK = 250


def allocate(
    scenario: DownlinkScenario,
    *,
    drops: int = 1000,
    state: DownlinkState | None = None,
    methods: dict[str, PluginConfig] | None = None,
    workers: int = 1,
    report: Report = lambda _done, _total, _what: None,
) -> Results:
    """Solve ``drops`` drops of ``scenario`` by every method, each beside the proven bound.

    Drop 0 is the first slot that ``semsim run`` sees with the same seed. The results are the same
    whatever the number of workers.

    Args:
        scenario: the cell, its users and the utility.
        drops: how many to draw.
        state: drops to solve instead, ``[D, N]``.
        methods: allocators by name; the scenario's own by default.
        workers: processes side by side.
        report: told about progress.

    Returns:
        Results with the table ``drops``: one row a method and drop, its gains and shares as lists.

    Raises:
        SemsimError: for bad scenarios and problems without a solution.
    """
    run = DownlinkRun(scenario)
    problem = run.problem
    if state is None:
        state = draw_drops(scenario.cell, run.places, scenario.seed, drops)
    elif state.users != len(scenario.user_codecs()):
        raise AllocationError(
            f"the gains are for {state.users} users, but the scenario has "
            f"{len(scenario.user_codecs())}"
        )
    check_gain(state)
    count = state.gain.shape[0]
    upper_bound = bound(problem.terms(state.gain))
    methods = run.methods() if methods is None else methods
    frames = []
    chunks = [slice(first, first + _CHUNK) for first in range(0, count, _CHUNK)]
    done, total = 0, count * len(methods)
    for name, config in methods.items():
        jobs = [
            _Job(problem, _rows(state, chunk), config, scenario.seed, name, i)
            for i, chunk in enumerate(chunks)
        ]
        parts: list[tuple[Allocation, float]] = []
        for solved in _side_by_side(jobs, workers):
            parts.append(solved)
            done += len(solved[0].rho)
            report(done, total, f"{name}: {done} of {total}")
        whole = Allocation(
            rho=np.concatenate([part.rho for part, _ in parts]),
            b_hz=np.concatenate([part.b_hz for part, _ in parts]),
            p_w=np.concatenate([part.p_w for part, _ in parts]),
        )
        seconds = sum(spent for _, spent in parts)
        frames.append(_frame(name, problem, state, whole, upper_bound, seconds))
    table = pd.concat(frames, ignore_index=True)
    return Results(
        name=scenario.name,
        task="allocate",
        tables={"drops": table},
        summary=_summary(scenario, problem, table, count),
        scenario=scenario.model_dump(mode="json"),
    )


def draw_drops(
    cell: CellConfig, places: Callable[[np.random.Generator], Places], seed: int, count: int
) -> DownlinkState:
    """Return the gains of ``count`` drops of a cell, each at its first slot, ``[D, N]``.

    Args:
        cell: its propagation and fading.
        places: draws where users stand.
        seed: of drop 0, as ``semsim run`` has it; the others branch off.
        count: how many.
    """
    gain, distance_m = [], []
    for drop in range(count):
        streams = Streams(seed) if drop == 0 else Streams(seed).child("drop", drop)
        users = places(streams.numpy("topology"))
        large = draw_large_scale(cell, users, streams)
        k = np.where(large.line_of_sight, cell.fading.rician_k, 0.0)
        parts = scatter(cell, users.distance_m.shape, streams).parts
        gain.append(large.gain * rician_gain(parts, k))
        distance_m.append(users.distance_m)
    return DownlinkState(np.array(gain), np.array(distance_m))


def read_gains(path: Path) -> DownlinkState:
    """Read power gains ``[D, N]`` from a .npy, .csv (a drop a line) or .json file.

    JSON is a list of drops, or what ``semsim allocate --json`` wrote.

    Raises:
        DataError: if the file is not there, or holds no such array.
    """
    try:
        if path.suffix == ".npy":
            gain = np.load(path, allow_pickle=False)
        elif path.suffix == ".csv":
            with path.open(newline="") as lines:
                gain = np.array([[float(cell) for cell in row] for row in csv.reader(lines) if row])
        else:
            gain = np.array(_listed(json.loads(path.read_text())), dtype=np.float64)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: no gains could be read: {error}") from error
    gain = np.asarray(gain, dtype=np.float64)
    if gain.ndim != 2 or 0 in gain.shape:
        raise DataError(
            f"{path}: gains have shape {gain.shape}; give [drops, users], one row a drop"
        )
    return DownlinkState(gain, np.full(gain.shape, np.nan))


def _listed(found: Any) -> list[Any]:
    if isinstance(found, dict):
        rows = found["drops"]
        first = rows[0]["method"]
        return [row["gain"] for row in rows if row["method"] == first]
    return list(found)


@dataclass(frozen=True)
class _Job:
    problem: Problem
    state: DownlinkState
    config: PluginConfig
    seed: int
    name: str
    chunk: int


def _solve(job: _Job) -> tuple[Allocation, float]:
    streams = Streams(job.seed).child("policy")
    rng = (streams if job.chunk == 0 else streams.child("chunk", job.chunk)).numpy(job.name)
    allocator = job.config.build(job.problem, rng)
    begin = time.perf_counter()
    allocation = allocator.allocate(job.state)
    seconds = time.perf_counter() - begin
    job.problem.check(allocation, job.state)
    return Allocation(allocation.rho, allocation.b_hz, allocation.p_w), seconds


def _side_by_side(jobs: list[_Job], workers: int) -> Iterator[tuple[Allocation, float]]:
    if workers == 1 or len(jobs) == 1:
        yield from map(_solve, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), context, end_with_parent) as pool:
        yield from pool.map(_solve, jobs)


def _rows(state: DownlinkState, chunk: slice) -> DownlinkState:
    return DownlinkState(state.gain[chunk], state.distance_m[chunk])


def _frame(
    name: str,
    problem: Problem,
    state: DownlinkState,
    allocation: Allocation,
    upper_bound: Array,
    seconds: float,
) -> pd.DataFrame:
    proof = certificate(problem.terms(state.gain), allocation, upper_bound)
    count = len(upper_bound)
    return pd.DataFrame(
        {
            "method": name,
            "drop": np.arange(count),
            "utility": proof.utility,
            "utility_bound": proof.upper_bound,
            "gap": proof.gap,
            "violation": proof.violation,
            "seconds": seconds / count,
            "gain": state.gain.tolist(),
            "rho": allocation.rho.tolist(),
            "b_hz": allocation.b_hz.tolist(),
            "p_w": allocation.p_w.tolist(),
        }
    )


def _summary(
    scenario: DownlinkScenario, problem: Problem, table: pd.DataFrame, drops: int
) -> dict[str, Any]:
    methods = {}
    for name, part in table.groupby("method", sort=False):
        methods[str(name)] = {
            "utility": float(part["utility"].mean()),
            "gap": float(part["gap"].mean()),
            "worst_gap": float(part["gap"].max()),
            "violation": float(part["violation"].max()),
            "ms_a_drop": 1e3 * float(part["seconds"].mean()),
            "power_w": float(np.mean([sum(p_w) for p_w in part["p_w"]])),
            "rho": float(np.mean([np.mean(rho) for rho in part["rho"]])),
        }
    return {
        "name": scenario.name,
        "users": len(scenario.user_codecs()),
        "drops": drops,
        "quality_curve": problem.curve.origin,
        "methods": methods,
    }
