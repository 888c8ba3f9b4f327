"""Sentences over the air: what experiments on them share."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from semsim.report.cells import Table
from semsim.statistics import mean_interval

PAPER = "Jiang et al., VLM-CSC"

#: Captions of scenes, without their pictures.
CAPTIONS: dict[str, Any] = {"kind": "scenes", "pictures": False}
#: What is measured on sentences, and how it is called.
FIGURES = {
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "attributes_right": "attributes right",
    "sentence_right": "sentences right",
}


def training(link: dict[str, Any], steps: int, model: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe's fields, as recipes/vlm_text.yaml has them but for these."""
    return {
        "objective": {
            "kind": "text_alternation",
            "codec": {"kind": "deepsc_text", "weights": "random", "model": model},
        },
        "link": link,
        "sources": [CAPTIONS],
        "batch": 64,
        "steps": steps,
        "seed": 1,
        "precision": "auto",
        "optimizer": {
            "learning_rate": 1e-3,
            "warmup_steps": 100,
            "clip_norm": 1.0,
            "average": 0.998,
        },
        "evaluation": {"source": CAPTIONS, "count": 500, "snr_db": [4, 0, 10]},
        "evaluate_every_steps": 500,
        "checkpoint_every_steps": 250,
    }


def curves(sentences: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of each figure with its 95 % interval (Student's t) by system and SNR.

    Args:
        sentences: a row a sentence, system and SNR.
    """
    made = []
    for (system, snr_db), part in sentences.groupby(["system", "snr_db"], sort=False):
        for name in FIGURES:
            mean, half = mean_interval(part[name].to_numpy())
            made.append((system, snr_db, name, mean, half, part["channel_uses"].mean()))
    columns = ["system", "snr_db", "figure", "mean", "half_width", "channel_uses"]
    return pd.DataFrame(made, columns=columns)


def lead(sentences: pd.DataFrame, figure: str, system: str, rival: str) -> pd.DataFrame:
    """Return by SNR by how much ``system`` is better, with 95 % intervals.

    Both send the same sentences: their differences are the samples (Student's t).
    """
    found = sentences.pivot_table(index=["snr_db", "image"], columns="system", values=figure)
    gained = found[system] - found[rival]
    rows = [(snr_db, *mean_interval(part)) for snr_db, part in gained.groupby("snr_db")]
    made = pd.DataFrame(rows, columns=["snr_db", "lead", "half_width"])
    return made.set_index("snr_db").fillna(0.0)


def text_tables(rows: pd.DataFrame) -> list[Table]:
    """One table a figure: percents by system and SNR."""
    made = []
    for name, part in rows.groupby("figure", sort=False):
        snrs = sorted(part["snr_db"].unique())
        body = []
        for system, line in part.groupby("system", sort=False):
            found = line.set_index("snr_db")["mean"]
            uses = f"{line['channel_uses'].mean():.1f}"
            body.append((str(system), uses, *(f"{100 * found[snr]:.1f}" for snr in snrs)))
        title = f"{FIGURES[str(name)]} in % by SNR in dB"
        note = f"95 % intervals are at most ± {100 * part['half_width'].max():.1f}."
        heads = ("system", "channel uses", *(f"{snr:g}" for snr in snrs))
        made.append(Table(title, heads, tuple(body), note))
    return made


def text_figure(rows: pd.DataFrame, names: tuple[str, ...]) -> Figure:
    """Draw figures over SNR with intervals, a panel each."""
    figure = Figure(figsize=(5.2 * len(names), 4), layout="constrained")
    for panel, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        part = rows[rows["figure"] == name]
        for i, (system, line) in enumerate(part.groupby("system", sort=False)):
            found = line.sort_values("snr_db")
            snr, mean, half = found["snr_db"], found["mean"], found["half_width"]
            panel.plot(snr, mean, "o-", ms=3, color=f"C{i}", label=system)
            panel.fill_between(snr, mean - half, mean + half, color=f"C{i}", alpha=0.15)
        panel.set(xlabel="SNR in dB", ylabel=FIGURES[name])
    figure.axes[0].legend(frameon=False, fontsize=8)
    return figure
