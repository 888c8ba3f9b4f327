"""Fig. 10: MS-SSIM over distance, on AWGN and Rayleigh fading."""

from __future__ import annotations

from matplotlib.figure import Figure

from semsim.experiments.definition import Claim, Experiment, Measured, Tables, Verdict
from semsim.experiments.mmsemcom.quality import (
    FARTHEST_DB,
    PLACES,
    TAKES,
    compare,
    measure,
    quality_figure,
    quality_tables,
)
from semsim.experiments.mmsemcom.systems import DEEPJSCC, FIXED, PAPER, SEQUENTIAL, WITT
from semsim.experiments.verdicts import together
from semsim.report.cells import Table


def show(measured: Measured) -> list[Table]:
    """MS-SSIM or SSIM by system and distance."""
    heads = {snr: f"{distance:g} m\n{snr:.1f} dB" for snr, distance in PLACES.items()}
    return quality_tables(measured, heads, similarity=True)


def plot(measured: Measured) -> dict[str, Figure]:
    """MS-SSIM or SSIM over distance, beside the checks."""
    return {"fig10": quality_figure(measured, PLACES, "distance in m", similarity=True)}


def _far_out(tables: Tables, *rivals: str) -> Verdict:
    return together(
        [
            compare(
                tables["images"],
                (SEQUENTIAL, rival),
                [FARTHEST_DB],
                channels=["rayleigh"],
                similarity=True,
            )
            for rival in rivals
        ]
    )


EXPERIMENT = Experiment(
    id="mmsemcom-fig10",
    title="MS-SSIM over distance",
    paper=PAPER,
    item="Fig. 10",
    takes=TAKES,
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "at 200 m in Rayleigh fading sequential transmission is above DeepJSCC (0.7 against "
            "0.54 on CIFAR-100, 0.6 against 0.4 on STL-10)",
            "Section VI-D3, Fig. 10",
            lambda tables: _far_out(tables, DEEPJSCC),
        ),
        Claim(
            "classical codecs and WITT fall off there",
            "Section VI-D3, Fig. 10",
            lambda tables: _far_out(tables, WITT, *FIXED),
        ),
    ),
)
