"""Fig. 7: accuracy, parameters and choices over the epochs of KDL-DARTS and DARTS."""

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
    published,
    stated,
)
from semsim.experiments.rkd_sc.architectures import (
    DARTS,
    KDL,
    SEEDS,
    course,
    final,
    reduction,
    search_both,
    smaller,
)
from semsim.experiments.rkd_sc.systems import PAPER
from semsim.experiments.verdicts import of_leads
from semsim.report.cells import Table
from semsim.report.searches import search_figure
from semsim.statistics import mean_interval


def measure(setting: Setting) -> Measured:
    """Search every data set by either method from three seeds."""
    found = search_both(setting)
    caveats = (
        f"Mean over {len(SEEDS)} seeds; both methods of a seed meet the same images in the same "
        "order from the same first weights, through the same channel. Accuracy is the supernet's, "
        "without noise, on validation images that its architecture learnt from and its weights did "
        "not.",
        *(
            ("Searches are minutes long here, with rates of the candidates raised to match.",)
            if setting.scale == "small"
            else ()
        ),
    )
    return Measured(
        {"epochs": course(found, "epochs"), "stages": course(found, "stages")}, caveats=caveats
    )


def show(measured: Measured) -> list[Table]:
    """What every search ended with, and the paper's gains."""
    last = final(measured.tables["epochs"])
    rows = [
        (
            f"{row['data']}, {row['method']}, seed {row['seed']}",
            " ".join(str(blocks) for blocks in row["blocks"]),
            f"{row['selected_parameters'] / 1e6:.3f}",
            f"{row['expected_parameters'] / 1e6:.3f}",
            f"{100 * row['accuracy']:.1f}",
        )
        for row in last.to_dict(orient="records")
    ]
    heads = ("search", "blocks", "selected (M)", "expected (M)", "accuracy in %")
    note = "Parameters of the four stages, as Table III counts them; expected: by shares."
    said = published("rkd_sc", "fig7")
    gains = [
        (
            data,
            f"{stated(own, KDL, 'accuracy gain %'):g} %",
            f"{stated(own, KDL, 'fewer parameters %'):g} %",
        )
        for data, own in said.groupby("dataset", sort=False)
    ]
    paper = Table(
        "The paper's gains of KDL-DARTS over DARTS",
        ("data set", "accuracy", "fewer parameters"),
        tuple(gains),
    )
    return [Table("Found architectures", heads, tuple(rows), note), _gains(last), paper]


def _gains(last: pd.DataFrame) -> Table:
    rows = []
    for data in last["data"].unique():
        gain, half = _accuracy_gain(last, data)
        less, less_half = reduction(last, data)
        rows.append(
            (
                data,
                f"{100 * gain:+.1f} ± {100 * half:.1f} points",
                f"{100 * less:.1f} ± {100 * less_half:.1f} %",
            )
        )
    title = "Gains of KDL-DARTS over DARTS, with 95 % intervals over seeds (Student's t, paired)"
    return Table(title, ("data set", "accuracy", "fewer parameters"), tuple(rows))


def _accuracy_gain(last: pd.DataFrame, data: str) -> tuple[float, float]:
    wide = last[last["data"] == data].pivot(index="seed", columns="method", values="accuracy")
    return mean_interval((wide[KDL] - wide[DARTS]).to_numpy())


def plot(measured: Measured) -> dict[str, Figure]:
    """The three panels for each data set."""
    epochs, stages = measured.tables["epochs"], measured.tables["stages"]
    return {
        f"fig7-{data}": search_figure(
            epochs[epochs["data"] == data], stages[stages["data"] == data], str(data)
        )
        for data in epochs["data"].unique()
    }


def _more_accurate(tables: Tables) -> Verdict:
    last = final(tables["epochs"])
    found = pd.DataFrame(
        [(data, *_accuracy_gain(last, data)) for data in last["data"].unique()],
        columns=["data", "gain", "half_width"],
    )
    because = ", ".join(
        f"{100 * row.gain:+.1f} ± {100 * row.half_width:.1f} points on {row.data}"
        for row in found.itertuples()
    )
    return of_leads(found["gain"], found["half_width"], because)


def _smaller(tables: Tables) -> Verdict:
    return smaller(final(tables["epochs"]))


def _fewer_in_deep_layers(tables: Tables) -> Verdict:
    stages = tables["stages"]
    chosen = stages[stages["selected"] & (stages["epoch"] == stages["epoch"].max())]
    deepest = chosen[chosen["stage"] == chosen["stage"].max()]
    rows = []
    for data, part in deepest.groupby("data", sort=False):
        wide = part.pivot(index="seed", columns="method", values="blocks")
        rows.append((data, *mean_interval((wide[DARTS] - wide[KDL]).to_numpy())))
    found = pd.DataFrame(rows, columns=["data", "fewer", "half_width"])
    because = ", ".join(
        f"{row.fewer:.1f} ± {row.half_width:.1f} blocks fewer in layer 4 on {row.data}"
        for row in found.itertuples()
    )
    return of_leads(found["fewer"], found["half_width"], because)


EXPERIMENT = Experiment(
    id="rkdsc-fig7",
    title="The course of architecture searches: KDL-DARTS and DARTS",
    paper=PAPER,
    item="Fig. 7",
    takes={
        "small": "about 5.5 minutes on two cores: six searches on Fashion-MNIST",
        "paper": "CIFAR-10, CIFAR-100 and Tiny-ImageNet at 224×224, 200 epochs: days on a GPU",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "KDL-DARTS's validation accuracy is above DARTS's (by 5, 12 and 13 %)",
            "Section IV-B3",
            _more_accurate,
        ),
        Claim(
            "its architectures have fewer parameters (by 29.4, 14.5 and 27.9 %)",
            "Section IV-B3",
            _smaller,
        ),
        Claim(
            "it selects fewer blocks in deeper layers, which have more channels",
            "Section IV-B3",
            _fewer_in_deep_layers,
        ),
    ),
)
