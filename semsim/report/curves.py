"""Tables and figure of fitted quality curves."""

from __future__ import annotations

from itertools import cycle

import numpy as np
from matplotlib.figure import Figure

from semsim.allocation.calibration import Calibration, CurveFit
from semsim.allocation.quality import PAPER_FITS, Fit
from semsim.report.cells import Table

_MARKERS = "osD^vP*X"


def curve_tables(calibration: Calibration) -> list[Table]:
    """Return the fits beside the paper's, and the points behind the one that is used."""
    several = len(calibration.codecs) > 1
    return [_fits(calibration), _points(calibration.fits[0], several)]


def _fits(calibration: Calibration) -> Table:
    rows = [
        (
            f"{entry.snr_db:g} dB",
            *_cells(entry.fitted),
            str(sum(not point.lost for point in entry.points)),
            ", ".join(f"{point.rate} ({point.lost})" for point in entry.points if point.lost),
        )
        for entry in calibration.fits
    ]
    rows += [(f"paper, {name}", *_cells(fit), "", "") for name, fit in PAPER_FITS.items()]
    heads = ("SNR", "a\ndB", "b\ndB", "RMSE\ndB", "R²", "rates\nfitted", "left out\n(lost)")
    note = (
        "Least squares over the rates' mean PSNR. RMSE is √(SSE/(n-2)), as Matlab's fit reports it "
        "and the paper does; with two rates the line is exact, and neither RMSE nor R² is defined. "
        "A rate of which any transmission was in outage or lost a code block stays out of that "
        "SNR's fit. The first row is the curve that a scenario uses."
    )
    sent = f"{calibration.images} × {calibration.images_text}, {calibration.channel.kind}"
    return Table(f"Q = a + b ln ρ (FTSC eq. 8): {sent}", heads, tuple(rows), note)


def _cells(fit: Fit | None) -> tuple[str, str, str, str]:
    if fit is None:
        return ("too few rates arrived", "–", "–", "–")
    rmse = "–" if fit.rmse_db is None else f"{fit.rmse_db:.4f}"
    r2 = "–" if fit.r2 is None else f"{fit.r2:.4f}"
    return (f"{fit.offset_db:.2f}", f"{fit.slope_db:.3f}", rmse, r2)


def _points(entry: CurveFit, several: bool) -> Table:
    fit, paper = entry.fitted, PAPER_FITS["no noise"]
    rows = []
    for point in entry.points:
        half = "" if point.interval_db is None else f" ± {point.interval_db:.2f}"
        own = "–" if fit is None else f"{fit.psnr_db(point.rho) - point.psnr_db:+.2f}"
        rows.append(
            (
                f"{point.codec} {point.rate}" if several else point.rate,
                f"{point.rho:.5f}",
                f"{point.psnr_db:.2f}{half}",
                own,
                f"{paper.psnr_db(point.rho) - point.psnr_db:+.2f}",
                str(point.lost),
            )
        )
    heads = (
        "rate",
        "ρ",
        "PSNR\ndB",
        "this curve\nis off by dB",
        "the paper's\nis off by dB",
        "lost",
    )
    note = "PSNR: mean over the images with its 95 % interval. Off by: predicted minus measured."
    return Table(f"Measured and predicted at {entry.snr_db:g} dB", heads, tuple(rows), note)


def curve_figure(calibration: Calibration) -> Figure:
    """Draw the points with their 95 % intervals, the fitted curves and the paper's.

    Hollow points were lost in part and are in no fit.
    """
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axis = figure.subplots()
    rho = [point.rho for entry in calibration.fits for point in entry.points]
    span = np.geomspace(0.8 * min(rho), 1.25 * max(rho), 100)
    for i, (entry, marker) in enumerate(zip(calibration.fits, cycle(_MARKERS), strict=False)):
        colour = f"C{i % 10}"
        for point in entry.points:
            face = "none" if point.lost else colour
            axis.errorbar(
                point.rho,
                point.psnr_db,
                yerr=point.interval_db,
                marker=marker,
                markerfacecolor=face,
                color=colour,
                capsize=2,
                linewidth=0.8,
            )
        if entry.fitted is not None:
            predicted = [entry.fitted.psnr_db(value) for value in span]
            axis.plot(span, predicted, color=colour, label=f"{entry.snr_db:g} dB")
    for (name, fit), dash in zip(PAPER_FITS.items(), ("--", ":"), strict=True):
        predicted = [fit.psnr_db(value) for value in span]
        axis.plot(span, predicted, dash, color="0.4", linewidth=1.2, label=f"paper, {name}")
    axis.set(xscale="log", xlabel="compression rate ρ", ylabel="PSNR in dB")
    axis.legend(frameon=False, fontsize=8.0)
    return figure
