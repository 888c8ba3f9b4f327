"""Fig. 11: how DFT and LSDFT converge."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from semsim.experiments.definition import (
    Claim,
    Experiment,
    Measured,
    Setting,
    Tables,
    Verdict,
)
from semsim.experiments.ftsc.deployed import DFT, IDEAL, LSDFT, LSDFT_FLOOR, deployed, tune
from semsim.experiments.ftsc.roles import unknown
from semsim.experiments.ftsc.systems import PAPER
from semsim.experiments.verdicts import of_cases
from semsim.report.cells import Table

#: The paper's iterations.
_STEPS = 600
_WATCH_EVERY = 25
_METHODS = (DFT, LSDFT, LSDFT_FLOOR)
_SETS = {"small": ("scenes", "fashion"), "paper": ("x-ray", "cifar-10")}
#: Converged: the mean over the last third is no more than this above that over the middle third.
_SETTLED_DB = 0.2


def measure(setting: Setting) -> Measured:
    """Tune for 600 iterations on the ideal channel and look at the judged images as it goes."""
    what = deployed(setting)
    sets = [d for d in unknown(setting.scale) if d.name in _SETS[setting.scale]]
    tuned = tune(
        what,
        [(dataset, method, IDEAL) for dataset in sets for method in _METHODS],
        setting,
        steps=_STEPS,
        watch_every=_WATCH_EVERY,
    )
    parts = []
    for (dataset, method, _), run in tuned.items():
        start = {"step": 0, "psnr_db": run.summary["psnr_db_before"]}
        seen = run.steps[run.steps["psnr_db"].notna()][["step", "psnr_db", "loss"]]
        part = pd.concat([pd.DataFrame([start]), seen], ignore_index=True)
        parts.append(part.assign(dataset=dataset, method=method))
    return Measured(
        {"fig11": pd.concat(parts, ignore_index=True)},
        caveats=(
            f"{what.batch} images an iteration, {sets[0].tuned} in all; PSNR of {sets[0].judged} "
            "other images, without noise.",
        ),
    )


def show(measured: Measured) -> list[Table]:
    """PSNR at some iterations."""
    table = measured.tables["fig11"]
    chosen = [i * _STEPS // 6 for i in range(7)]
    rows = []
    for (dataset, method), part in table.groupby(["dataset", "method"], sort=False):
        values = part.set_index("step")["psnr_db"]
        rows.append((dataset, method, *(f"{values[step]:.2f}" for step in chosen)))
    heads = ("data set", "method", *(str(step) for step in chosen))
    return [Table("PSNR in dB by iteration", heads, tuple(rows))]


def plot(measured: Measured) -> dict[str, Figure]:
    """PSNR by iteration, one panel a data set."""
    table = measured.tables["fig11"]
    sets = list(table["dataset"].unique())
    figure = Figure(figsize=(5 * len(sets), 3.6), layout="constrained")
    axes = figure.subplots(1, len(sets), squeeze=False)[0]
    for axis, dataset in zip(axes, sets, strict=True):
        for method, part in table[table["dataset"] == dataset].groupby("method", sort=False):
            axis.plot(part["step"], part["psnr_db"], label=str(method))
        axis.set(xlabel="iteration", title=dataset)
    axes[0].set(ylabel="PSNR in dB")
    axes[0].legend(frameon=False, fontsize=8)
    return {"fig11": figure}


def _converges(tables: Tables) -> Verdict:
    words, settled = [], []
    table = tables["fig11"]
    for (dataset, method), part in table.groupby(["dataset", "method"], sort=False):
        if method == LSDFT_FLOOR.name:
            continue
        third = _STEPS // 3
        middle = part[part["step"].between(third + 1, 2 * third)]["psnr_db"].mean()
        last = part[part["step"] > 2 * third]["psnr_db"].mean()
        settled.append(abs(last - middle) <= _SETTLED_DB)
        words.append(f"{last - middle:+.2f} dB ({method} on {dataset})")
    because = "mean PSNR of the last third of iterations over that of the second: " + ", ".join(
        words
    )
    return of_cases(settled, because)


EXPERIMENT = Experiment(
    id="ftsc-fig11",
    title="Convergence of DFT and LSDFT",
    paper=PAPER,
    item="Fig. 11",
    takes={
        "small": "about 20 minutes on two cores: six fine-tunings",
        "paper": "the networks of Table II and six fine-tunings: days on a GPU",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(Claim("DFT and LSDFT converge within 600 iterations", "Fig. 11", _converges),),
)
