"""The course of architecture searches, in the three panels of RKD-SC's Fig. 7."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Parameters are shown in millions.
_MILLION = 1e6


def search_figure(epochs: pd.DataFrame, stages: pd.DataFrame, title: str = "") -> Figure:
    """Draw accuracy, parameters and choices of searches over their epochs.

    Left: validation accuracy of the supernet, the mean over seeds and their range. Centre: total
    parameters of the selected architecture over epochs (line) and how often each total was selected
    (bars). Right: how often each number of blocks was selected, by stage.

    Args:
        epochs: ``method, seed, epoch, accuracy, selected_parameters``.
        stages: ``method, seed, epoch, stage, blocks, selected``.
        title: above all.
    """
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    left, centre, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.35))
    methods = list(epochs["method"].unique())
    for colour, method in enumerate(methods):
        own = epochs[epochs["method"] == method]
        _spread(left, own, "accuracy", method, f"C{colour}", 1.0)
        _spread(centre, own, "selected_parameters", method, f"C{colour}", _MILLION)
    left.set(xlabel="epoch", ylabel="validation accuracy", title="supernet")
    left.legend(frameon=False)
    centre.set(xlabel="epoch", ylabel="selected parameters in millions", title="all stages")
    _totals(centre, epochs, methods)
    _choices(right, stages, methods)
    if title:
        figure.suptitle(title)
    return figure


def _spread(
    axis: Axes, rows: pd.DataFrame, name: str, label: str, colour: str, unit: float
) -> None:
    by_epoch = rows.groupby("epoch")[name]
    mean, low, high = (by_epoch.agg(how) / unit for how in ("mean", "min", "max"))
    axis.plot(mean.index, mean, color=colour, label=label)
    axis.fill_between(mean.index, low, high, color=colour, alpha=0.15, lw=0)


def _totals(axis: Axes, epochs: pd.DataFrame, methods: list[str]) -> None:
    """Lay a histogram of the selected totals along the right edge."""
    edge = axis.twiny()
    totals = epochs["selected_parameters"] / _MILLION
    low, high = float(totals.min()), float(totals.max())
    bins = np.linspace(low - 0.02, high + 0.02, 16).tolist()
    for colour, method in enumerate(methods):
        own = totals[epochs["method"] == method]
        edge.hist(own, bins, orientation="horizontal", color=f"C{colour}", alpha=0.35)
    longest = edge.get_xlim()[1]
    edge.set(xlim=(4 * longest, 0), xticks=[])
    edge.grid(visible=False)


def _choices(axis: Axes, stages: pd.DataFrame, methods: list[str]) -> None:
    width = 0.8 / len(methods)
    depths = sorted(stages["blocks"].unique())
    ticks, names = [], []
    for number, stage in enumerate(sorted(stages["stage"].unique())):
        first = number * (len(depths) + 1)
        for colour, method in enumerate(methods):
            own = stages[(stages["stage"] == stage) & (stages["method"] == method)]
            frequency = own.groupby("blocks")["selected"].mean()
            places = first + np.arange(len(depths)) + (colour + 0.5) * width - 0.4
            axis.bar(places, frequency.reindex(depths), width, color=f"C{colour}")
        ticks += [first + i for i in range(len(depths))]
        names += [str(depth) for depth in depths]
        axis.text(first + 2, 1.02, f"layer {stage}", ha="center", fontsize=8)
    axis.set_xticks(ticks, names, fontsize=7)
    axis.set(ylim=(0, 1.1), xlabel="blocks", ylabel="share of epochs, selected")
    axis.grid(visible=False, axis="x")
