"""Running a scenario from the command line, for `semsim run` and `semsim adapt`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semsim.scenario import Scenario


def run_and_show(
    scenario: Scenario, *, out: Path, device: str | None, json: Path | None, quiet: bool
) -> None:
    """Simulate, write the run's folder and print its tables."""
    from semsim.cli.output import show_results
    from semsim.cli.progress import progress_bar

    with progress_bar(quiet) as report:
        from semsim.report.page import write_report
        from semsim.results import run_folder
        from semsim.simulation import simulate

        results = simulate(scenario, device=device, report=report)
        report(0, 0, "writing the report")
        with run_folder(out, results.name) as (temporary, folder):
            results.write(temporary)
            write_report(results, temporary)
    show_results(results, folder, json)
