"""Fig. 13: time, energy and utility over the distance between sender and receivers."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from semsim.allocation.config import UtilityConfig
from semsim.experiments.definition import Claim, Experiment, Measured, Setting, Tables, Verdict
from semsim.experiments.ftsc.cell import BANDWIDTH_HZ, STATED, drops, solved, systems
from semsim.experiments.ftsc.systems import PAPER
from semsim.experiments.verdicts import of_cases
from semsim.report.cells import Table

_SCALES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
#: α of eq. (23).
_EXPONENT = 2.0
_QUALITIES = ("sum", "mean")


def measure(setting: Setting) -> Measured:
    """Scale the distances of the same drops, whose fading stays."""
    gain = drops(setting)
    ftsc = systems(STATED)[0]
    parts = []
    for i, quality in enumerate(_QUALITIES):
        config = UtilityConfig.model_validate({"quality": quality})
        for j, scale in enumerate(_SCALES):
            setting.report(i * len(_SCALES) + j, 2 * len(_SCALES), f"distances × {scale:g}")
            farther = gain * np.power(scale, -_EXPONENT)
            _, found = solved(ftsc.terms(farther, BANDWIDTH_HZ, config))
            parts.append(found.assign(quality=quality, scale=scale))
    table = pd.concat(parts, ignore_index=True)
    return Measured(
        {"fig13": table},
        caveats=(
            f"{len(gain)} drops of five users at 5 kHz and 50 W, λ of 0.33 each, solved to proven "
            f"optimality (gaps up to {table['gap'].max():.0e}). The energy is that of "
            "transmission: at the paper's ω_c computing costs 1e-10 J.",
        ),
    )


def _means(table: pd.DataFrame) -> pd.DataFrame:
    columns = ["utility", "slowest_s", "energy_j", "rho"]
    return table.groupby(["quality", "scale"], sort=False)[columns].mean().reset_index()


def show(measured: Measured) -> list[Table]:
    """Means by scale."""
    made = []
    for quality, own in _means(measured.tables["fig13"]).groupby("quality", sort=False):
        rows = tuple(
            (f"× {row.scale:g}", f"{row.slowest_s:.2f}", f"{row.energy_j:.3f}",
             f"{row.utility:.2f}", f"{row.rho:.4f}")
            for row in own.itertuples()
        )  # fmt: skip
        heads = ("distances", "T in s", "ΣE in J", "utility", "mean ρ")
        made.append(Table(f"Means at the optimum, quality: {quality}", heads, rows))
    return made


def plot(measured: Measured) -> dict[str, Figure]:
    """The three, over the scale."""
    means = _means(measured.tables["fig13"])
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    names = (("slowest_s", "T in s"), ("energy_j", "ΣE in J"), ("utility", "utility"))
    for axis, (column, label) in zip(figure.subplots(1, 3), names, strict=True):
        for quality, own in means.groupby("quality", sort=False):
            axis.plot(own["scale"], own[column], "o-", ms=3, label=f"quality: {quality}")
        axis.set(xscale="log", xlabel="scale of the distances", ylabel=label)
    axis.legend(frameon=False, fontsize=8)
    return {"fig13": figure}


def _from_to(own: pd.DataFrame, column: str, form: str) -> str:
    values = own.sort_values("scale")[column]
    return f"{values.iloc[0]:{form}} to {values.iloc[-1]:{form}}"


def _delay(tables: Tables) -> Verdict:
    """Judge whether T rises, and in a smaller ratio than the energy."""
    cases, words = [], []
    for quality, own in _means(tables["fig13"]).groupby("quality", sort=False):
        delay, energy = (own.sort_values("scale")[name] for name in ("slowest_s", "energy_j"))
        rises = bool((np.diff(delay) > 0).all())
        marginal = delay.iloc[-1] / delay.iloc[0] < energy.iloc[-1] / energy.iloc[0]
        cases += [rises, rises and marginal]
        words.append(f"{quality}: T {_from_to(own, 'slowest_s', '.2f')} s")
    return of_cases(cases, "; ".join(words) + f" from × {_SCALES[0]:g} to × {_SCALES[-1]:g}")


def _energy(tables: Tables) -> Verdict:
    cases, words = [], []
    for quality, own in _means(tables["fig13"]).groupby("quality", sort=False):
        values = own.sort_values("scale")["energy_j"]
        cases.append(bool((np.diff(values) > 0).all()))
        words.append(
            f"{quality}: ΣE {_from_to(own, 'energy_j', '.3f')} J, ρ {_from_to(own, 'rho', '.4f')}"
        )
    return of_cases(cases, "; ".join(words))


def _utility(tables: Tables) -> Verdict:
    cases, words = [], []
    for quality, own in _means(tables["fig13"]).groupby("quality", sort=False):
        values = own.sort_values("scale")["utility"]
        cases.append(bool((np.diff(values) < 0).all()))
        words.append(f"{quality}: U {_from_to(own, 'utility', '.2f')}")
    return of_cases(cases, "; ".join(words))


EXPERIMENT = Experiment(
    id="ftsc-fig13",
    title="Time, energy and utility over distance",
    paper=PAPER,
    item="Fig. 13",
    takes={"small": "seconds", "paper": "a minute on two cores"},
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("farther receivers take a little more time", "Section V-B", _delay),
        Claim("energy rises, and more significantly", "Section V-B", _energy),
        Claim("utility falls with distance", "Section V-B", _utility),
    ),
)
