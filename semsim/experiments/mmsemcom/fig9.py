"""Fig. 9: MS-SSIM over SNR, on AWGN and Rayleigh fading."""

from __future__ import annotations

from matplotlib.figure import Figure

from semsim.experiments.definition import Claim, Experiment, Measured, Tables, Verdict
from semsim.experiments.mmsemcom.quality import (
    SNRS_DB,
    TAKES,
    compare,
    curves,
    measure,
    quality_figure,
    quality_tables,
)
from semsim.experiments.mmsemcom.systems import (
    DEEPJSCC,
    FIXED,
    PAPER,
    SEQUENTIAL,
    SIMULTANEOUS,
    WEBP,
    WITT,
)
from semsim.experiments.verdicts import of_cases, together
from semsim.report.cells import Table

#: "Close to the maximum" at the lowest SNR, as a share of what the highest gives.
_CLOSE = 0.95


def show(measured: Measured) -> list[Table]:
    """MS-SSIM or SSIM by system and SNR."""
    return quality_tables(measured, {snr: f"{snr:g} dB" for snr in SNRS_DB}, similarity=True)


def plot(measured: Measured) -> dict[str, Figure]:
    """MS-SSIM or SSIM over SNR, beside the checks."""
    axis = {snr: snr for snr in SNRS_DB}
    return {"fig9": quality_figure(measured, axis, "SNR in dB", similarity=True)}


def _above_all(tables: Tables) -> Verdict:
    return together(
        [
            compare(tables["images"], (own, rival), SNRS_DB, similarity=True)
            for own in (SEQUENTIAL, SIMULTANEOUS)
            for rival in (DEEPJSCC, WITT, *FIXED)
        ]
    )


def _steady_and_cliff(tables: Tables) -> Verdict:
    """Judge on AWGN what either way keeps at 0 dB of its value at 20 dB."""
    images = tables["images"]
    found = curves(images[images["channel"] == "awgn"], similarity=True)
    cases, said = [], []
    for dataset, part in found.groupby("dataset", sort=False):
        wide = part.pivot(index="snr_db", columns="system", values="mean")
        share = wide.loc[SNRS_DB[0]] / wide.loc[SNRS_DB[-1]]
        cases += [share[SEQUENTIAL] >= _CLOSE, share[SIMULTANEOUS] < share[SEQUENTIAL]]
        said += [f"{name} {share[name]:.0%} ({dataset})" for name in (SEQUENTIAL, SIMULTANEOUS)]
    return of_cases(cases, "at 0 dB, of the value at 20 dB: " + ", ".join(said))


def _at_ten(tables: Tables) -> Verdict:
    return together(
        [
            compare(
                tables["images"], (SIMULTANEOUS, rival), [10.0], channels=["awgn"], similarity=True
            )
            for rival in (DEEPJSCC, WEBP)
        ]
    )


EXPERIMENT = Experiment(
    id="mmsemcom-fig9",
    title="MS-SSIM over SNR",
    paper=PAPER,
    item="Fig. 9",
    takes=TAKES,
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("both ways are above all benchmarks", "Section VI-D2, Fig. 9", _above_all),
        Claim(
            "sequential transmission is close to its best even at low SNR (judged: 95 % of it at "
            "0 dB); simultaneous transmission falls there",
            "Section VI-D2, Fig. 9",
            _steady_and_cliff,
        ),
        Claim(
            "at 10 dB simultaneous transmission is above DeepJSCC (by 6.8 %) and WebP (55.9 %)",
            "Section VI-D2, Fig. 9",
            _at_ten,
        ),
    ),
)
