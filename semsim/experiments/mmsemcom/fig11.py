"""Fig. 11: PSNR of users who share the air by Walsh codes."""

from __future__ import annotations

from matplotlib.figure import Figure

from semsim.experiments.definition import Claim, Experiment, Measured
from semsim.experiments.mmsemcom.multiuser import (
    TAKES,
    both_served,
    cliff,
    measure,
    orthogonal,
    user_figure,
    user_tables,
)
from semsim.experiments.mmsemcom.systems import PAPER
from semsim.report.cells import Table


def show(measured: Measured) -> list[Table]:
    """PSNR by user and SNR, and by how many share."""
    return user_tables(measured, similarity=False)


def plot(measured: Measured) -> dict[str, Figure]:
    """PSNR over SNR by user, and by how many share."""
    return {"fig11": user_figure(measured, similarity=False)}


EXPERIMENT = Experiment(
    id="mmsemcom-fig11",
    title="PSNR of several users by Walsh codes",
    paper=PAPER,
    item="Fig. 11",
    takes=TAKES,
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "above 10 dB both users are served well (judged: within 0.5 dB of what 20 dB give)",
            "Section VI-E, Fig. 11",
            both_served,
        ),
        Claim(
            "below 12 dB quality falls off a cliff, on STL-10 (judged: by 3 dB or more down to "
            "0 dB)",
            "Section VI-E, Fig. 11",
            cliff,
        ),
        Claim(
            "orthogonal codes leave nothing of the other users (eq. 29; judged: eight users to "
            "within 0.5 dB)",
            "Section IV",
            lambda tables: orthogonal(tables, similarity=False),
        ),
    ),
)
