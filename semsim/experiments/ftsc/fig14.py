"""Fig. 14: energy and compression over λ_1, the weight of quality."""

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

_LAMBDAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_QUALITIES = ("mean", "sum")
#: A change of mean ρ below this is rounding: at its cap it stays.
_STILL = 1e-9


def measure(setting: Setting) -> Measured:
    """Solve every drop for every λ_1, with λ_2 = λ_3 = (1 - λ_1)/2."""
    gain = drops(setting)
    ftsc = systems(STATED)[0]
    parts = []
    for i, quality in enumerate(_QUALITIES):
        for j, weight in enumerate(_LAMBDAS):
            setting.report(i * len(_LAMBDAS) + j, 2 * len(_LAMBDAS), f"λ_1 = {weight:g}")
            rest = (1 - weight) / 2
            config = UtilityConfig.model_validate(
                {
                    "quality": quality,
                    "lambda_quality": weight,
                    "lambda_delay": rest,
                    "lambda_energy": rest,
                }
            )
            _, found = solved(ftsc.terms(gain, BANDWIDTH_HZ, config))
            parts.append(found.assign(quality=quality, lambda_quality=weight))
    table = pd.concat(parts, ignore_index=True)
    return Measured(
        {"fig14": table},
        caveats=(
            f"{len(gain)} drops of five users at 5 kHz and 50 W, solved to proven optimality (gaps "
            f"up to {table['gap'].max():.0e}).",
            "With λ_2 = λ_3, exchanging the optima of two λ_1 in each other's utility shows that "
            "ΣQ and T + ΣE cannot fall as λ_1 rises, whatever the constants are.",
        ),
    )


def _means(table: pd.DataFrame) -> pd.DataFrame:
    table = table.assign(reduction=1 / table["rho"])
    columns = ["energy_j", "slowest_s", "rho", "reduction"]
    return table.groupby(["quality", "lambda_quality"], sort=False)[columns].mean().reset_index()


def show(measured: Measured) -> list[Table]:
    """Means by weight."""
    made = []
    for quality, own in _means(measured.tables["fig14"]).groupby("quality", sort=False):
        rows = tuple(
            (f"{row.lambda_quality:g}", f"{row.energy_j:.4f}", f"{row.slowest_s:.2f}",
             f"{row.rho:.4f}", f"{row.reduction:.1f}")
            for row in own.itertuples()
        )  # fmt: skip
        heads = ("λ_1", "ΣE in J", "T in s", "mean ρ", "1/ρ")
        made.append(Table(f"Means at the optimum, quality: {quality}", heads, rows))
    return made


def plot(measured: Measured) -> dict[str, Figure]:
    """Energy on the left axis and both readings of the compression rate on the right."""
    means = _means(measured.tables["fig14"])
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    axes = figure.subplots(1, len(_QUALITIES))
    for axis, (quality, own) in zip(axes, means.groupby("quality", sort=False), strict=True):
        axis.plot(own["lambda_quality"], own["energy_j"], "o-", ms=3, color="C0", label="ΣE")
        axis.set(xlabel="λ_1", ylabel="ΣE in J", title=f"quality: {quality}")
        other = axis.twinx()
        other.plot(own["lambda_quality"], own["rho"], "s-", ms=3, color="C1", label="ρ")
        reduction = own["reduction"] / 1000
        other.plot(own["lambda_quality"], reduction, "s:", ms=3, color="C2", label="1/(1000 ρ)")
        other.set(ylabel="compression")
        other.legend(frameon=False, fontsize=8)
    return {"fig14": figure}


def _trend(tables: Tables, column: str, sign: int, form: str, name: str) -> Verdict:
    """Judge whether ``column`` moves by ``sign`` with λ_1 wherever it moves at all."""
    cases, words = [], []
    for quality, own in _means(tables["fig14"]).groupby("quality", sort=False):
        values = own.sort_values("lambda_quality")[column].to_numpy()
        moves = np.diff(values)
        moves = moves[np.abs(moves) > _STILL * np.abs(values).max()]
        cases.append(bool(moves.size) and bool((sign * moves > 0).all()))
        words.append(f"{quality}: {name} {values[0]:{form}} to {values[-1]:{form}}")
    return of_cases(cases, "; ".join(words) + f" from λ_1 = {_LAMBDAS[0]:g} to {_LAMBDAS[-1]:g}")


EXPERIMENT = Experiment(
    id="ftsc-fig14",
    title="Energy and compression over the weight of quality",
    paper=PAPER,
    item="Fig. 14",
    takes={"small": "seconds", "paper": "two minutes on two cores"},
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "the compression rate ρ falls as λ_1 rises",
            "Section V-B",
            lambda tables: _trend(tables, "rho", -1, ".4f", "ρ"),
        ),
        Claim(
            "the same of 1/ρ, if that is what the figure calls compression rate",
            "Fig. 14",
            lambda tables: _trend(tables, "reduction", -1, ".1f", "1/ρ"),
        ),
        Claim(
            "energy falls with it",
            "Section V-B",
            lambda tables: _trend(tables, "energy_j", -1, ".4f", "ΣE"),
        ),
    ),
)
