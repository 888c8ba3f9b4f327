"""Measures all points of a link scenario: in several processes, and again only what is missing."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from semsim.results import Pictures, Results, recorded_versions
from semsim.scenario import LinkScenario
from semsim.sweep.bench import Bench, Measured, Point
from semsim.sweep.summary import summarise
from semsim.types import Report
from semsim.workers import end_with_parent

#: Before the number of an image, what its receiver chose among.
_AMONG = "candidates "


def sweep(
    scenario: LinkScenario,
    *,
    workers: int = 1,
    keep: Path | None = None,
    report: Report = lambda _done, _total, _what: None,
) -> Results:
    """Measure every point of ``scenario``.

    The table is the same whatever the number of workers: each point has random numbers of its
    own, and each worker computes with one thread.

    Args:
        scenario: systems, channels, SNRs, limits.
        workers: processes that measure side by side; 1 measures in this one.
        keep: folder for finished points. Points found there are not measured again; it must belong
            to this very scenario (:func:`folder_of_points`).
        report: told about progress.

    Raises:
        SemsimError: for wrong scenarios, missing weights, unreadable images.
        ValueError: if ``workers`` is not positive.
    """
    if workers < 1:
        raise ValueError(f"there must be at least one worker, got {workers}")
    with closing(Bench(scenario)) as bench:
        return _sweep(bench, workers, keep, report)


def _sweep(bench: Bench, workers: int, keep: Path | None, report: Report) -> Results:
    started = time.perf_counter()
    scenario = bench.scenario
    points = bench.points()
    if keep is not None:
        keep /= _under_weights(bench)
    seconds = {"build": time.perf_counter() - started}
    started = time.perf_counter()
    done: dict[Point, Measured] = {}
    for point in points:
        if keep is not None and (found := _read(keep, point)) is not None:
            done[point] = found
    missing = [point for point in points if point not in done]
    report(len(done), len(points), "starting" if missing else "done")
    for point, measured in _measure(bench, missing, workers):
        if keep is not None:
            _write(keep, point, measured)
        done[point] = measured
        report(len(done), len(points), str(point.key).replace("|", ", ") + " dB")
    seconds["measure"] = time.perf_counter() - started
    table = pd.concat([done[point].rows for point in points], ignore_index=True)
    table["outage"] = table["outage"].astype("boolean")  # limits have none
    return Results(
        name=scenario.name,
        task="link",
        tables={"sweep": table},
        summary=summarise(table, scenario, bench.source.shape),
        scenario=scenario.model_dump(mode="json"),
        pictures=_chosen(points, done),
        weights=bench.codecs.weights(),
        seconds=seconds,
    )


def folder_of_points(out: Path, scenario: LinkScenario) -> Path:
    """Return where the points of an unfinished sweep are kept: by all that decides its results."""
    decides = json.dumps([recorded_versions(), scenario.model_dump(mode="json")], sort_keys=True)
    digest = hashlib.sha256(decides.encode()).hexdigest()[:12]
    return out / f".{scenario.name}-{digest}.unfinished"


def _under_weights(bench: Bench) -> str:
    """Return the name of the folder of points that were measured with the weights of today.

    A name or a path of weights may stand for others when a sweep goes on.
    """
    hashes = json.dumps(bench.codecs.hashes())
    return hashlib.sha256(hashes.encode()).hexdigest()[:12]


def forget(keep: Path) -> None:
    """Remove the points of a sweep."""
    shutil.rmtree(keep, ignore_errors=True)


def _measure(bench: Bench, points: list[Point], workers: int) -> Iterator[tuple[Point, Measured]]:
    if workers == 1 or len(points) < 2:
        with _one_thread():
            for point in points:
                yield point, bench.measure(point)
        return
    # Forked children would share locks and generators of the parent's threads.
    context = multiprocessing.get_context("spawn")
    text = bench.scenario.model_dump_json()
    pool = ProcessPoolExecutor(workers, context, initializer=_start, initargs=(text,))
    try:
        waiting: dict[Future[Measured], Point] = {
            pool.submit(_measure_here, point): point for point in points
        }
        while waiting:
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                yield waiting.pop(future), future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


_bench: Bench | None = None


def _start(text: str) -> None:
    """Prepare a worker process."""
    global _bench
    end_with_parent()
    torch.set_num_threads(1)
    _bench = Bench(LinkScenario.model_validate_json(text))


def _measure_here(point: Point) -> Measured:
    if _bench is None:
        raise RuntimeError("this process was not started as a worker")
    return _bench.measure(point)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _path(keep: Path, point: Point) -> Path:
    return keep / f"{hashlib.sha256(point.key.encode()).hexdigest()[:20]}.parquet"


def _write(keep: Path, point: Point, measured: Measured) -> None:
    """Keep a point: it is there whole or not at all, its pictures before its rows."""
    keep.mkdir(parents=True, exist_ok=True)
    path = _path(keep, point)
    temporary = path.with_suffix(".tmp")
    if measured.pictures is not None:
        shown = measured.pictures
        images = {"original": shown.original, "received": shown.received}
        images |= {f"{_AMONG}{i}": among for i, among in shown.candidates.items()}
        said = {"captions": shown.captions, "sentences": shown.sentences}
        save_file(images, temporary, {name: json.dumps(texts) for name, texts in said.items()})
        os.replace(temporary, path.with_suffix(".safetensors"))
    measured.rows.to_parquet(temporary, index=False)
    os.replace(temporary, path)


def _read(keep: Path, point: Point) -> Measured | None:
    """Return a point that was measured before, ``None`` if it was not or lacks texts of today."""
    path = _path(keep, point)
    if not path.exists():
        return None
    pictures = None
    if path.with_suffix(".safetensors").exists():
        with safe_open(path.with_suffix(".safetensors"), "pt") as file:
            texts = file.metadata() or {}
            if not {"captions", "sentences"} <= texts.keys():
                return None
            captions = tuple(json.loads(texts["captions"]))
            told = json.loads(texts["sentences"])
            pairs = tuple(None if pair is None else (pair[0], pair[1]) for pair in told)
            held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        pictures = Pictures(
            held["original"],
            held["received"],
            captions,
            candidates={
                int(name.removeprefix(_AMONG)): held[name]
                for name in sorted(held)
                if name.startswith(_AMONG)
            },
            sentences=pairs,
        )
    return Measured(pd.read_parquet(path), pictures)


def _chosen(points: list[Point], done: dict[Point, Measured]) -> dict[str, Pictures]:
    """Return the pictures of the first channel and of every system's first rate."""
    chosen: dict[str, Pictures] = {}
    first_rate: dict[str, str] = {}
    for point in points:
        pictures = done[point].pictures
        same = first_rate.setdefault(point.system, point.rate) == point.rate
        if pictures is not None and same and point.channel == points[0].channel:
            title = f"{point.system} {point.rate}, {point.channel}, {point.snr_db:g} dB"
            chosen[title] = pictures
    return chosen
