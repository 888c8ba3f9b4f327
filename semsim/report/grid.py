"""Table and figure of a scenario that was run over a grid."""

from __future__ import annotations

import math
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from semsim.report.cells import Table
from semsim.report.figures import STYLE
from semsim.report.labels import short_labels
from semsim.report.tables import departures
from semsim.results import Results

#: Heads and formats of the figures to show, by task; those that a run does not have are left out.
_SHOWN = {
    "downlink": {
        "utility": ("utility\ndecided", ".2f"),
        "gap": ("gap to\noptimum", ".1e"),
        "utility_measured": ("utility\nmeasured", ".2f"),
        "psnr_db": ("PSNR\ndB", ".2f"),
        "ssim": ("SSIM", ".3f"),
        "delivered_share": ("delivered\nshare", ".3f"),
        "slowest_s": ("slowest\ns", ".2f"),
        "energy_j": ("energy\nJ", ".3g"),
    },
    "link": {
        "psnr_db": ("PSNR\ndB", ".2f"),
        "ssim": ("SSIM", ".3f"),
        "accuracy": ("accuracy", ".3f"),
        "attributes_right": ("attributes\nright", ".3f"),
        "sentence_right": ("sentences\nright", ".3f"),
        "bleu_1": ("BLEU-1", ".3f"),
        "bleu_4": ("BLEU-4", ".3f"),
        "block_error_rate": ("blocks\nlost", ".3f"),
        "outage": ("outage", ".3f"),
        "cbr": ("CBR", ".4f"),
    },
    "adapt": {
        "psnr_db_before": ("PSNR dB\nbefore", ".2f"),
        "psnr_db_after": ("PSNR dB\nafter", ".2f"),
        "psnr_db_gain": ("gain\ndB", "+.2f"),
        "ssim_gain": ("gain\nSSIM", "+.4f"),
        "channel_uses": ("channel\nuses", ",.0f"),
    },
}
#: Figures that are shown with their interval.
_WITH_INTERVAL = {"utility", "utility_measured", "psnr_db", "psnr_db_gain", "accuracy"}
#: What the figure draws, by task.
_DRAWN = {
    "downlink": {"utility": "utility decided", "utility_measured": "utility measured"},
    "link": {
        "psnr_db": "PSNR in dB",
        "accuracy": "top-1 accuracy",
        "sentence_right": "sentences right",
    },
    "adapt": {"psnr_db_gain": "gain of fine-tuning in dB"},
}
#: Most lines in a figure that are told apart.
_MOST_LINES = 12


def grid_tables(results: Results) -> list[Table]:
    """Return one table: a row for each point and curve, means over the seeds if those are swept."""
    said = results.summary
    axes = [path for path in said["over"] if path != "seed"]
    shown = {name: how for name, how in _SHOWN[said["task"]].items() if name in said["rows"][0]}
    rows = tuple(
        (
            *(_value(row[name]) for name in axes + said["curves"]),
            *(_cell(row, name, form) for name, (_, form) in shown.items()),
        )
        for row in said["rows"]
    )
    heads = (*axes, *said["curves"], *(head for head, _ in shown.values()))
    title = f"{said['name']} over {', '.join(said['over'])}: {said['points']} points"
    if caveat := departures(said):
        title += f" ({caveat})"
    note = "Every point and every figure is in sweep.parquet."
    if len(seeds := said["over"].get("seed", ())) > 1:
        note = f"Means of {len(seeds)} seeds, with 95 % intervals over them. {note}"
    if said["tables_left_out"]:
        note += f" Of the points' own tables, {', '.join(said['tables_left_out'])} do not agree."
    return [Table(title, heads, rows, note)]


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace('"', "")


def _cell(row: dict[str, Any], name: str, form: str) -> str:
    value, half = row.get(name), row.get(f"{name} ±")
    if value is None or math.isnan(value):
        return "–"
    told = name in _WITH_INTERVAL and half is not None and math.isfinite(half)
    return f"{value:{form}} ± {half:.2g}" if told else f"{value:{form}}"


def grid_figures(results: Results) -> dict[str, Figure]:
    """Draw a figure over the first axis of numbers; none where there is no such axis.

    Lines are means over the seeds, with their 95 % intervals, unless the seed is the only axis.
    """
    said = results.summary
    across = _across(said)
    if across is None:
        return {}
    rows = results.tables["sweep"] if across == "seed" else pd.DataFrame(said["rows"])
    panels = {name: label for name, label in _DRAWN[said["task"]].items() if name in rows}
    by = [
        name
        for name in [*said["over"], *said["curves"]]
        if name not in ("seed", across) and rows[name].nunique(dropna=False) > 1
    ]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.5 + 4.2 * len(panels), 3.6), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axis, (column, label) in zip(axes, panels.items(), strict=True):
            _draw(axis, rows, across, column, by)
            axis.set(xlabel=across, title=label)
        shown = axes[0].get_legend_handles_labels()
        if by and len(shown[0]) <= _MOST_LINES:
            figure.legend(*shown, frameon=False, loc="outside right upper", fontsize=8.0)
        if caveat := departures(said):
            figure.text(0.995, 0.005, caveat, ha="right", color="crimson")
    return {"sweep": figure}


def _across(said: dict[str, Any]) -> str | None:
    """Return the axis to draw over: numbers, and the seed only if there are no others."""
    numbers = [
        path
        for path, values in said["over"].items()
        if len(values) > 1 and all(type(value) in (int, float) for value in values)
    ]
    others = [path for path in numbers if path != "seed"]
    if said["task"] == "link" and not others:
        others = [name for name in said["curves"] if name.removeprefix("result.") == "snr_db"]
    return next(iter(others or numbers), None)


def _draw(axis: Any, rows: pd.DataFrame, across: str, column: str, by: list[str]) -> None:
    groups = list(rows.groupby(by, sort=False, dropna=False)) if by else [((), rows)]
    names = [", ".join(_value(value) for value in key) for key, _ in groups]
    labels = short_labels(names)
    for name, (_, line) in zip(names, groups, strict=True):
        line = line.sort_values(across)
        x, y = line[across].astype(float), line[column].astype(float)
        (drawn,) = axis.plot(x, y, marker="o", ms=3, label=labels[name])
        if f"{column} ±" in line:
            half = line[f"{column} ±"].astype(float).fillna(0.0)
            axis.fill_between(x, y - half, y + half, alpha=0.12, color=drawn.get_color())
    x = rows[across].astype(float)
    if x.min() > 0 and x.max() / x.min() > 50:
        axis.set_xscale("log")
