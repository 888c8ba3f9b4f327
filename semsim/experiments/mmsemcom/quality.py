"""Quality over SNR and over distance: one sweep, of which Fig. 7 to 10 each show a part.

The paper's path loss is L(d) = √(d^-α) with α = 2, and a power of 20 dBm; the noise is not stated.
Thermal noise in any usual bandwidth would leave more than 60 dB at 200 m. Here it is what leaves
0 dB there, and 12 dB at 50 m, so that distances cover the range over which quality changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from semsim.engine.config import LogDistance
from semsim.engine.propagation import path_gain
from semsim.experiments.definition import Measured, Scale, Setting, Verdict
from semsim.experiments.mmsemcom import systems
from semsim.experiments.mmsemcom.systems import FIXED, all_systems
from semsim.experiments.mmsemcom.yardsticks import CHECKS, yardsticks
from semsim.experiments.sweeps import run_sweep
from semsim.experiments.verdicts import of_leads
from semsim.report.cells import Table
from semsim.statistics import mean_interval
from semsim.units import linear_to_db

#: How long the sweep takes that Fig. 7 to 10 share.
TAKES: dict[Scale, str] = {
    "small": "about 7 minutes on two cores, once for Fig. 7 to 10",
    "paper": "generators, banks of 10,000 images and rivals on two data sets: days on GPUs",
}
#: How long at full scale what comes after that sweep takes.
TAKES_THEN = "minutes after mmsemcom-fig7, whose trainings and banks it shares"
CHANNELS = ("awgn", "rayleigh")
SNRS_DB = (0.0, 3.0, 6.0, 9.0, 10.0, 12.0, 15.0, 20.0)
DISTANCES_M = (50.0, 75.0, 100.0, 125.0, 150.0, 175.0, 200.0)
_POWER_DBM, _NOISE_DBM = 20.0, -26.0
SEED = 11
#: Of PSNRs in dB: equal images would have an infinite one.
MOST_DB = 100.0
#: What is measured on images, and how it is called.
FIGURES = {"psnr_db": "PSNR in dB", "ssim": "SSIM", "ms_ssim": "MS-SSIM"}
_KEYS = ["dataset", "channel", "system", "snr_db"]
_CAVEATS = (
    "What MMSemCom delivers is an image of the bank, never the one that was sent: the nearest of "
    "the bank by pixels is the most that selection can reach, a random one of the class the least.",
    "Channel uses differ by two orders of magnitude; they stand beside every system.",
    f"{FIXED[0]} and {FIXED[1]} send files of any length by QPSK and LDPC of rate 0.44: the paper "
    "says nothing of their modulation and code. An image whose file is lost counts as mid-grey.",
    f"Distances are SNRs at {_POWER_DBM:g} dBm, a noise of {_NOISE_DBM:g} dBm and no other loss "
    "than d^-2; the paper does not state the noise.",
)
_SMALL = (
    "DeepJSCC and WITT are the networks that ship, trained on photographs; LaMoSC has learnt from "
    "such pictures as are sent, and MMSemCom's generator from these very classes.",
)


def snr_at_db(distance_m: float) -> float:
    """Return the SNR at a distance, by L(d)² = d^-2 and the powers above, to 0.01 dB."""
    gain = path_gain(np.array(distance_m), LogDistance(reference_gain_db=0.0))
    return round(_POWER_DBM - _NOISE_DBM + float(linear_to_db(gain)), 2)


#: Distances by the SNR there.
PLACES = {snr_at_db(distance): distance for distance in DISTANCES_M}
#: The SNR at the greatest distance.
FARTHEST_DB = min(PLACES)


def measure(setting: Setting) -> Measured:
    """Send the same images by every system over both channels, at all SNRs and distances.

    Returns:
        ``images``, a row an image, data set, channel, system and SNR; ``checks``, a row an image
        and check.
    """
    levels = [*SNRS_DB, *PLACES]
    images, checks = [], []
    weights: dict[str, str] = {}
    for data in systems.data_sets(setting):
        results = run_sweep(
            {
                "name": f"mmsemcom-{data.name}",
                "seed": SEED,
                "source": data.test,
                "systems": all_systems(data),
                "channels": list(CHANNELS),
                "snr_db": list(dict.fromkeys(levels)),
                "images": data.images,
            },
            setting,
        )
        rows = results.tables["sweep"][[*_KEYS[1:], "image", *FIGURES, "channel_uses", "outage"]]
        images.append(rows.assign(dataset=data.name))
        checks.append(yardsticks(data).assign(dataset=data.name))
        weights |= results.weights
    found = pd.concat(images, ignore_index=True)
    found["psnr_db"] = found["psnr_db"].clip(upper=MOST_DB)
    tables = {"images": found, "checks": pd.concat(checks, ignore_index=True)}
    return Measured(tables, weights, _CAVEATS + (_SMALL if setting.scale == "small" else ()))


def judged_by(rows: pd.DataFrame, similarity: bool) -> str:
    """Return the column to judge ``rows`` by: PSNR, or MS-SSIM, for which SSIM stands in.

    Images of 32×32 have no MS-SSIM, since its five scales do not fit.
    """
    if not similarity:
        return "psnr_db"
    return "ms_ssim" if rows["ms_ssim"].notna().all() else "ssim"


def curves(images: pd.DataFrame, similarity: bool) -> pd.DataFrame:
    """Return the mean of the figure with its 95 % interval (Student's t) by ``_KEYS``."""
    made = []
    for dataset, part in images.groupby("dataset", sort=False):
        name = judged_by(part, similarity)
        for key, rows in part.groupby(_KEYS[1:], sort=False):
            mean, half = mean_interval(rows[name].to_numpy())
            uses = float(rows["channel_uses"].mean())
            made.append((dataset, *key, name, mean, half, uses))
    return pd.DataFrame(made, columns=[*_KEYS, "figure", "mean", "half_width", "channel_uses"])


def lead(
    images: pd.DataFrame,
    pair: tuple[str, str],
    levels: Sequence[float],
    *,
    channels: Sequence[str] = CHANNELS,
    similarity: bool = False,
) -> pd.DataFrame:
    """Return by how much the first of ``pair`` is better, with 95 % intervals (Student's t).

    Both send the same images: their differences are the samples.

    Returns:
        ``dataset, channel, snr_db, lead, half_width``.
    """
    rows = images[images["channel"].isin(channels) & images["snr_db"].isin(levels)]
    made = []
    for dataset, part in rows.groupby("dataset", sort=False):
        name = judged_by(part, similarity)
        wide = part.pivot_table(index=["channel", "snr_db", "image"], columns="system", values=name)
        gained = wide[pair[0]] - wide[pair[1]]
        for (channel, snr_db), values in gained.groupby(level=["channel", "snr_db"]):
            made.append((dataset, channel, snr_db, *mean_interval(values.to_numpy())))
    columns = ["dataset", "channel", "snr_db", "lead", "half_width"]
    return pd.DataFrame(made, columns=columns).fillna(0.0)


def compare(
    images: pd.DataFrame,
    pair: tuple[str, str],
    levels: Sequence[float],
    *,
    channels: Sequence[str] = CHANNELS,
    similarity: bool = False,
) -> Verdict:
    """Judge whether the first of ``pair`` is the better at all ``levels`` of SNR in dB."""
    found = lead(images, pair, levels, channels=channels, similarity=similarity)
    ends = dict.fromkeys((found["lead"].idxmin(), found["lead"].idxmax()))
    form = "{:+.3f} ± {:.3f}" if similarity else "{:+.2f} ± {:.2f} dB"
    said = ", ".join(
        f"{form.format(row['lead'], row['half_width'])} ({row['dataset']}, {row['channel']}, "
        f"{row['snr_db']:g} dB)"
        for row in (found.loc[place] for place in ends)
    )
    because = f"{pair[0]} over {pair[1]}: {said}"
    return of_leads(found["lead"], found["half_width"], because)


def quality_tables(measured: Measured, levels: dict[float, str], similarity: bool) -> list[Table]:
    """One table a data set and channel, with the checks below.

    Args:
        measured: what :func:`measure` found.
        levels: by SNR, what heads its column.
        similarity: whether to show MS-SSIM or SSIM instead of PSNR.
    """
    images, checks = measured.tables["images"], measured.tables["checks"]
    rows = curves(images[images["snr_db"].isin(levels)], similarity)
    form = "{:.3f}" if similarity else "{:.1f}"
    made = []
    for (dataset, channel), part in rows.groupby(["dataset", "channel"], sort=False):
        name, body = str(part["figure"].iloc[0]), []
        for system, line in part.groupby("system", sort=False):
            found = line.set_index("snr_db")["mean"]
            cells = (form.format(found[snr]) for snr in levels)
            body.append((str(system), f"{line['channel_uses'].mean():,.0f}", *cells))
        own = checks[checks["dataset"] == dataset]
        for check, values in own.groupby("check", sort=False)[name]:
            body.append((f"({check})", "", *(form.format(values.mean()) for _ in levels)))
        heads = ("system", "channel uses", *levels.values())
        note = f"95 % intervals are at most ± {form.format(part['half_width'].max())}." + (
            " Images are too small for MS-SSIM's five scales: it is SSIM." * (name == "ssim")
        )
        title = f"{FIGURES[name]}: {dataset}, {channel}"
        made.append(Table(title, heads, tuple(body), note))
    return made


def quality_figure(
    measured: Measured, axis: dict[float, float], label: str, similarity: bool
) -> Figure:
    """Draw quality with intervals: a row of panels a data set, a column a channel.

    Args:
        measured: what :func:`measure` found.
        axis: by SNR, where it stands.
        label: of that axis.
        similarity: whether to show MS-SSIM or SSIM instead of PSNR.
    """
    images, checks = measured.tables["images"], measured.tables["checks"]
    rows = curves(images[images["snr_db"].isin(axis)], similarity)
    sets = list(rows["dataset"].unique())
    figure = Figure(figsize=(11, 0.8 + 3.8 * len(sets)), layout="constrained")
    grid = figure.subplots(len(sets), len(CHANNELS), squeeze=False, sharey="row")
    for line_of_panels, dataset in zip(grid, sets, strict=True):
        for panel, channel in zip(line_of_panels, CHANNELS, strict=True):
            part = rows[(rows["dataset"] == dataset) & (rows["channel"] == channel)]
            _draw(panel, part, axis)
            name = str(part["figure"].iloc[0])
            own = checks[checks["dataset"] == dataset]
            for dashes, check in zip((":", "--", "-."), CHECKS, strict=True):
                level = own.loc[own["check"] == check, name].mean()
                panel.axhline(level, color="0.4", ls=dashes, lw=1, label=check)
            panel.set(xlabel=label, title=f"{dataset}, {channel}")
        line_of_panels[0].set(ylabel=FIGURES[name])
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside right upper", fontsize=8)
    return figure


def _draw(panel: Any, rows: pd.DataFrame, axis: dict[float, float]) -> None:
    for i, (system, line) in enumerate(rows.groupby("system", sort=False)):
        found = line.assign(x=line["snr_db"].map(axis)).sort_values("x")
        x, mean, half = found["x"], found["mean"], found["half_width"].fillna(0.0)
        # Ten colours; what comes after them is dashed.
        panel.plot(x, mean, "o-" if i < 10 else "s--", ms=3, color=f"C{i}", label=system)
        panel.fill_between(x, mean - half, mean + half, color=f"C{i}", alpha=0.12)
