"""The tables of a sweep from those of its points."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from semsim.results import Results
from semsim.statistics import mean_interval
from semsim_agents.sweeping.grid import Grid
from semsim_agents.sweeping.points import Measured

#: What names a curve of a task, beside the values of the grid.
CURVES = {
    "downlink": ("allocator",),
    "link": ("channel", "rate", "system", "kind", "snr_db"),
    "adapt": ("mode", "rate", "transport"),
}
#: Wall time, which is another one every time.
_CLOCKS = {"compute_s"}


def gather(grid: Grid, done: Mapping[int, Measured], seconds: float) -> Results:
    """Return the results of a sweep, rows in grid order.

    Args:
        grid: that was swept.
        done: what its points gave, by index.
        seconds: that it took.
    """
    task = grid.base.task
    points = [(point.at, done[point.index]) for point in grid.points]
    rows = [at | row for at, one in points for row in _rows(task, one.summary, at)]
    table = _plain(pd.DataFrame(rows))
    tables = {"sweep": table}
    left_out = []
    for name in dict.fromkeys(name for _, one in points for name in one.tables):
        parts = [(at, one.tables[name]) for at, one in points if name in one.tables]
        joined = _joined(parts)
        # `sweep` is what a link's own table is called.
        own = "points" if name == "sweep" else name
        if joined is None:
            left_out.append(own)
        else:
            tables[own] = joined
    said = [one.summary for _, one in points]
    axes = [axis.path for axis in grid.axes]
    curves = [name for name in (_apart(name, axes) for name in CURVES[task]) if name in table]
    return Results(
        name=grid.base.name,
        task="sweep",
        tables=tables,
        summary={
            "name": grid.base.name,
            "task": task,
            "over": {axis.path: list(axis.values) for axis in grid.axes},
            "points": len(points),
            "curves": curves,
            "tables_left_out": left_out,
            "power_constrained": all(one["power_constrained"] for one in said),
            "snr_convention": ", ".join(dict.fromkeys(one["snr_convention"] for one in said)),
            "rows": _means(table, axes, curves),
        },
        scenario=grid.base.model_dump(mode="json"),
        weights={name: sha for _, one in points for name, sha in one.weights.items()},
        seconds={"sweep": seconds, "points": sum(one.seconds for _, one in points)},
    )


def _rows(task: str, summary: dict[str, Any], at: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row a curve."""
    if task == "downlink":
        rows = [{"allocator": name, **row} for name, row in summary["allocators"].items()]
    elif task == "link":
        rows = summary["points"]
    else:
        kept = {k: v for k, v in summary.items() if isinstance(v, str | int | float)}
        rows = [{k: v for k, v in kept.items() if k != "name" and k not in _CLOCKS}]
    return [{_apart(k, at): v for k, v in row.items()} for row in rows]


def _apart(name: str, axes: Container[str]) -> str:
    """Name a figure: one that is called like an axis becomes ``result.NAME``."""
    return f"result.{name}" if name in axes else name


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Make columns of mixed kinds, such as ``1, calibrated``, text, which Parquet can hold."""
    for name in table.columns:
        kinds = {type(value) for value in table[name] if value is not None}
        if len(kinds) > 1 and str in kinds:
            table[name] = [None if value is None else str(value) for value in table[name]]
    return table


def _joined(parts: Iterable[tuple[dict[str, Any], pa.Table]]) -> pd.DataFrame | None:
    """Put tables below each other, the grid's values first; ``None`` if their columns disagree.

    What only some of them have is empty in the others.
    """
    frames: list[pa.Table] = []
    values: list[dict[str, Any]] = []
    for at, table in parts:
        frames.append(table)
        values += [at] * len(table)
    try:
        joined = pa.concat_tables(frames, promote_options="permissive").to_pandas()
    except pa.ArrowException:
        return None
    grid = _plain(pd.DataFrame(values))
    joined = joined.rename(columns=lambda name: _apart(name, grid.columns))
    return pd.concat([grid, joined], axis=1)


def _means(table: pd.DataFrame, axes: list[str], curves: list[str]) -> list[dict[str, Any]]:
    """Return means over the seeds, with their 95 % intervals, where the seed is swept."""
    by = [name for name in axes if name != "seed"] + curves
    numbers = [
        name
        for name in table.columns
        if name not in axes + curves and pd.api.types.is_numeric_dtype(table[name])
    ]
    groups = table.groupby(by, sort=False, dropna=False) if by else [((), table)]
    rows = []
    for key, part in groups:
        row: dict[str, Any] = dict(zip(by, key, strict=True)) | {"runs": len(part)}
        for name in numbers:
            row[name], half = _interval(part[name].to_numpy(dtype=float))
            if "seed" in axes:
                row[f"{name} ±"] = half
        rows.append(row)
    return rows


def _interval(values: np.ndarray) -> tuple[float, float]:
    """Return mean and half-width; an infinity has no interval."""
    if np.isfinite(values).all():
        return mean_interval(values)
    finite = values[~np.isnan(values)]
    if not len(finite):
        return math.nan, math.nan
    mean = float(finite.mean())
    return mean, mean_interval(finite)[1] if math.isfinite(mean) else math.nan
