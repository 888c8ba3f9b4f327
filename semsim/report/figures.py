"""Figures of a run by matplotlib; each function draws one and returns it."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from semsim.report.dynamic_tables import is_dynamic
from semsim.report.labels import short_labels
from semsim.report.sentences import sentences
from semsim.report.tables import departures
from semsim.results import Pictures, Results

#: Most images side by side in one figure.
MOST_IMAGES = 8
#: Figures of a link that are drawn over the SNR.
_JUDGED = {
    "psnr_db": "PSNR in dB",
    "accuracy": "top-1 accuracy",
    "attributes_right": "attributes right",
    "sentence_right": "sentences right",
    "bleu_1": "BLEU-1",
    "bleu_4": "BLEU-4",
}
_DASHES: Any = ("--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (8, 2)))
STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "font.size": 9.0,
    "axes.titlesize": 10.0,
}


def figures(results: Results) -> dict[str, Figure]:
    """Return every figure of a run by file name (without ending)."""
    with mpl.rc_context(STYLE):
        made = {"images": images(results.pictures)} if results.pictures else {}
        if any(shown.candidates for shown in results.pictures.values()):
            made |= {"candidates": candidates(results.pictures)}
        if told := {t: p for t, p in results.pictures.items() if any(p.sentences)}:
            made |= {"sentences": sentences(told)}
        if results.task == "downlink":
            if is_dynamic(results):
                made |= {"dynamics": dynamics(results)}
            else:
                made |= {"allocation": allocation(results)}
            made |= {"utility": utility(results)}
            if "tuning_images" in results.slots and results.slots["tuning_images"].notna().any():
                made |= {"tuning": tuning(results)}
        elif results.task == "adapt":
            made |= {"convergence": convergence(results)}
        else:
            made |= {"quality": quality(results)}
        if caveat := departures(results.summary):
            for figure in made.values():
                figure.text(0.995, 0.005, caveat, ha="right", color="crimson")
    return made


def images(pictures: dict[str, Pictures]) -> Figure:
    """Draw the originals in the first row and below them what arrived, one row a title.

    Where a label arrived in the place of an image, it is written.
    """
    first = next(iter(pictures.values()))
    count = min(MOST_IMAGES, len(first.original))
    rows = 1 + len(pictures)
    width, height = 2.1 * count + 0.3, 2.35 * rows
    figure = Figure(figsize=(width, height))
    # Fixed margins: fitting them around this many pictures takes seconds.
    margins = {"left": 0.3 / width, "right": 0.995, "bottom": 0.05 / height}
    margins |= {"top": 1 - 0.25 / height, "wspace": 0.04, "hspace": 0.14}
    axes = figure.subplots(rows, count, squeeze=False, gridspec_kw=margins)
    for axis in axes.flat:
        axis.set_axis_off()
    for i in range(count):
        _show(axes[0, i], first.original[i])
        axes[0, i].set_title("sent" if i == 0 else "", loc="left", fontweight="bold")
    titles = short_labels(pictures)
    for row, (title, shown) in enumerate(pictures.items(), start=1):
        for i in range(count):
            word = shown.words[i] if shown.words else None
            if word is None:
                _show(axes[row, i], shown.received[i])
            else:
                axes[row, i].text(0.5, 0.5, word, ha="center", va="center", wrap=True)
            axes[row, i].set_title(shown.captions[i], fontsize=7.5)
        label = axes[row, 0]
        label.text(
            -0.06,
            0.5,
            titles[title],
            fontsize=8.0,
            rotation=90,
            va="center",
            ha="right",
            transform=label.transAxes,
        )
    return figure


def candidates(pictures: dict[str, Pictures]) -> Figure:
    """Draw every image whose receiver chose among several and, beside it, what it chose among."""
    lines = [
        (f"{title}, {shown.captions[i]}", shown.original[i], among)
        for title, shown in pictures.items()
        for i, among in shown.candidates.items()
    ]
    rows, columns = len(lines), 1 + max(len(among) for _, _, among in lines)
    figure = Figure(figsize=(1.1 * columns, 1.5 * rows))
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=1 - 0.3 / (1.5 * rows))
    for axis in axes.flat:
        axis.set_axis_off()
    for row, (title, sent, among) in enumerate(lines):
        _show(axes[row, 0], sent)
        axes[row, 0].set_title(f"sent; {title}", loc="left", fontsize=7.5)
        for place, image in enumerate(among):
            _show(axes[row, 1 + place], image)
    return figure


def _show(axis: mpl.axes.Axes, image: object) -> None:
    pixels = np.asarray(image).transpose(1, 2, 0).clip(0, 1)
    axis.imshow((255 * pixels).round().astype(np.uint8), interpolation="nearest")


def allocation(results: Results) -> Figure:
    """Draw bandwidth, power and ρ of every user in slot 0, by allocator."""
    slots = results.slots[results.slots["slot"] == 0]
    figure = Figure(figsize=(10, 3.3), layout="constrained")
    panels = (
        ("bandwidth_hz", "bandwidth in Hz", "linear"),
        ("power_w", "power in W", "log"),
        ("rho_sent", "ρ sent", "log"),
    )
    names = list(results.summary["allocators"])
    width = 0.8 / len(names)
    for axis, (column, label, scale) in zip(figure.subplots(1, 3), panels, strict=True):
        for i, name in enumerate(names):
            part = slots[slots["allocator"] == name]
            place = part["user"].to_numpy() + (i - (len(names) - 1) / 2) * width
            axis.bar(place, part[column].to_numpy(), width, label=name)
        axis.set(xlabel="user", title=label, yscale=scale)
        axis.set_xticks(range(results.summary["users"]))
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside upper center", ncols=len(names))
    return figure


def utility(results: Results) -> Figure:
    """Draw each allocator's utility: decided, at the rates sent, measured."""
    rows = results.summary["allocators"]
    kinds = {
        "utility": "decided (quality curve)",
        "utility_sent": "at rates sent (quality curve)",
        "utility_measured": "measured on what was delivered",
    }
    figure = Figure(figsize=(1.8 + 2.2 * len(rows), 3.0), layout="constrained")
    axis = figure.subplots()
    for i, (column, label) in enumerate(kinds.items()):
        values = [row[column] for row in rows.values()]
        bars = axis.bar(np.arange(len(rows)) + (i - 1) * 0.27, values, 0.25, label=label)
        axis.bar_label(bars, fmt="%.1f", fontsize=7.5)
    axis.set_xticks(range(len(rows)), list(rows))
    axis.set(ylabel="utility U (FTSC eq. 24)")
    axis.legend(frameon=False, fontsize=7.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def dynamics(results: Results) -> Figure:
    """Draw over the slots, by allocator: who waits, what the battery holds, the utility so far."""
    slots = results.slots
    panels = {"waiting": "requests waiting", "utility_measured": "utility so far, measured"}
    if "energy_left_j" in slots:
        panels["energy_left_j"] = "energy left in J"
    figure = Figure(figsize=(1.2 + 3.6 * len(panels), 3.3), layout="constrained")
    axes = figure.subplots(1, len(panels))
    for axis, (column, label) in zip(axes, panels.items(), strict=True):
        for name, part in slots.groupby("allocator", sort=False):
            by_slot = part.groupby("slot")[column]
            values = by_slot.sum() if column == "waiting" else by_slot.first()
            if column == "utility_measured":
                values = values.cumsum()
            axis.plot(values.index, values, label=name, lw=1.2)
        axis.set(xlabel="slot", title=label)
    handles, labels = axes[0].get_legend_handles_labels()
    count = len(results.summary["allocators"])
    figure.legend(handles, labels, frameon=False, loc="outside upper center", ncols=count)
    return figure


def quality(results: Results) -> Figure:
    """Draw what was measured of quality over SNR with 95 % intervals, and what was lost.

    A column of panels a channel and rate. Full lines were measured; dashed ones are bounds (black)
    or references (grey). Long names are shortened.
    """
    points = pd.DataFrame(results.summary["points"])
    groups = list(points.groupby(["channel", "rate"], sort=False))
    judged = [name for name in _JUDGED if name in points and points[name].notna().any()]
    figure = Figure(
        figsize=(1.5 + 4.4 * len(groups), 2.0 + 3.6 * len(judged)), layout="constrained"
    )
    grid = figure.subplots(
        len(judged) + 1,
        len(groups),
        squeeze=False,
        sharex=True,
        sharey="row",
        height_ratios=(*(3 for _ in judged), 1),
    )
    styles = _line_styles(points)
    for panels, ((channel, rate), part) in zip(grid.T, groups, strict=True):
        for axis, name in zip(panels, judged, strict=False):
            _draw_quality(axis, part[part[name].notna()], name, styles)
        measured = part[part["kind"] == "measured"]
        for name, line in measured.groupby("system", sort=False):
            lost = np.maximum(line["outage"].astype(float), line["block_error_rate"].astype(float))
            panels[-1].plot(
                line["snr_db"], lost, marker="o", markersize=3, color=styles[name]["color"]
            )
        panels[0].set(title=f"{channel}, {rate}")
        panels[-1].set(xlabel="Es/N0 in dB", ylim=(-0.05, 1.05))
    for axis, name in zip(grid[:, 0], judged, strict=False):
        axis.set(ylabel=_JUDGED[name])
    grid[-1, 0].set(ylabel="share lost")
    legend: dict[str, Any] = {}
    for axis in grid[:-1, 0]:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            legend.setdefault(label, handle)
    handles, names = list(legend.values()), list(legend)
    figure.legend(handles, names, frameon=False, loc="outside right upper", fontsize=8.0)
    return figure


def _line_styles(points: pd.DataFrame) -> dict[str, Any]:
    """Return how each system's line is drawn and what the legend calls it."""
    labels = short_labels(points["system"])
    kinds = points.drop_duplicates("system").set_index("system")["kind"]
    styles: dict[str, Any] = {}
    for i, name in enumerate(kinds.index[kinds == "measured"]):
        styles[name] = {"color": f"C{i}", "marker": "o", "markersize": 3, "label": labels[name]}
    for i, name in enumerate(kinds.index[kinds != "measured"]):
        styles[name] = {
            "color": "black" if kinds[name] == "bound" else "0.5",
            "linestyle": _DASHES[i % len(_DASHES)],
            "linewidth": 1.2,
            "label": f"{labels[name]} ({kinds[name]})",
        }
    return styles


def _draw_quality(axis: Any, points: pd.DataFrame, figure: str, styles: dict[str, Any]) -> None:
    for name, line in points.groupby("system", sort=False):
        snr, mean = line["snr_db"], line[figure].astype(float)
        axis.plot(snr, mean, **styles[name])
        if line["kind"].iloc[0] != "measured":
            continue
        if figure != "psnr_db":
            if line.get(f"{figure}_interval", line[figure][:0]).isna().all():
                continue
            low, high = np.array(line[f"{figure}_interval"].tolist()).T
        else:
            half = line["interval_db"].astype(float).fillna(0.0)
            low, high = mean - half, mean + half
        axis.fill_between(snr, low, high, alpha=0.12, color=styles[name]["color"])


def tuning(results: Results) -> Figure:
    """Draw by slot what fine-tuning brings to the users who tune, and what it has cost so far.

    A vertical line is a round of fine-tuning; it is dotted where nothing had arrived.
    """
    slots = results.slots[results.slots["allocator"] == results.slots["allocator"].iloc[0]]
    figure = Figure(figsize=(9, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for user, part in slots.groupby("user"):
        rounds = part[part["tuning_images"].notna()]
        if rounds.empty:
            continue
        gain = part["psnr_db"] - part["psnr_deployed_db"]
        left.plot(part["slot"], gain, "o-", ms=3, label=f"user {user}")
        for slot, images in zip(rounds["slot"], rounds["tuning_images"], strict=True):
            style = "-" if images else ":"
            left.axvline(slot + 0.5, color="0.8", lw=0.8, ls=style, zorder=0)
        right.plot(part["slot"], part["tuning_energy_j"].cumsum(), "o-", ms=3, label=f"user {user}")
    left.axhline(0, color="0.5", lw=0.8)
    left.set(xlabel="slot", title="PSNR over that of the decoder deployed, in dB")
    right.set(xlabel="slot", title="energy of fine-tuning so far, in J")
    left.legend(frameon=False)
    return figure


def convergence(results: Results) -> Figure:
    """Draw the loss of every iteration, and the PSNR of the judged images where it was measured."""
    steps = results.tables["steps"]
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    left = figure.subplots()
    left.plot(steps["step"], steps["loss"], color="C0", lw=0.8)
    left.set(xlabel="iteration", yscale="log")
    left.set_ylabel("loss of the decoder", color="C0")
    right = left.twinx()
    watched = steps.dropna(subset=["psnr_db"])
    before = results.summary["psnr_db_before"]
    right.plot([0, *watched["step"]], [before, *watched["psnr_db"]], "o-", color="C1", ms=3)
    right.axhline(before, color="C1", ls=":", lw=0.8)
    right.set_ylabel("PSNR of images not tuned on, in dB", color="C1")
    right.grid(visible=False)
    left.set_title(f"{results.summary['mode'].upper()}: dotted, before fine-tuning")
    return figure
