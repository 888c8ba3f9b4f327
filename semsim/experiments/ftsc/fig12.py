"""Fig. 12: the utility over the total bandwidth, for FTSC, JSCL and JPEG + LDPC."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from semsim.allocation.alternating import Alternating
from semsim.allocation.config import AlternatingConfig, UtilityConfig
from semsim.experiments.definition import (
    Claim,
    Experiment,
    Measured,
    Setting,
    Tables,
    Verdict,
)
from semsim.experiments.ftsc.cell import (
    CODED_JPEG,
    FTSC,
    JPEG,
    JSCL,
    MEASURED,
    STATED,
    drops,
    paper_cell,
    solved,
    systems,
)
from semsim.experiments.ftsc.systems import PAPER
from semsim.experiments.verdicts import of_cases, together
from semsim.report.cells import Table
from semsim.statistics import mean_interval
from semsim.types import DownlinkState

_BANDWIDTHS_HZ = (1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 6000.0, 7000.0, 8000.0)
_ALGORITHM_1 = "FTSC by Algorithm 1"
_SYSTEMS = (FTSC, _ALGORITHM_1, JSCL, JPEG, CODED_JPEG)


def measure(setting: Setting) -> Measured:
    """Solve every drop for every system and bandwidth, to proven optimality."""
    gain = drops(setting)
    config = UtilityConfig()
    parts = []
    total = 2 * len(_BANDWIDTHS_HZ)
    for i, curves in enumerate((STATED, MEASURED)):
        for j, bandwidth_hz in enumerate(_BANDWIDTHS_HZ):
            setting.report(i * len(_BANDWIDTHS_HZ) + j, total, f"{bandwidth_hz:g} Hz, {curves}")
            for system in systems(curves):
                _, found = solved(system.terms(gain, bandwidth_hz, config))
                parts.append(
                    found.assign(system=system.name, curves=curves, bandwidth_hz=bandwidth_hz)
                )
    every = 10
    for bandwidth_hz in _BANDWIDTHS_HZ:
        setting.report(total, total, f"{bandwidth_hz:g} Hz, Algorithm 1")
        utility = _algorithm_1(gain[::every], bandwidth_hz)
        rows = {"drop": every * np.arange(len(utility)), "utility": utility}
        parts.append(
            pd.DataFrame(rows).assign(system=_ALGORITHM_1, curves=STATED, bandwidth_hz=bandwidth_hz)
        )
    table = pd.concat(parts, ignore_index=True)
    return Measured(
        {"fig12": table},
        caveats=(
            f"{len(gain)} drops of five users; quality summed; every optimum proven to "
            f"{table['gap'].max():.0e} (Algorithm 1: every tenth drop, from an equal split of "
            "50 W, the paper's curve).",
            "Of JSCL and JPEG the paper states the PSNR at ρ = 0.03 and no curve. Data go at "
            "capacity: a code of rate 1/2 for JPEG takes twice its bits, and no code at all none. "
            "A real value of DeepJSCC counts as one byte.",
        ),
    )


def _algorithm_1(gain: np.ndarray, bandwidth_hz: float) -> np.ndarray:
    problem = paper_cell(bandwidth_hz)
    state = DownlinkState(gain, np.full(gain.shape, np.nan))
    found = Alternating(AlternatingConfig(), problem, np.random.default_rng(0)).allocate(state)
    return problem.utility(gain, found).total


def _half_width(values: pd.Series[float]) -> float:
    return mean_interval(values.to_numpy())[1]


def _means(table: pd.DataFrame) -> pd.DataFrame:
    grouped = table.groupby(["curves", "system", "bandwidth_hz"], sort=False)
    return grouped.agg(
        utility=("utility", "mean"),
        half_width=("utility", _half_width),
        slowest_s=("slowest_s", "mean"),
        energy_j=("energy_j", "mean"),
        rho=("rho", "mean"),
    ).reset_index()


def show(measured: Measured) -> list[Table]:
    """One table of utilities a kind of curve, and what the optimum looks like."""
    means = _means(measured.tables["fig12"])
    made = []
    for curves in (STATED, MEASURED):
        part = means[means["curves"] == curves]
        rows = []
        for system in _SYSTEMS:
            own = part[part["system"] == system].sort_values("bandwidth_hz")
            if len(own):
                cells = (f"{row.utility:.2f}" for row in own.itertuples())
                rows.append((system, *cells))
        heads = ("system", *(f"{b / 1000:g} kHz" for b in _BANDWIDTHS_HZ))
        made.append(Table(f"Utility, curves {curves}", heads, tuple(rows)))
    rows = []
    for system in _SYSTEMS:
        own = means[(means["curves"] == STATED) & (means["system"] == system)]
        for row in own[own["bandwidth_hz"].isin((1000.0, 8000.0))].itertuples():
            if np.isfinite(row.rho):
                found = f"{row.slowest_s:.2f}", f"{row.energy_j:.3f}", f"{row.rho:.3f}"
                rows.append((system, f"{row.bandwidth_hz / 1000:g} kHz", *found))
    heads = ("system", "bandwidth", "T in s", "ΣE in J", "mean ρ")
    return [*made, Table(f"The optimum, curves {STATED}", heads, tuple(rows))]


def plot(measured: Measured) -> dict[str, Figure]:
    """Utility over bandwidth, one panel a kind of curve."""
    means = _means(measured.tables["fig12"])
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True)
    for axis, curves in zip(axes, (STATED, MEASURED), strict=True):
        for i, system in enumerate(_SYSTEMS):
            own = means[(means["curves"] == curves) & (means["system"] == system)]
            if len(own):
                axis.errorbar(
                    own["bandwidth_hz"] / 1000, own["utility"], own["half_width"], fmt="o-", ms=3,
                    color=f"C{i}", label=system,
                )  # fmt: skip
        axis.set(xlabel="bandwidth in kHz", title=f"curves {curves}")
    axes[0].set(ylabel="utility")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=5, fontsize=8)
    return {"fig12": figure}


def _leads(tables: Tables, better: str, worse: str, curves: str) -> pd.DataFrame:
    """Return by how much one system is above another, drop by drop averaged, per bandwidth."""
    table = tables["fig12"]
    own = table[table["curves"] == curves].pivot_table(
        index=["bandwidth_hz", "drop"], columns="system", values="utility"
    )
    gain = (own[better] - own[worse]).groupby(level="bandwidth_hz")
    return pd.DataFrame({"gain": gain.mean(), "half_width": gain.agg(_half_width)})


def _said(better: str, worse: str, curves: str, lead: pd.DataFrame) -> str:
    low, high = lead["gain"].min(), lead["gain"].max()
    return f"{better} over {worse}, curves {curves}: {low:+.2f} to {high:+.2f}"


def _above(tables: Tables, better: str, worse: tuple[str, ...]) -> Verdict:
    cases, words = [], []
    for curves in (STATED, MEASURED):
        for rival in worse:
            lead = _leads(tables, better, rival, curves)
            cases.append(bool((lead["gain"] > lead["half_width"]).all()))
            words.append(_said(better, rival, curves, lead))
    return of_cases(cases, "; ".join(words))


def _jpeg_above_jscl(tables: Tables) -> Verdict:
    return together([_above(tables, JPEG, (JSCL,)), _above(tables, CODED_JPEG, (JSCL,))])


def _rises(tables: Tables) -> Verdict:
    means = _means(tables["fig12"])
    cases, words = [], []
    for (curves, system), own in means.groupby(["curves", "system"], sort=False):
        values = own.sort_values("bandwidth_hz")["utility"].to_numpy()
        cases.append(bool((np.diff(values) > 0).all()))
        if curves == STATED:
            words.append(f"{system} {values[0]:.2f} to {values[-1]:.2f}")
    return of_cases(cases, "from 1 to 8 kHz: " + ", ".join(words))


EXPERIMENT = Experiment(
    id="ftsc-fig12",
    title="The utility over the total bandwidth",
    paper=PAPER,
    item="Fig. 12",
    takes={
        "small": "a minute on two cores",
        "paper": "ten minutes on two cores",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "FTSC surpasses JSCL at all bandwidths",
            "Section V-B",
            lambda tables: _above(tables, FTSC, (JSCL,)),
        ),
        Claim(
            "FTSC surpasses JPEG + LDPC at all bandwidths",
            "Section V-B",
            lambda tables: _above(tables, FTSC, (CODED_JPEG, JPEG)),
        ),
        Claim(
            "JPEG + LDPC surpasses JSCL",
            "Section V-B",
            lambda tables: _jpeg_above_jscl(tables),
        ),
        Claim("more bandwidth is worth more", "Fig. 12", _rises),
    ),
)
