"""The continual learning map and what is forgotten."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from semsim.report.cells import Table
from semsim.statistics import mean_interval

#: What maps are drawn of, and how it is called.
FIGURES = {"bleu_1": "BLEU-1", "bleu_2": "BLEU-2", "sentence_right": "sentences right"}


def learning_map(rows: pd.DataFrame, figure: str = "bleu_1") -> pd.DataFrame:
    """Return the mean of ``figure`` by last task learnt (rows) and task tested (columns)."""
    means = rows.groupby(["learnt", "tested"], sort=False)[figure].mean().unstack(sort=False)
    order = list(rows["tested"].drop_duplicates())
    return means.loc[order, order]


def measures(rows: pd.DataFrame, figure: str = "bleu_1") -> pd.DataFrame:
    """Return what is kept after the last task, with 95 % intervals over sentences and seeds.

    With R(i, j) the figure of task j after task i, of T tasks:

    - ``average``: the mean of R(T, j) over all j.
    - ``backward transfer``: the mean of R(T, j) - R(j, j) over j < T; below zero is forgetting.
    - ``forgetting``: the mean of max over i < T of R(i, j), less R(T, j), over j < T.

    Sentences are the samples: each has the tasks' mean of what became of the sentence of its number
    (Student's t). The best earlier task of forgetting is that of the mean.
    """
    tasks = list(rows["tested"].drop_duplicates())
    last = tasks[-1]
    means = learning_map(rows, figure)
    samples = rows.pivot_table(
        index=["seed", "sentence"], columns=["learnt", "tested"], values=figure
    )
    best = {task: means.loc[tasks[:-1], task].idxmax() for task in tasks[:-1]}
    found = {
        "average": [samples[last, task] for task in tasks],
        "backward transfer": [samples[last, task] - samples[task, task] for task in tasks[:-1]],
        "forgetting": [samples[best[task], task] - samples[last, task] for task in tasks[:-1]],
    }
    made = [
        (name, *mean_interval((sum(parts) / len(parts)).to_numpy()))
        for name, parts in found.items()
    ]
    return pd.DataFrame(made, columns=["measure", "mean", "half_width"]).set_index("measure")


def continual_tables(rows: pd.DataFrame, memory: pd.DataFrame) -> list[Table]:
    """A map a figure, the measures of forgetting, and the long-term memory round by round.

    Args:
        rows: what :func:`~semsim.continual.run.learn` returns.
        memory: what :func:`~semsim.continual.run.memory_by_round` returns.
    """
    made, body = [], []
    for name, title in FIGURES.items():
        means = learning_map(rows, name)
        cells = tuple(
            (str(learnt), *(f"{100 * value:.1f}" for value in line))
            for learnt, line in zip(means.index, means.to_numpy(), strict=True)
        )
        heads = ("after learning", *map(str, means.columns))
        made.append(Table(f"{title} in % by task tested", heads, cells, ""))
        kept = measures(rows, name)
        shown = (f"{100 * m:+.1f} ± {100 * h:.1f}" for m, h in kept.to_numpy())
        body.append((title, *shown))
    note = "95 % intervals over held-out sentences and seeds; docs/papers/vlm_csc.md defines them."
    heads = ("in %", "average", "backward transfer", "forgetting")
    made.append(Table("What is kept after the last task", heads, tuple(body), note))
    names = {"moved": "moved to the LTM", "long": "in the LTM"}
    heads = tuple(names.get(str(column), str(column)) for column in memory.columns)
    body = [tuple(map(str, line)) for line in memory.itertuples(index=False)]
    return [*made, Table("Long-term memory, in sentences, after each round", heads, tuple(body))]


def map_figure(maps: dict[str, pd.DataFrame]) -> Figure:
    """Draw maps by title side by side: tasks learnt downwards, tasks tested across."""
    figure = Figure(figsize=(0.8 + 3.2 * len(maps), 3.4), layout="constrained")
    axes = figure.subplots(1, len(maps), squeeze=False)[0]
    for axis, (title, means) in zip(axes, maps.items(), strict=True):
        image = axis.imshow(means.to_numpy(), vmin=0, vmax=1, cmap="viridis")
        axis.set_xticks(range(len(means.columns)), means.columns, rotation=20)
        axis.set_yticks(range(len(means.index)), means.index)
        axis.set(title=title, xlabel="tested")
        axis.grid(visible=False)
        for i, line in enumerate(means.to_numpy()):
            for j, value in enumerate(line):
                colour = "black" if value > 0.6 else "white"
                axis.text(j, i, f"{100 * value:.0f}", ha="center", va="center", color=colour)
    axes[0].set_ylabel("learnt last")
    figure.colorbar(image, ax=list(axes), shrink=0.8)
    return figure
