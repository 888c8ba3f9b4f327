"""Accuracy over SNR of several systems: measured image by image, compared in pairs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from semsim.experiments.definition import Setting
from semsim.experiments.sweeps import run_sweep
from semsim.report.cells import Table
from semsim.results import Results
from semsim.statistics import mean_interval, share_interval

CHANNELS = ("awgn", "rayleigh")
SNRS_DB = {"start": -10, "stop": 25, "step": 5}
SEED = 3


def measure_accuracy(
    name: str, systems: list[dict[str, Any]], source: dict[str, Any], images: int, setting: Setting
) -> tuple[pd.DataFrame, Results]:
    """Send the same images by every system over both channels; return one row an image and SNR."""
    results = run_sweep(
        {
            "name": name,
            "seed": SEED,
            "source": source,
            "systems": systems,
            "channels": list(CHANNELS),
            "snr_db": SNRS_DB,
            "images": images,
        },
        setting,
    )
    columns = ["channel", "system", "snr_db", "image", "accuracy", "channel_uses"]
    rows = results.tables["sweep"][columns]
    return rows.rename(columns={"accuracy": "right"}), results


def curves(images: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy with its 95 % interval (Wilson) by data, channel, system and SNR."""
    names = ["dataset", "channel", "system", "snr_db"]
    made = []
    for key, part in images.groupby(names, sort=False):
        share = float(part["right"].mean())
        low, high = share_interval(share, part["image"].nunique())
        uses = float(part["channel_uses"].mean())
        made.append((*key, share, low, high, uses))
    return pd.DataFrame(made, columns=[*names, "accuracy", "low", "high", "channel_uses"])


def lead(images: pd.DataFrame, channel: str, system: str, rival: str) -> pd.DataFrame:
    """Return by SNR how much more often ``system`` is right, in points, with 95 % intervals.

    The images are the same for both: their differences are the samples (Student's t).
    """
    rows = images[images["channel"] == channel]
    right = rows.pivot_table(
        index=["snr_db", "image"], columns="system", values="right", aggfunc="mean"
    ).astype(float)
    points = 100.0 * (right[system] - right[rival])
    found = [(snr_db, *mean_interval(part)) for snr_db, part in points.groupby("snr_db")]
    made = pd.DataFrame(found, columns=["snr_db", "lead", "half_width"])
    return made.set_index("snr_db").fillna(0.0)


def kept(
    images: pd.DataFrame, channel: str, system: str, rival: str, snr_db: float
) -> tuple[float, float, float]:
    """Return the ratio of two accuracies in percent with its 95 % interval (delta method).

    Of a rival that is never right there is none (NaN).
    """
    rows = images[(images["channel"] == channel) & (images["snr_db"] == snr_db)]
    right = rows.pivot_table(index="image", columns="system", values="right", aggfunc="mean")
    own, other = right[system].astype(float), right[rival].astype(float)
    if not other.any():
        return math.nan, math.nan, math.nan
    ratio = float(own.mean() / other.mean())
    _, half = mean_interval(((own - ratio * other) / other.mean()).to_numpy())
    half = float(np.nan_to_num(half))
    return 100.0 * ratio, 100.0 * (ratio - half), 100.0 * (ratio + half)


def accuracy_tables(rows: pd.DataFrame) -> list[Table]:
    """One table a data set and channel: accuracies in percent by system and SNR."""
    made = []
    for (dataset, channel), part in rows.groupby(["dataset", "channel"], sort=False):
        snrs = sorted(part["snr_db"].unique())
        widest = 50.0 * float((part["high"] - part["low"]).max())
        body = []
        for system, line in part.groupby("system", sort=False):
            found = line.set_index("snr_db")["accuracy"]
            uses = f"{line['channel_uses'].mean():.0f}"
            body.append((str(system), uses, *(f"{100 * found[snr]:.1f}" for snr in snrs)))
        heads = ("system", "channel uses", *(f"{snr:g}" for snr in snrs))
        title = f"Top-1 accuracy in % by SNR in dB: {dataset}, {channel}"
        note = f"95 % intervals (Wilson) are at most ± {widest:.1f}."
        made.append(Table(title, heads, tuple(body), note))
    return made


def accuracy_figures(name: str, rows: pd.DataFrame) -> dict[str, Figure]:
    """Return a figure for each data set, called by it where there are several."""
    groups = rows.groupby("dataset", sort=False)
    return {
        name if groups.ngroups == 1 else f"{name}-{dataset}": accuracy_figure(part)
        for dataset, part in groups
    }


def accuracy_figure(rows: pd.DataFrame) -> Figure:
    """Accuracy over SNR with intervals, a panel a channel."""
    channels = list(rows["channel"].unique())
    figure = Figure(figsize=(5.2 * len(channels), 4), layout="constrained")
    panels = figure.subplots(1, len(channels), squeeze=False, sharey=True)[0]
    for panel, channel in zip(panels, channels, strict=True):
        part = rows[rows["channel"] == channel]
        for i, (system, line) in enumerate(part.groupby("system", sort=False)):
            found = line.sort_values("snr_db")
            panel.plot(
                found["snr_db"], 100 * found["accuracy"], "o-", ms=3, color=f"C{i}", label=system
            )
            panel.fill_between(
                found["snr_db"], 100 * found["low"], 100 * found["high"], color=f"C{i}", alpha=0.15
            )
        panel.set(xlabel="SNR in dB", title=channel)
    panels[0].set(ylabel="top-1 accuracy in %")
    panels[0].legend(frameon=False, fontsize=8)
    return figure
