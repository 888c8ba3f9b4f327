"""`semsim sweep` or `train` on two workers beside one: as good, and how much sooner.

Wall time of the whole sweep, from reading the scenario to its tables: Ray's start and each worker's
start (libraries, photographs, weights) are in it. Both run on one machine, one after the other, so
that it wants two cores that nothing else uses.

A training is timed by its pace, images a second in the second half of its steps: starting Ray takes
the same few seconds however long it lasts, and is in the seconds beside it. One worker trains
without Ray, in one thread.

    python -m benchmarks.on_ray --points 40
    python -m benchmarks.on_ray --what train --steps 100
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import psutil
import torch
from rich.console import Console
from rich.table import Table

from semsim.results import Results
from semsim.training.loop import Progress
from semsim.training.recipe import Recipe
from semsim.training.run import train_recipe
from semsim_agents.sweeping.grid import read_grid
from semsim_agents.sweeping.run import Workers, sweep_grid
from semsim_agents.together.team import Team, train_together

SCENARIO = Path(__file__).parents[1] / "scenarios" / "downlink5.yaml"
#: Two workers are to take at most one part in this many of the time of one.
TARGET = 1.7


def swept(points: int, workers: int) -> tuple[Results, float]:
    """Sweep the seeds of the paper's cell under the exact allocator; return results and seconds."""
    started = time.perf_counter()
    grid = read_grid(SCENARIO, [f"seed=0:{points}", "compare=[]"])
    results = sweep_grid(grid, Workers(workers))
    return results, time.perf_counter() - started


def trained(recipe: Recipe, workers: int) -> tuple[list[Progress], float]:
    """Train, alone without Ray; return what was told of every step, and seconds."""
    told: list[Progress] = []
    path = Path(f"{recipe.name}.yaml")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if workers == 1:
            train_recipe(recipe, path, Path(folder), "cpu", report=told.append)
        else:
            train_together(recipe, path, Path(folder), Team(workers), report=told.append)
    return told, time.perf_counter() - started


def pace(told: list[Progress], batch: int) -> float:
    """Return images a second in the second half of the steps."""
    half, end = told[len(told) // 2 - 1], told[-1]
    took_s = batch * (end.step / end.images_per_s - half.step / half.images_per_s)
    return batch * (end.step - half.step) / took_s


def codec_recipe(steps: int) -> Recipe:
    """Return a DeepJSCC of the shipped size, on shipped photographs."""
    return Recipe.model_validate(
        {
            "name": "benchmark",
            "objective": {
                "kind": "reconstruction",
                "codec": {
                    "kind": "deepjscc",
                    "weights": "random",
                    "model": {"cbr": "1/6", "filters": [64, 64, 64, 64]},
                },
            },
            "link": {"channel": "awgn", "snr_db": {"low": 5, "high": 15}},
            "sources": [{"kind": "photos", "split": "train", "size": 32, "crop": "random"}],
            "batch": 64,
            "steps": steps,
        }
    )


def time_training(steps: int) -> Table:
    """Compare two workers with one thread."""
    torch.set_num_threads(1)
    recipe = codec_recipe(steps)
    one, alone_s = trained(recipe, 1)
    two, both_s = trained(recipe, 2)
    single, double = pace(one, recipe.batch), pace(two, recipe.batch)
    ratio = double / single
    apart = max(abs(b.loss / a.loss - 1) for a, b in zip(one, two, strict=True))
    table = Table("what", "seen", "target", "", title=f"semsim train, {steps} steps")
    table.add_row("one thread", f"{single:.0f} images/s, {alone_s:.1f} s in all")
    table.add_row("two workers", f"{double:.0f} images/s, {both_s:.1f} s in all")
    table.add_row("faster by", f"{ratio:.2f} ×")
    table.add_row("losses apart by", f"{apart:.1e} at most")
    return table


def time_sweep(points: int) -> Table:
    """Compare two workers with one."""
    one, alone_s = swept(points, 1)
    two, both_s = swept(points, 2)
    same = all(table.equals(two.tables[name]) for name, table in one.tables.items())
    ratio = alone_s / both_s
    table = Table("what", "seen", "target", "", title=f"semsim sweep, {points} points")
    table.add_row("one worker", f"{alone_s:.1f} s")
    table.add_row("two workers", f"{both_s:.1f} s")
    verdict = "met" if ratio >= TARGET else "missed"
    table.add_row("sooner by", f"{ratio:.2f} ×", f"{TARGET} ×", verdict)
    table.add_row("same tables", str(same), "True", "met" if same else "missed")
    return table


def main() -> None:
    """Print both times, and whether the results are the same."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--what", choices=("sweep", "train"), default="sweep")
    options.add_argument("--points", type=int, default=40)
    options.add_argument("--steps", type=int, default=100)
    asked = options.parse_args()
    busy = psutil.cpu_percent(interval=1.0)
    table = time_sweep(asked.points) if asked.what == "sweep" else time_training(asked.steps)
    table.add_row("busy before it began", f"{busy:.0f} % of {psutil.cpu_count()} cores")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
