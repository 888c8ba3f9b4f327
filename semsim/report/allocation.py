"""Table and figure of many drops solved by several methods."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from semsim.report.cells import Table
from semsim.report.figures import STYLE
from semsim.results import Results

#: What is drawn for a gap of zero, or rounding's.
_ROUNDING = 1e-13


def allocation_tables(results: Results) -> list[Table]:
    """Return one row a method."""
    summary = results.summary
    rows = tuple(
        (
            name,
            f"{row['utility']:.4f}",
            f"{max(row['gap'], 0.0):.1e}",
            f"{max(row['worst_gap'], 0.0):.1e}",
            f"{row['violation']:.0e}",
            f"{row['ms_a_drop']:.3g}",
            f"{row['power_w']:.3g}",
            f"{row['rho']:.4f}",
        )
        for name, row in summary["methods"].items()
    )
    heads = (
        "method",
        "utility",
        "gap\nmean",
        "gap\nworst",
        "violation\nworst",
        "ms\na drop",
        "power\nW",
        "ρ\nmean",
    )
    note = (
        "The gap is proven: no allocation has a larger utility than that above the method's. "
        "Violation is the worst excess over bandwidth, power, ρ or a deadline, relative. Times are "
        f"of this machine. Quality: {summary['quality_curve']}."
    )
    title = f"{summary['drops']} drops of {summary['users']} users: {summary['name']}"
    return [Table(title, heads, rows, note)]


def allocation_figures(results: Results) -> dict[str, Figure]:
    """Return the distribution of the gaps."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for name, part in results.tables["drops"].groupby("method", sort=False):
            gap = np.sort(part["gap"].to_numpy())
            gap = np.maximum(gap[np.isfinite(gap)], _ROUNDING)
            share = np.arange(1, len(gap) + 1) / len(part)
            axes.step(gap, share, where="post", label=str(name))
        axes.set_xscale("log")
        axes.set(xlabel="proven gap to the optimum", ylabel="share of drops", ylim=(0, 1.02))
        axes.legend()
    return {"gaps": figure}
