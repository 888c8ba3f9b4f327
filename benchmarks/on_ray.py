"""`semsim sweep` on two workers beside one, in the same run: the same table, and how much sooner.

Wall time of the whole sweep, from reading the scenario to its tables: Ray's start and each worker's
start (libraries, photographs, weights) are in it. Both run on one machine, one after the other, so
that it wants two cores that nothing else uses.

    python -m benchmarks.on_ray --points 24
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from semsim.results import Results
from semsim_agents.sweeping.grid import read_grid
from semsim_agents.sweeping.run import Workers, sweep_grid

SCENARIO = Path(__file__).parents[1] / "scenarios" / "downlink5.yaml"
#: Two workers are to take at most one part in this many of the time of one.
TARGET = 1.7


def swept(points: int, workers: int) -> tuple[Results, float]:
    """Sweep the seeds of the paper's cell under the exact allocator; return results and seconds."""
    started = time.perf_counter()
    grid = read_grid(SCENARIO, [f"seed=0:{points}", "compare=[]"])
    results = sweep_grid(grid, Workers(workers))
    return results, time.perf_counter() - started


def main() -> None:
    """Print both times, and whether the tables are the same."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--points", type=int, default=24)
    points = options.parse_args().points
    busy = psutil.cpu_percent(interval=1.0)
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
    table.add_row("busy before it began", f"{busy:.0f} % of {psutil.cpu_count()} cores")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
