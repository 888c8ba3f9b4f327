"""Tables and figure of fitted quality curves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semsim.allocation.calibration import QUALITIES, Calibration, CurveFit
from semsim.allocation.quality import PAPER_FITS, Fit
from semsim.report.cells import Table
from semsim.types import Delivers

_MARKERS = "osD^vP*X"


@dataclass(frozen=True)
class _Form:
    """How a kind of quality is written.

    Attributes:
        unit: below its name in the head of a column.
        mean: digits of a quality.
        error: digits of what a prediction is off by.
        paper: the paper's curves, where they are of this quality.
    """

    unit: str
    mean: str
    error: str
    paper: dict[str, Fit]


_FORMS: dict[Delivers, _Form] = {
    "image": _Form("\ndB", ".2f", "+.2f", PAPER_FITS),
    "label": _Form("", ".4f", "+.4f", {}),
}


def curve_tables(calibration: Calibration) -> list[Table]:
    """Return the fits, beside the paper's if they are of PSNR, and the points behind the first."""
    return [_fits(calibration), _points(calibration)]


def _fits(calibration: Calibration) -> Table:
    form = _FORMS[calibration.delivers]
    rows = [
        (
            f"{entry.snr_db:g} dB",
            *_cells(entry.fitted),
            str(sum(not point.lost for point in entry.points)),
            ", ".join(f"{point.rate} ({point.lost})" for point in entry.points if point.lost),
        )
        for entry in calibration.fits
    ]
    rows += [(f"paper, {name}", *_cells(fit), "", "") for name, fit in form.paper.items()]
    units = (f"{name}{form.unit}" for name in ("a", "b", "RMSE"))
    heads = ("SNR", *units, "R²", "rates\nfitted", "left out\n(lost)")
    note = (
        f"Least squares over the rates' mean {QUALITIES[calibration.delivers]}. RMSE is "
        "√(SSE/(n-2)), as Matlab's fit reports it "
        "and the paper does; with two rates the line is exact, and neither RMSE nor R² is defined. "
        "A rate of which any transmission was in outage or lost a code block stays out of that "
        "SNR's fit. The first row is the curve that a scenario uses."
    )
    sent = f"{calibration.images} × {calibration.images_text}, {calibration.channel.kind}"
    return Table(f"Q = a + b ln ρ (FTSC eq. 8): {sent}", heads, tuple(rows), note)


def _cells(fit: Fit | None) -> tuple[str, str, str, str]:
    if fit is None:
        return ("too few rates arrived", "–", "–", "–")
    rmse = "–" if fit.rmse is None else f"{fit.rmse:.4f}"
    r2 = "–" if fit.r2 is None else f"{fit.r2:.4f}"
    return (f"{fit.offset:.2f}", f"{fit.slope:.3f}", rmse, r2)


def _points(calibration: Calibration) -> Table:
    entry, form = calibration.fits[0], _FORMS[calibration.delivers]
    several, name = len(calibration.codecs) > 1, QUALITIES[calibration.delivers]
    fits = [entry.fitted, *([form.paper["no noise"]] if form.paper else [])]
    rows = []
    for point in entry.points:
        half = "" if point.interval is None else f" ± {point.interval:{form.mean}}"
        rows.append(
            (
                f"{point.codec} {point.rate}" if several else point.rate,
                f"{point.rho:.5f}",
                f"{point.quality:{form.mean}}{half}",
                *(
                    "–" if f is None else f"{f.quality(point.rho) - point.quality:{form.error}}"
                    for f in fits
                ),
                str(point.lost),
            )
        )
    by = " by dB" if form.unit else " by"
    whose = ("this curve", "the paper's")[: len(fits)]
    off = (f"{curve}\nis off{by}" for curve in whose)
    heads = ("rate", "ρ", f"{name}{form.unit}", *off, "lost")
    note = f"{name}: mean over the images with its 95 % interval. Off by: predicted minus measured."
    return Table(f"Measured and predicted at {entry.snr_db:g} dB", heads, tuple(rows), note)


def curve_figure(calibration: Calibration) -> Figure:
    """Draw the points with their 95 % intervals, the fitted curves and the paper's.

    Hollow points were lost in part and are in no fit.
    """
    form = _FORMS[calibration.delivers]
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axis = figure.subplots()
    rho = [point.rho for entry in calibration.fits for point in entry.points]
    span = np.geomspace(0.8 * min(rho), 1.25 * max(rho), 100)
    for i, (entry, marker) in enumerate(zip(calibration.fits, cycle(_MARKERS), strict=False)):
        _draw(axis, entry, f"C{i % 10}", marker)
        if entry.fitted is not None:
            predicted = [entry.fitted.quality(value) for value in span]
            axis.plot(span, predicted, color=f"C{i % 10}", label=f"{entry.snr_db:g} dB")
    for (name, fit), dash in zip(form.paper.items(), ("--", ":"), strict=False):
        predicted = [fit.quality(value) for value in span]
        axis.plot(span, predicted, dash, color="0.4", linewidth=1.2, label=f"paper, {name}")
    unit = form.unit.replace("\n", " in ")
    axis.set(
        xscale="log", xlabel="compression rate ρ", ylabel=QUALITIES[calibration.delivers] + unit
    )
    axis.legend(frameon=False, fontsize=8.0)
    return figure


def _draw(axis: Axes, entry: CurveFit, colour: str, marker: str) -> None:
    for point in entry.points:
        axis.errorbar(
            point.rho,
            point.quality,
            yerr=point.interval,
            marker=marker,
            markerfacecolor="none" if point.lost else colour,
            color=colour,
            capsize=2,
            linewidth=0.8,
        )
