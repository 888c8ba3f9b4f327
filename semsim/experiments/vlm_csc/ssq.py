"""Semantic service quality (eq. 22): accuracy after transmission over that before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from semsim.experiments.definition import Verdict
from semsim.experiments.verdicts import of_leads
from semsim.report.cells import Table
from semsim.statistics import mean_interval, share_interval


def ssq(rows: pd.DataFrame) -> pd.DataFrame:
    """Return SSQ with its 95 % interval by system and SNR.

    The interval is Wilson's for the accuracy after transmission, over the accuracy before, which
    is that of the very images that were sent and taken as it is.

    Args:
        rows: a row an image, system and SNR, with ``right, right_sent, channel_uses, cbr``.
    """
    made = []
    for (system, snr_db), part in rows.groupby(["system", "snr_db"], sort=False):
        before, after = float(part["right_sent"].mean()), float(part["right"].mean())
        low, high = share_interval(after, len(part))
        uses, cbr = part["channel_uses"].mean(), part["cbr"].mean()
        bounds = after / before, low / before, high / before
        made.append((system, snr_db, *bounds, before, len(part), uses, cbr))
    heads = ["system", "snr_db", "ssq", "low", "high", "accuracy_sent", "images"]
    return pd.DataFrame(made, columns=[*heads, "channel_uses", "cbr"])


def leads(rows: pd.DataFrame, system: str, rival: str) -> pd.DataFrame:
    """Return by SNR by how much the SSQ of ``system`` is larger, with 95 % intervals.

    Both sent the same images: differences image by image are the samples (Student's t).
    """
    found = rows.pivot(index=["snr_db", "image"], columns="system", values="right").astype(float)
    gained = (found[system] - found[rival]) / rows["right_sent"].mean()
    made = [(snr_db, *mean_interval(part.to_numpy())) for snr_db, part in gained.groupby("snr_db")]
    return pd.DataFrame(made, columns=["snr_db", "lead", "half_width"]).set_index("snr_db")


def led(rows: pd.DataFrame, system: str, rival: str, snrs_db: Sequence[float]) -> Verdict:
    """Judge whether the SSQ of ``system`` is above that of ``rival`` at all of these SNRs."""
    found = leads(rows, system, rival).loc[list(snrs_db)]
    because = f"SSQ of {system} over {rival}: " + ", ".join(
        f"{row.lead:+.3f} ± {row.half_width:.3f} at {row.Index:g} dB" for row in found.itertuples()
    )
    return of_leads(found["lead"], found["half_width"], because)


def fall(rows: pd.DataFrame, system: str, high_db: float, low_db: float) -> tuple[float, float]:
    """Return by how much SSQ falls between two SNRs, with the half of its 95 % interval."""
    own = rows[rows["system"] == system]
    found = own.pivot(index="image", columns="snr_db", values="right").astype(float)
    return mean_interval(((found[high_db] - found[low_db]) / own["right_sent"].mean()).to_numpy())


def ssq_table(found: pd.DataFrame, ceiling: pd.DataFrame) -> Table:
    """SSQ by system and SNR, and without a channel (``ceiling``, by system)."""
    snrs = sorted(found["snr_db"].unique())
    most = ceiling.set_index("system")
    body = []
    for system, line in found.groupby("system", sort=False):
        at = line.set_index("snr_db")
        cells = [_cell(at.loc[snr]) for snr in snrs]
        cells.append(_cell(most.loc[system]) if system in most.index else "")
        body.append((str(system), f"{at['channel_uses'].mean():.1f}", *cells))
    heads = ("system", "channel uses", *(f"{snr:g} dB" for snr in snrs), "no channel")
    before = found["accuracy_sent"].mean()
    note = (
        f"SSQ (eq. 22): accuracy after transmission over that before, which is {before:.1%} on the "
        f"{found['images'].iloc[0]} images sent. The class is the shape of the scene's object, one "
        "of eight. 95 % intervals (Wilson), their wider half."
    )
    return Table("SSQ by SNR, AWGN", heads, tuple(body), note)


def _cell(row: pd.Series) -> str:
    half = max(row["high"] - row["ssq"], row["ssq"] - row["low"])
    return f"{row['ssq']:.2f} ± {half:.2f}"


def ssq_figure(
    found: pd.DataFrame, ceiling: pd.DataFrame, styles: Mapping[str, str] | None = None
) -> Figure:
    """SSQ over SNR with intervals, and ceilings as dotted lines.

    Args:
        found: by system and SNR.
        ceiling: by system.
        styles: of lines by system, solid unless given.
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axis = figure.subplots()
    most = ceiling.set_index("system")["ssq"]
    for i, (system, line) in enumerate(found.groupby("system", sort=False)):
        at = line.sort_values("snr_db")
        style = (styles or {}).get(str(system), "-")
        axis.plot(at["snr_db"], at["ssq"], style, marker="o", ms=3, color=f"C{i}", label=system)
        axis.fill_between(at["snr_db"], at["low"], at["high"], color=f"C{i}", alpha=0.12)
        if system in most.index:
            label = f"{system}, no channel"
            axis.axhline(most[system], ls=":", lw=1, color=f"C{i}", label=label)
    axis.set(xlabel="SNR in dB", ylabel="SSQ")
    axis.legend(frameon=False, fontsize=7)
    return figure
