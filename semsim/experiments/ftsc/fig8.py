"""Fig. 8: PSNR over channel noise of DFT, LSDFT, JPEG + LDPC and DeepJSCC."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from semsim.experiments.definition import (
    Claim,
    Experiment,
    Measured,
    Setting,
    Tables,
    Verdict,
)
from semsim.experiments.ftsc.deployed import (
    DFT,
    LSDFT,
    LSDFT_CLEANED,
    Air,
    deployed,
    gains,
    judge,
    summarise,
    table_of,
    tune,
    tuned_images,
)
from semsim.experiments.ftsc.roles import unknown
from semsim.experiments.ftsc.systems import PAPER
from semsim.experiments.ftsc.table3 import JPEG, JSCC, rivals
from semsim.experiments.verdicts import of_cases, together
from semsim.report.cells import Table

_AIRS = tuple(Air(snr_db) for snr_db in (0.0, 5.0, 10.0, 15.0, 20.0))
_METHODS = (DFT, LSDFT, LSDFT_CLEANED)
_SYSTEMS = (DFT.name, LSDFT.name, LSDFT_CLEANED.name, JPEG, JSCC)
#: One unknown data set and one of the pretraining's kind, as the paper's figure has two.
_SETS = {"small": ("fashion", "photographs"), "paper": ("ffhq", "imagenet")}


def measure(setting: Setting) -> Measured:
    """Tune at every SNR and send the rivals at the same."""
    what = deployed(setting)
    sets = [d for d in unknown(setting.scale) if d.name in _SETS[setting.scale]]
    tuned = tune(what, [(d, m, air) for d in sets for air in _AIRS for m in _METHODS], setting)
    parts = [tuned_images(tuned, cleaned={LSDFT_CLEANED.name})]
    parts += [rivals(what, dataset, _AIRS, setting) for dataset in sets]
    images = pd.concat(parts, ignore_index=True)
    return Measured(
        {"images": images, "fig8": summarise(images)},
        caveats=(
            "DFT and LSDFT are tuned at each SNR anew, on feature maps under AWGN; JPEG + LDPC has "
            "one fixed MCS, which fails at 5 dB and below.",
        ),
    )


def show(measured: Measured) -> list[Table]:
    """One table an SNR."""
    return [
        table_of(measured.tables["fig8"], air.name, _SYSTEMS, f"PSNR / SSIM at {air.name}")
        for air in _AIRS
    ]


def plot(measured: Measured) -> dict[str, Figure]:
    """PSNR over SNR, one panel a data set."""
    table = measured.tables["fig8"]
    sets = list(table["dataset"].unique())
    figure = Figure(figsize=(5 * len(sets), 3.8), layout="constrained")
    axes = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    levels = {air.name: air.snr_db for air in _AIRS}
    for axis, dataset in zip(axes, sets, strict=True):
        for system in _SYSTEMS:
            part = table[(table["dataset"] == dataset) & (table["system"] == system)]
            axis.errorbar(
                part["air"].map(levels), part["psnr_db"], part["psnr_half_width_db"],
                marker="o", ms=3, capsize=2, label=system,
            )  # fmt: skip
        axis.set(xlabel="SNR in dB", title=dataset)
    axes[0].set(ylabel="PSNR in dB")
    axes[0].legend(frameon=False, fontsize=8)
    return {"fig8": figure}


def _rises(tables: Tables) -> Verdict:
    table = tables["fig8"]
    steps = []
    for (dataset, system), part in table.groupby(["dataset", "system"], sort=False):
        if system in _SYSTEMS:
            values = part["psnr_db"].to_numpy()
            steps.append((f"{system} on {dataset}", float((values[1:] - values[:-1]).min())))
    because = "smallest step between neighbouring SNRs: " + ", ".join(
        f"{step:+.2f} dB ({name})" for name, step in steps
    )
    return of_cases((step >= 0 for _, step in steps), because)


def _dft_on_top(tables: Tables) -> Verdict:
    found = [
        judge(gains(tables["images"], DFT.name, other), f"DFT over {other}")
        for other in (LSDFT.name, JPEG, JSCC)
    ]
    return together(found)


def _lsdft_above(tables: Tables) -> Verdict:
    found = [
        judge(gains(tables["images"], LSDFT.name, other), f"LSDFT over {other}")
        for other in (JPEG, JSCC)
    ]
    return together(found)


EXPERIMENT = Experiment(
    id="ftsc-fig8",
    title="PSNR over channel noise after DFT and LSDFT, beside JPEG + LDPC and DeepJSCC",
    paper=PAPER,
    item="Fig. 8",
    takes={
        "small": "about 40 minutes on two cores: thirty fine-tunings, twelve of them Table III's",
        "paper": "the networks of Table II and thirty fine-tunings: days on a GPU",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("PSNR rises as channel noise falls, for all", "Fig. 8", _rises),
        Claim("DFT surpasses LSDFT and the benchmarks everywhere", "Fig. 8", _dft_on_top),
        Claim("LSDFT surpasses JSCC and JPEG + LDPC", "Fig. 8", _lsdft_above),
    ),
)
