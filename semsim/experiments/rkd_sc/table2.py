"""Table II: what the senders hold, compute and take, at the paper's sizes and as they ship."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
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
from semsim.experiments.latency import ratio_interval
from semsim.experiments.rkd_sc.senders import (
    MATRIX,
    as_shipped,
    full_size,
    measure_senders,
    rate_of_products,
)
from semsim.experiments.rkd_sc.systems import (
    LABELS,
    PAPER,
    PUBLISHED,
    RKD_SC,
    RTSC,
    STUDENT,
    T_DEEPSC,
    TEACHER,
)
from semsim.experiments.verdicts import of_cases
from semsim.profiling import PI_GFLOPS
from semsim.report.cells import Table

#: What counts as agreement with a figure of three digits.
_NEAR = 0.03


def measure(setting: Setting) -> Measured:
    """Count parameters and operations, and time single images through the senders in turn."""
    gflops = rate_of_products(setting.device)
    weights: dict[str, str] = {}
    found: list[pd.DataFrame] = []
    times: list[pd.DataFrame] = []
    for sizes, systems in (("published", full_size()), ("shipped", as_shipped())):
        setting.report(0, 0, f"timing senders, {sizes}")
        rows, timed = measure_senders(systems, setting, weights)
        rows["iot_ms"] = rows["median_ms"] * gflops / PI_GFLOPS
        found.append(rows.assign(sizes=sizes))
        times.append(timed.assign(sizes=sizes))
    device = f"{setting.device}, {torch.get_num_threads()} threads"
    caveats = (
        f"Times are of encoding one image on {device}; products of {MATRIX}×{MATRIX} matrices "
        f"reach {gflops:.1f} GFLOPS on it. IoT times are no measurement: as in the paper's "
        f"footnote, ms × {gflops:.1f}/{PI_GFLOPS:g} (the paper: × 871.49/32), which takes for "
        "granted that both machines reach the same share of their peak.",
    )
    tables = {
        "table2": pd.concat(found, ignore_index=True),
        "times": pd.concat(times, ignore_index=True),
    }
    return Measured(tables, weights=weights, caveats=caveats)


def show(measured: Measured) -> list[Table]:
    """The senders beside the paper's, and the ones that ship."""
    table = measured.tables["table2"]
    said = published("rkd_sc", "table2")
    rows = []
    for row in table[table["sizes"] == "published"].to_dict(orient="records"):
        of = said[said["dataset"] == row["dataset"]]
        paper = {
            quantity: stated(of, row["system"], quantity)
            for quantity in ("parameters M", "GFLOPs", "CPU ms", "IoT ms", "values")
        }
        rows.append(_own(row))
        rows.append(
            (
                f"{row['name']} (paper)",
                f"{paper['parameters M']:.2f}",
                f"{paper['GFLOPs']:.3f}",
                "",
                f"{paper['CPU ms']:.2f}",
                f"{paper['IoT ms']:.1f}",
                f"{paper['values']:.0f} {'indices' if row['unit'] == 'bits' else 'values'}",
            )
        )
    heads = (
        "sender",
        "parameters\nM",
        "multiply-adds\nG",
        "of layers\nG",
        "ms (5 % to 95 %)",
        "IoT ms\nestimated",
        "sent",
    )
    small = [_own(row) for row in table[table["sizes"] == "shipped"].to_dict(orient="records")]
    note = (
        "Multiply-adds without attention's products of activations are 'of layers'. T-DeepSC's "
        "image has 32×32 pixels, the others' 224×224."
    )
    return [
        Table("Senders at the paper's sizes", heads, tuple(rows), note),
        Table("Senders that ship, 32×32", heads, tuple(small)),
    ]


def _own(row: dict[Any, Any]) -> tuple[str, ...]:
    return (
        row["name"],
        f"{row['parameters'] / 1e6:.2f}",
        f"{row['multiply_adds'] / 1e9:.3f}",
        f"{row['multiply_adds_of_layers'] / 1e9:.3f}",
        f"{row['median_ms']:.2f} ({row['p5_ms']:.2f} to {row['p95_ms']:.2f})",
        f"{row['iot_ms']:.1f}",
        f"{row['payload']} {row['unit']}",
    )


def plot(measured: Measured) -> dict[str, Figure]:
    """Parameters, operations and time beside the paper's, on the diagonal where they agree."""
    said = published("rkd_sc", "table2")
    table = _published(measured.tables)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    of = (
        ("parameters (M)", "parameters M", table["parameters"] / 1e6),
        ("multiply-adds (G)", "GFLOPs", table["multiply_adds"] / 1e9),
        ("time on IoT (ms), estimated", "IoT ms", table["iot_ms"]),
    )
    for axis, (title, quantity, own) in zip(figure.subplots(1, 3), of, strict=True):
        for label in LABELS:
            here = table["system"] == label
            paper = [_said(said, row, quantity) for _, row in table[here].iterrows()]
            axis.plot(paper, own[here], "o", label=label)
        ends = [own.min(), own.max()]
        axis.plot(ends, ends, color="0.7", lw=1, zorder=0)
        axis.set(xscale="log", yscale="log", xlabel="paper", ylabel="here", title=title)
    figure.axes[0].legend(frameon=False, fontsize="small")
    return {"table2": figure}


def _published(tables: Tables) -> pd.DataFrame:
    table: pd.DataFrame = tables["table2"]
    return table[table["sizes"] == "published"]


def _said(said: pd.DataFrame, row: pd.Series, quantity: str) -> float:
    return stated(said[said["dataset"] == row["dataset"]], str(row["system"]), quantity)


def _parameters(tables: Tables) -> Verdict:
    said = published("rkd_sc", "table2")
    ratios = {
        str(row["name"]): row["parameters"] / 1e6 / _said(said, row, "parameters M")
        for _, row in _published(tables).iterrows()
    }
    return _agreeing(ratios)


def _operations(tables: Tables) -> Verdict:
    """Compare in both ways of counting, and take what is nearer."""
    said = published("rkd_sc", "table2")
    ratios = {}
    for _, row in _published(tables).iterrows():
        paper = _said(said, row, "GFLOPs")
        ways = [row[way] / 1e9 / paper for way in ("multiply_adds", "multiply_adds_of_layers")]
        ratios[str(row["name"])] = min(ways, key=lambda ratio: abs(ratio - 1))
    return _agreeing(ratios)


def _agreeing(ratios: dict[str, float], near: float = _NEAR) -> Verdict:
    because = ", ".join(f"{name} {ratio - 1:+.1%}" for name, ratio in ratios.items())
    return of_cases((abs(ratio - 1) <= near for ratio in ratios.values()), because)


def _marginal(tables: Tables) -> Verdict:
    """Judge what the CAT adds to the encoder of the same data set."""
    times = _times(tables)
    rng = np.random.default_rng(0)
    cases, because = [], []
    for dataset in (*PUBLISHED, "tiny-imagenet"):
        ratio, low, high = ratio_interval(times, f"{RKD_SC} {dataset}", f"{STUDENT} {dataset}", rng)
        cases.append(high < 1.1)
        because.append(
            f"{dataset} {ratio - 1:+.1%} (95 % interval {low - 1:+.1%} to {high - 1:+.1%})"
        )
    return of_cases(cases, ", ".join(because))


def _far_below_the_teacher(tables: Tables) -> Verdict:
    times = _times(tables)
    rng = np.random.default_rng(0)
    ratio, low, high = ratio_interval(times, TEACHER, f"{RKD_SC} cifar10", rng)
    because = f"{ratio:.1f} times (95 % interval {low:.1f} to {high:.1f}; paper: 9.97)"
    return of_cases([low >= 8.0], because)


def _on_a_pi(tables: Tables) -> Verdict:
    said = published("rkd_sc", "table2")
    table = _published(tables)
    ratios = {
        str(row["name"]): row["iot_ms"] / _said(said, row, "IoT ms")
        for _, row in table[table["system"] == RKD_SC].iterrows()
    }
    return _agreeing(ratios, 0.25)


def _order(tables: Tables) -> Verdict:
    """Judge who is slower than whom, whatever the machine."""
    median = _published(tables).set_index("name")["median_ms"]
    order = [RTSC, f"{STUDENT} cifar10", T_DEEPSC, TEACHER]
    pairs = pairwise(order)
    because = " < ".join(f"{name} ({median[name]:.1f} ms)" for name in order)
    return of_cases([median[a] < median[b] for a, b in pairs], f"as the paper has it: {because}")


def _times(tables: Tables) -> pd.DataFrame:
    times: pd.DataFrame = tables["times"]
    return times[times["sizes"] == "published"]


EXPERIMENT = Experiment(
    id="rkdsc-table2",
    title="What senders hold, compute and take",
    paper=PAPER,
    item="Table II",
    takes={"small": "about a minute", "paper": "minutes, on the machine to be judged"},
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("parameters of the nine senders (within 3 %)", "Table II", _parameters),
        Claim(
            "operations of the nine senders, in multiply-adds, with attention's products or "
            "without (within 3 %)",
            "Table II",
            _operations,
        ),
        Claim(
            "the CAT adds little to the time of encoding (0.8 %, 2.4 %, 4.3 %; judged: below 10 %)",
            "Section IV-B2",
            _marginal,
        ),
        Claim(
            "JSCC-teacher takes far longer than RKD-SC (9.97 times; judged: 8 times and more)",
            "Section IV-B2",
            _far_below_the_teacher,
        ),
        Claim(
            "RKD-SC encodes an image in 106 to 131 ms on a Raspberry Pi 4 B, as the footnote "
            "estimates it (judged: within 25 %)",
            "Section IV-B2",
            _on_a_pi,
        ),
        Claim(
            "RTSC is the fastest, then JSCC-student, T-DeepSC and JSCC-teacher",
            "Table II",
            _order,
        ),
    ),
)
