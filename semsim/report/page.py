"""The figures and the self-contained ``report.html`` of a run."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from jinja2 import Environment, PackageLoader, select_autoescape
from matplotlib.figure import Figure

from semsim.report.cells import Table
from semsim.report.figures import figures
from semsim.report.tables import tables
from semsim.results import Results

_TITLES = {
    "images": "What was sent and what arrived",
    "candidates": "What receivers chose among, the nearest first",
    "sentences": "What was said and what was heard",
    "allocation": "Who got what",
    "dynamics": "Slot by slot",
    "sweep": "Over the grid",
    "gaps": "How far from the optimum",
    "utility": "Utility",
    "quality": "Quality over SNR",
    "convergence": "Convergence",
    "tuning": "Fine-tuning between the slots",
}


def write_report(results: Results, folder: Path) -> Path:
    """Write the figures and tables of a run's task; return the page's path."""
    return write_page(results, folder, figures(results), tables(results))


def write_page(
    results: Results, folder: Path, drawn: Mapping[str, Figure], shown: Sequence[Table]
) -> Path:
    """Write every figure as PNG and one page that needs no other file; return the page's path.

    Args:
        results: of the run.
        folder: to write into.
        drawn: figures by file name (without ending).
        shown: tables, in order.
    """
    embedded = []
    for name, figure in drawn.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
        (folder / f"{name}.png").write_bytes(buffer.getvalue())
        encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
        embedded.append({"title": _TITLES.get(name, name), "png": encoded})
    environment = Environment(
        loader=PackageLoader("semsim.report", "templates"), autoescape=select_autoescape()
    )
    page = environment.get_template("report.html").render(
        results=results,
        figures=embedded,
        tables=shown,
        scenario=yaml.safe_dump(results.scenario, sort_keys=False, allow_unicode=True),
    )
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path
