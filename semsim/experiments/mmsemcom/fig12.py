"""Fig. 12: MS-SSIM of users who share the air by Walsh codes."""

from __future__ import annotations

from matplotlib.figure import Figure

from semsim.experiments.definition import Claim, Experiment, Measured
from semsim.experiments.mmsemcom.multiuser import (
    TAKES,
    measure,
    orthogonal,
    user_figure,
    user_tables,
)
from semsim.experiments.mmsemcom.systems import PAPER
from semsim.report.cells import Table


def show(measured: Measured) -> list[Table]:
    """MS-SSIM by user and SNR, and by how many share."""
    return user_tables(measured, similarity=True)


def plot(measured: Measured) -> dict[str, Figure]:
    """MS-SSIM over SNR by user, and by how many share."""
    return {"fig12": user_figure(measured, similarity=True)}


EXPERIMENT = Experiment(
    id="mmsemcom-fig12",
    title="MS-SSIM of several users by Walsh codes",
    paper=PAPER,
    item="Fig. 12",
    takes=TAKES,
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "orthogonal codes leave nothing of the other users (eq. 29; judged: eight users to "
            "within 0.01)",
            "Section IV",
            lambda tables: orthogonal(tables, similarity=True),
        ),
    ),
)
