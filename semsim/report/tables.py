"""Tables of a run as text cells, shared by the terminal and the HTML page."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from semsim.report.adapt_tables import adapt_tables
from semsim.report.cells import Table
from semsim.report.dynamic_tables import dynamic_tables, is_dynamic
from semsim.report.link_tables import link_tables
from semsim.results import Results
from semsim.statistics import share_interval

#: Words that every table and figure carries where a paper's power constraint is off.
NOT_POWER_CONSTRAINED = "not power constrained"


def tables(results: Results) -> list[Table]:
    """Return the tables to show for a run, the most important first."""
    made = _TABLES[results.task](results)
    if caveat := departures(results.summary):
        made = [Table(f"{t.title} ({caveat})", t.columns, t.rows, t.note) for t in made]
    return made


def departures(summary: dict[str, Any]) -> str:
    """Return how a run departs from the physical contract, for every table and figure; or nothing.

    >>> departures({"power_constrained": False, "snr_convention": "half_noise_power"})
    'not power constrained; SNR is not Es/N0 but half_noise_power'
    """
    said = [] if summary["power_constrained"] else [NOT_POWER_CONSTRAINED]
    if summary["snr_convention"] != "es_n0":
        said.append(f"SNR is not Es/N0 but {summary['snr_convention']}")
    return "; ".join(said)


def _downlink(results: Results) -> list[Table]:
    slots = results.slots
    if is_dynamic(results):
        return dynamic_tables(results)
    name = str(slots["allocator"].iloc[0])
    first = slots[(slots["allocator"] == name) & (slots["slot"] == 0)]
    made = [_users(first, name, results.summary["quality_curve"])]
    if "accuracy" in slots:
        made.append(_qualities(slots[slots["allocator"] == name], name))
    return [*made, _allocators(results)]


def _qualities(frame: pd.DataFrame, allocator: str) -> Table:
    """Where some users get labels: what each got over all slots."""
    rows = []
    for user, part in frame.groupby("user"):
        right = part["accuracy"].dropna()
        if len(right):
            low, high = share_interval(float(right.mean()), len(right))
            interval = f"{100 * low:.0f} to {100 * high:.0f}"
            predicted = f"{100 * part['accuracy_predicted'].mean():.1f}"
            rows.append(
                (str(user), "label", "", "", predicted, f"{100 * right.mean():.1f}", interval)
            )
        else:
            predicted = f"{part['psnr_predicted_db'].mean():.1f}"
            rows.append(
                (str(user), "image", predicted, f"{part['psnr_db'].mean():.1f}", "", "", "")
            )
    heads = (
        "user",
        "gets",
        "PSNR dB\npredicted",
        "PSNR dB\nmeasured",
        "accuracy %\npredicted",
        "accuracy %\nmeasured",
        "95 % interval",
    )
    slots = frame["slot"].nunique()
    note = "Intervals are Wilson's, of as many images as there are slots."
    return Table(f"What users got in {slots} slots under '{allocator}'", heads, tuple(rows), note)


def _users(frame: pd.DataFrame, allocator: str, curve: str) -> Table:
    labels = "accuracy" in frame
    rows = tuple(
        (
            str(row.user),
            str(row.image),
            f"{row.distance_m:.0f}",
            f"{row.snr_db:.1f}",
            f"{row.bandwidth_hz:.0f}",
            f"{row.power_w:.3g}",
            f"{row.rho:.4f}",
            f"{row.rho_sent:.4f} {row.rate}",
            f"{row.delay_s:.2f}",
            f"{row.energy_j:.3g}",
            _figure(row.psnr_predicted_db, ".1f"),
            _figure(row.psnr_db, ".1f"),
            _figure(row.ssim, ".3f"),
            *((_classes(row.label, row.predicted),) if labels else ()),
            _audit(row.snr_measured_db - row.snr_db, row.block_error_rate, row.outage),
        )
        for row in frame.itertuples()
    )
    heads = (
        "user",
        "image",
        "distance\nm",
        "SNR\ndB",
        "b\nHz",
        "p\nW",
        "ρ\nasked",
        "ρ\nsent",
        "delay\ns",
        "energy\nJ",
        "PSNR dB\npredicted",
        "PSNR dB\nmeasured",
        "SSIM",
        *(("class sent\nand got",) if labels else ()),
        "audit",
    )
    note = (
        "b: bandwidth, p: power. Delay and energy are the model's at the rate sent (FTSC eq. 16-21 "
        "at Shannon's rate or, with rate: mcs, the modem's); PSNR predicted is the quality curve "
        f"of eq. 8 at that rate: {curve}; PSNR measured, SSIM and the audit (measured minus asked "
        "SNR, blocks lost) are from the images really sent."
    )
    return Table(f"Users in slot 0 under '{allocator}'", heads, rows, note)


def _figure(value: float, form: str) -> str:
    """Return a figure, nothing of a user who gets something else."""
    return "" if math.isnan(value) else format(value, form)


def _classes(label: float, predicted: float) -> str:
    return "" if math.isnan(label) else f"{label:.0f} {predicted:.0f}"


def _audit(difference_db: float, block_error_rate: float, outage: bool) -> str:
    text = f"{difference_db:+.2f} dB"
    if block_error_rate > 0:
        text += f", {100 * block_error_rate:.0f} % blocks lost"
    return text + (", outage" if outage else "")


_MEANS = {
    "psnr_db": ("PSNR\ndB", ".1f"),
    "ssim": ("SSIM", ".3f"),
    "accuracy": ("accuracy\n%", ".1f"),
}


def _means(row: dict[str, Any]) -> tuple[str, ...]:
    """Return means of the qualities that a cell has, in the order of their heads."""
    scale = {"accuracy": 100.0}
    return tuple(
        format(scale.get(name, 1.0) * row[name], form)
        for name, (_, form) in _MEANS.items()
        if name in row
    )


def _allocators(results: Results) -> Table:
    shown = next(iter(results.summary["allocators"].values()))
    rows = tuple(
        (
            name,
            f"{row['utility']:.2f}",
            f"{max(row['gap'], 0.0):.1e}",
            f"{row['utility_sent']:.2f}",
            f"{row['utility_measured']:.2f}",
            *_means(row),
            f"{row['slowest_s']:.2f}",
            f"{row['energy_j']:.3g}",
            f"{row['power_w']:.3g}",
        )
        for name, row in results.summary["allocators"].items()
    )
    heads = (
        "allocator",
        "utility\ndecided",
        "gap to\noptimum",
        "utility\nat rates sent",
        "utility\nmeasured",
        *(head for name, (head, _) in _MEANS.items() if name in shown),
        "slowest\ns",
        "energy\nJ",
        "power\nW",
    )
    note = (
        "The gap is proven: no allocation has more than that above the utility decided, which uses "
        "the allocator's own ρ and the quality curve (eq. 8: "
        f"{results.summary['quality_curve']}); at rates sent, the codec's nearest rate below; "
        "measured, the PSNR of the delivered images instead of the curve."
    )
    if any(math.isinf(row["utility"]) for row in results.summary["allocators"].values()):
        note += (
            " Minus infinity: some user's SNR is below the modem's lowest level, so that by the "
            "plan its image never arrives."
        )
    slots = results.summary["slots"]
    return Table(f"Allocators on the same {slots} slot{'s' * (slots > 1)}", heads, rows, note)


_TABLES = {"downlink": _downlink, "link": link_tables, "adapt": adapt_tables}
