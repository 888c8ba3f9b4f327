"""Table III: parameters of what KDL-DARTS and DARTS find, and what it is worth after training."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from semsim.codecs.rkd_sc.space import stage_parameters
from semsim.experiments.definition import (
    Claim,
    Experiment,
    Measured,
    Setting,
    Tables,
    Verdict,
    published,
)
from semsim.experiments.rkd_sc.architectures import (
    DARTS,
    JUDGED_DB,
    KDL,
    SEEDS,
    reduction,
    search_both,
    smaller,
    train_found,
)
from semsim.experiments.rkd_sc.systems import PAPER
from semsim.experiments.verdicts import together
from semsim.report.cells import Table
from semsim.statistics import mean_interval

#: Accuracies that are less than this apart count as equal.
_EQUAL = 0.01


def measure(setting: Setting) -> Measured:
    """Search, unless Fig. 7 has done so, then train what was found alike from random weights."""
    found = search_both(setting)
    accuracy = train_found(found, setting)
    rows = []
    for (data, method, seed), searched in found.items():
        layers = stage_parameters(searched.blocks)
        rows.append(
            {
                "data": data,
                "method": method,
                "seed": seed,
                "blocks": " ".join(str(blocks) for blocks in searched.blocks),
                **{f"l{i + 1}": count for i, count in enumerate(layers)},
                "selected_parameters": sum(layers),
                "accuracy": accuracy[data, method, seed],
            }
        )
    caveat = (
        f"Every architecture was trained alike from random weights, by cross-entropy through AWGN "
        f"at 5 to 20 dB with a dense channel coder, and judged at {JUDGED_DB} dB on test images. "
        "The search's own weights play no part, nor does the teacher."
    )
    return Measured({"table3": pd.DataFrame(rows)}, caveats=(caveat,))


def show(measured: Measured) -> list[Table]:
    """Every found architecture, the comparison, and the paper's table."""
    table = measured.tables["table3"]
    layers = ("l1", "l2", "l3", "l4", "selected_parameters")
    rows = [
        (
            f"{row['data']}, {row['method']}, seed {row['seed']}",
            row["blocks"],
            *(f"{row[name] / 1e6:.3f}" for name in layers),
            f"{100 * row['accuracy']:.1f}",
        )
        for row in table.to_dict(orient="records")
    ]
    heads = ("search", "blocks", "L1", "L2", "L3", "L4", "total", f"% at {JUDGED_DB} dB")
    said = published("rkd_sc", "table3")
    paper = [
        (f"{row['dataset']}, {row['system']}", f"{row['value'] / 1e6:.3f}")
        for row in said.to_dict(orient="records")
    ]
    return [
        Table("Parameters in millions and accuracy after training", heads, tuple(rows)),
        _comparison(table),
        Table("The paper's totals in millions", ("data set and method", "total"), tuple(paper)),
    ]


def _comparison(table: pd.DataFrame) -> Table:
    rows = []
    for data in table["data"].unique():
        cells = []
        for method in (DARTS, KDL):
            own = table[(table["data"] == data) & (table["method"] == method)]
            for name, unit in (("selected_parameters", 1e-6), ("accuracy", 100.0)):
                mean, half = mean_interval(unit * own[name].to_numpy())
                digits = 3 if name != "accuracy" else 1
                cells.append(f"{mean:.{digits}f} ± {half:.{digits}f}")
        less, less_half = reduction(table, data)
        lead, half = _lead(table, data)
        rows.append(
            (
                data,
                *cells,
                f"{100 * less:.1f} ± {100 * less_half:.1f} %",
                f"{100 * lead:+.1f} ± {100 * half:.1f}",
            )
        )
    heads = ("data set", "DARTS (M)", "%", "KDL-DARTS (M)", "%", "fewer", "lead in points")
    note = f"Means over {len(SEEDS)} seeds with 95 % intervals (Student's t); the last two paired."
    return Table("KDL-DARTS against DARTS", heads, tuple(rows), note)


def _lead(table: pd.DataFrame, data: str) -> tuple[float, float]:
    wide = table[table["data"] == data].pivot(index="seed", columns="method", values="accuracy")
    return mean_interval((wide[KDL] - wide[DARTS]).to_numpy())


def plot(measured: Measured) -> dict[str, Figure]:
    """Accuracy over parameters, a panel a data set, seeds of both methods."""
    table = measured.tables["table3"]
    sets = list(table["data"].unique())
    figure = Figure(figsize=(4.2 * len(sets), 3.4), layout="constrained")
    panels = figure.subplots(1, len(sets), squeeze=False)[0]
    for panel, data in zip(panels, sets, strict=True):
        for colour, method in enumerate((KDL, DARTS)):
            own = table[(table["data"] == data) & (table["method"] == method)]
            panel.plot(
                own["selected_parameters"] / 1e6, 100 * own["accuracy"], "o", color=f"C{colour}",
                label=method,
            )  # fmt: skip
        panel.set(xlabel="parameters in millions", title=data)
    panels[0].set(ylabel=f"top-1 accuracy in % at {JUDGED_DB} dB")
    panels[0].legend(frameon=False)
    return {"table3": figure}


def _smaller(tables: Tables) -> Verdict:
    return smaller(tables["table3"])


def _as_accurate(tables: Tables) -> Verdict:
    table = tables["table3"]
    verdicts = []
    for data in table["data"].unique():
        lead, half = _lead(table, data)
        because = f"{100 * lead:+.1f} ± {100 * half:.1f} points on {data}"
        if lead - half > -_EQUAL:
            verdicts.append(Verdict("holds", because))
        elif lead + half < -_EQUAL:
            verdicts.append(Verdict("does not hold", because))
        else:
            verdicts.append(Verdict("cannot be told at this scale", because))
    return together(verdicts)


EXPERIMENT = Experiment(
    id="rkdsc-table3",
    title="What architecture searches find: parameters, and accuracy after equal training",
    paper=PAPER,
    item="Table III",
    takes={
        "small": "about 1.5 minutes on two cores after rkdsc-fig7, whose searches it shares",
        "paper": "CIFAR-10, CIFAR-100 and Tiny-ImageNet at 224×224: days on a GPU",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "KDL-DARTS finds smaller architectures (0.777 against 1.101 M, 1.430 against 1.675 M, "
            "1.435 against 1.990 M)",
            "Table III",
            _smaller,
        ),
        Claim(
            f"they are as accurate or better, to within {100 * _EQUAL:g} point, after equal "
            "training",
            "Section IV-B3",
            _as_accurate,
        ),
    ),
)
