"""Runs an experiment: measure, judge, show."""

from __future__ import annotations

import time

from semsim.experiments.definition import Experiment, Measured, Setting
from semsim.report.cells import Table
from semsim.results import Results


def reproduce(experiment: Experiment, setting: Setting) -> tuple[Results, Measured]:
    """Run ``experiment`` and judge its claims.

    Returns:
        results whose summary holds a verdict on every claim, and what was measured.

    Raises:
        SemsimError: for missing weights, data or packages.
    """
    started = time.perf_counter()
    measured = experiment.measure(setting)
    verdicts = [(claim, claim.judge(measured.tables)) for claim in experiment.claims]
    results = Results(
        name=experiment.id,
        task="experiment",
        tables=measured.tables,
        summary={
            "name": experiment.id,
            "scale": setting.scale,
            "paper": experiment.paper,
            "item": experiment.item,
            "verdicts": [
                {
                    "claim": claim.text,
                    "where": claim.where,
                    "verdict": verdict.outcome,
                    "because": verdict.because,
                }
                for claim, verdict in verdicts
            ],
            "caveats": list(measured.caveats),
        },
        scenario={
            "description": f"{experiment.title}. {experiment.paper}, {experiment.item}.",
            "experiment": experiment.id,
            "scale": setting.scale,
            "device": setting.device,
            "seed": None,
        },
        pictures=measured.pictures,
        weights=measured.weights,
        seconds={"measure": time.perf_counter() - started},
    )
    return results, measured


def tables(experiment: Experiment, results: Results, measured: Measured) -> list[Table]:
    """Return the experiment's tables with the verdicts at the end."""
    rows = tuple(
        (row["claim"], row["where"], row["verdict"], row["because"])
        for row in results.summary["verdicts"]
    )
    scale = results.summary["scale"]
    title = f"Claims of {experiment.paper}, {experiment.item}, at scale '{scale}'"
    heads = ("claim", "where", "verdict", "because")
    note = " ".join(measured.caveats)
    return [*experiment.show(measured), Table(title, heads, rows, note)]
