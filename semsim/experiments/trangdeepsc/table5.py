"""Table 5: latency at batch 1."""

from __future__ import annotations

import numpy as np
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
from semsim.experiments.latency import latencies, ratio_interval, statistics
from semsim.experiments.trangdeepsc.full_size import SNR_DB, full_size, images
from semsim.experiments.trangdeepsc.systems import PAPER
from semsim.report.cells import Table

_RUNS = {"small": 100, "paper": 1000}
_WARM = 10
_COLUMNS = ("mean_ms", "std_ms", "min_ms", "max_ms", "median_ms", "p95_ms")


def measure(setting: Setting) -> Measured:
    """Time single images through each codec, turn by turn."""
    setting.report(0, 0, "timing")
    times = latencies(
        full_size(setting.device),
        images(setting),
        snr_db=SNR_DB,
        warm=_WARM,
        runs=_RUNS[setting.scale],
    )
    caveat = (
        f"Encoder, AWGN channel and decoder of one 32×32 image, {_RUNS[setting.scale]} runs each, "
        "the systems in turn; the paper's figures are from a GeForce RTX 4070 Ti Super."
    )
    return Measured({"times": times, "table5": statistics(times)}, caveats=(caveat,))


def show(measured: Measured) -> list[Table]:
    """The statistics beside the paper's."""
    said = published("trangdeepsc", "table5")
    rows = []
    for row in measured.tables["table5"].to_dict(orient="records"):
        rows.append((row["system"], *(f"{row[name]:.2f}" for name in _COLUMNS)))
        paper = (f"{stated(said, row['system'], name):.2f}" for name in _COLUMNS)
        rows.append((f"{row['system']} (paper)", *paper))
    heads = ("system", "mean", "std", "min", "max", "median", "P95")
    return [Table("Latency in ms at batch 1", heads, tuple(rows))]


def plot(measured: Measured) -> dict[str, Figure]:
    """How the latencies are spread."""
    times = measured.tables["times"]
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axis = figure.subplots()
    groups = list(times.groupby("system", sort=False)["wall_ms"])
    axis.boxplot([values.to_numpy() for _, values in groups], whis=(5, 95), showfliers=False)
    axis.set_xticks(range(1, len(groups) + 1), [str(name) for name, _ in groups])
    axis.set(ylabel="ms an image (whiskers: 5 % and 95 %)", ylim=(0, None))
    return {"table5": figure}


def _faster_than(tables: Tables, rival: str) -> Verdict:
    times: pd.DataFrame = tables["times"]
    rng = np.random.default_rng(0)
    ratio, low, high = ratio_interval(times, "trangdeepsc", rival, rng)
    said = published("trangdeepsc", "table5")
    paper = stated(said, "trangdeepsc", "median_ms") / stated(said, rival, "median_ms")
    interval = f"95 % interval {low:.2f} to {high:.2f}"
    because = f"median {ratio:.2f} of {rival}'s ({interval}; paper: {paper:.2f})"
    if low <= 1.0 <= high:
        return Verdict("cannot be told at this scale", because)
    return Verdict("holds" if high < 1.0 else "does not hold", because)


EXPERIMENT = Experiment(
    id="trangdeepsc-table5",
    title="Latency at batch 1",
    paper=PAPER,
    item="Table 5",
    takes={"small": "about two minutes", "paper": "minutes, on the GPU to be judged"},
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "TranGDeepSC is faster than ViTDeepSC (0.52 of its mean, 0.54 of its median)",
            "Section 3.6",
            lambda tables: _faster_than(tables, "vitdeepsc"),
        ),
        Claim(
            "TranGDeepSC is faster than SemViT (0.41 of its median)",
            "Section 3.6",
            lambda tables: _faster_than(tables, "semvit"),
        ),
        Claim(
            "TranGDeepSC is faster than ADJSCC-V (0.19 of its median)",
            "Section 3.6",
            lambda tables: _faster_than(tables, "adjscc-v"),
        ),
    ),
)
