"""Running a link scenario from the command line, for `semsim link` and `semsim eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semsim.scenario import LinkScenario


def sweep_and_show(
    scenario: LinkScenario,
    *,
    out: Path,
    workers: int,
    resume: bool,
    json: Path | None,
    quiet: bool,
) -> None:
    """Measure what is missing, write the run's folder and print its tables."""
    from semsim.cli.output import show_results
    from semsim.cli.progress import progress_bar

    with progress_bar(quiet) as report:
        from semsim.channels.devices import check_device
        from semsim.report.page import write_report
        from semsim.results import run_folder
        from semsim.sweep.run import folder_of_points, forget, sweep

        check_device(scenario.device)
        keep = folder_of_points(out, scenario)
        if not resume:
            forget(keep)
        results = sweep(scenario, workers=workers, keep=keep, report=report)
        report(0, 0, "writing the report")
        with run_folder(out, results.name) as (temporary, folder):
            results.write(temporary)
            write_report(results, temporary)
        forget(keep)
    show_results(results, folder, json)
