"""Fig. 2: PSNR over the reduction of data, its fit (eq. 8), and where JPEG ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from semsim.allocation.quality import PAPER_FITS, Fit, fit, line
from semsim.experiments.definition import (
    Claim,
    Experiment,
    Measured,
    Setting,
    Tables,
    Verdict,
    published,
    stated,
)
from semsim.experiments.ftsc.roles import known
from semsim.experiments.ftsc.systems import CLEAR_MODEM, NOISELESS_DB, PAPER, published_recipe
from semsim.experiments.sweeps import points, run_sweep
from semsim.experiments.trainings import train_all
from semsim.report.cells import Table

#: Scaling rates that ship.
SCALINGS = ("[8,2]", "[4,2]", "[2,2]")
_SEED = 6
_TWO, _NOISY, _ENTROPY = "VQ-VAE-2", "VQ-VAE-2, 20 dB on the maps", "VQ-VAE-2, entropy-coded"
_JPEG, _WEBP = "JPEG", "WebP"
_RHOS = tuple(float(rho) for rho in np.geomspace(0.003, 0.25, 14).round(5))
#: Share of images that may be lost where a classical codec still counts as usable.
_MOST_LOST = 0.05


def measure(setting: Setting) -> Measured:
    """Sweep VQ-VAE-2 at its rates, and JPEG and WebP over a range of theirs."""
    (dataset,) = [d for d in known(setting.scale) if d.name in ("photographs", "ffhq")]
    rates = _shipped()
    if setting.scale == "paper":
        recipes = {
            f"fig2-{b}-{t}": published_recipe(
                {"bottom": b, "top": t}, "none", [dataset.source("train")], dataset.source("test")
            )
            for b, t in ((2, 2), (4, 2), (8, 2), (16, 2), (16, 16))
        }
        files = {
            name.removeprefix("fig2-"): trained.weights
            for name, trained in train_all(recipes, setting).items()
        }
        names = {label: f"[{label.replace('-', ',')}]" for label in files}
        rates = {
            "scalings": list(names.values()),
            "weights": {names[label]: {"path": str(path)} for label, path in files.items()},
        }
    two = {"kind": "ftsc", **rates}
    fields = {
        "seed": _SEED,
        "source": dataset.source("test"),
        "channels": ["awgn"],
        "images": dataset.judged,
        "modem": CLEAR_MODEM,
    }
    systems = [
        {"label": _TWO, "codec": two},
        {"label": _ENTROPY, "codec": {**two, "index_code": "entropy"}},
        *(
            {"label": label, "codec": {"kind": "classical", "format": name, "rhos": list(_RHOS)}}
            for label, name in ((_JPEG, "jpeg"), (_WEBP, "webp"))
        ),
    ]
    plain = run_sweep(
        {**fields, "name": "fig2", "systems": systems, "snr_db": [NOISELESS_DB]}, setting
    )
    noisy = run_sweep(
        {
            **fields,
            "name": "fig2-noise",
            "systems": [{"label": _NOISY, "codec": {**two, "transport": "latent"}}],
            "snr_db": [20],
        },
        setting,
    )
    found = pd.concat([points(plain), points(noisy)], ignore_index=True)
    return Measured(
        {"fig2": _with_rho(found)},
        weights=plain.weights,
        caveats=(
            "ρ counts bits: 9 an index (eq. 10), the mean stream of the entropy coder, the whole "
            "file of JPEG and WebP. An image that no file fits counts as mid-grey.",
        ),
    )


def _shipped() -> dict[str, Any]:
    return {"scalings": list(SCALINGS)}


def _with_rho(found: pd.DataFrame) -> pd.DataFrame:
    """Add ρ: eq. (10) for scaling rates, the budget of a file, mean streams by channel uses."""
    fixed = found[found["system"] == _TWO].set_index("rate")["channel_uses"]
    parts = []
    for system, part in found.groupby("system", sort=False):
        if system in (_JPEG, _WEBP):
            rho = pd.Series(_RHOS, index=part.index)
        else:
            rho = part["rate"].map(_rho)
        if system == _ENTROPY:
            rho = rho * part["channel_uses"] / part["rate"].map(fixed)
        parts.append(part.assign(rho=rho))
    return pd.concat(parts, ignore_index=True)


def _rho(scaling: str) -> float:
    b, t = (int(number) for number in scaling.strip("[]").split(","))
    return 9 / 8 / 3 * (1 / b**2 + 1 / (b * t) ** 2)


def _fit(tables: Tables, system: str) -> Fit:
    part = tables["fig2"][tables["fig2"]["system"] == system]
    return fit(part["rho"].tolist(), part["psnr_db"].tolist())


def _largest_reduction(tables: Tables, system: str) -> float:
    """1/ρ of the lowest rate at which nearly all images arrive."""
    part = tables["fig2"][tables["fig2"]["system"] == system]
    usable = part[part["outage"] <= _MOST_LOST]
    return 1.0 / float(usable["rho"].min())


def show(measured: Measured) -> list[Table]:
    """Points, and the fits beside the paper's."""
    table = measured.tables["fig2"]
    points_ = tuple(
        (
            row["system"],
            row["rate"],
            f"{row['rho']:.4f}",
            f"{1 / row['rho']:.0f}",
            f"{row['psnr_db']:.2f} ± {row['interval_db']:.2f}",
            f"{row['ssim']:.3f}",
            f"{row['outage']:.0%}",
        )
        for row in table.to_dict(orient="records")
    )
    heads = ("system", "rate", "ρ", "1/ρ", "PSNR in dB", "SSIM", "lost")
    made = [Table("PSNR by compression rate", heads, points_)]
    said = published("ftsc", "fig2")
    rows = []
    for system, noise in ((_TWO, "none"), (_NOISY, "channel"), (_ENTROPY, None)):
        found = _fit(measured.tables, system)
        rows.append((system, *_cells(found)))
        if noise is not None:
            own = said[said["noise"] == noise]
            paper = Fit(
                *(stated(own, "vqvae2", name) for name in ("a_q", "b_q", "rmse_db", "r_squared"))
            )
            rows.append((f"{system} (paper, FFHQ)", *_cells(paper)))
    return [
        *made,
        Table("Q = a + b ln ρ (eq. 8)", ("system", "fit", "RMSE in dB", "R²"), tuple(rows)),
    ]


def _cells(found: Fit) -> tuple[str, str, str]:
    rmse = "–" if found.rmse is None else f"{found.rmse:.3f}"
    r2 = "–" if found.r2 is None else f"{found.r2:.4f}"
    return line(found.offset, found.slope), rmse, r2


def plot(measured: Measured) -> dict[str, Figure]:
    """PSNR over 1/ρ, with the fits and the paper's."""
    table = measured.tables["fig2"]
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axis = figure.subplots()
    for i, (system, part) in enumerate(table.groupby("system", sort=False)):
        arrived = part[part["outage"] <= _MOST_LOST]
        fitted = system not in (_JPEG, _WEBP)
        axis.plot(
            1 / arrived["rho"], arrived["psnr_db"], "o" if fitted else "o-", ms=4, color=f"C{i}",
            label=str(system),
        )  # fmt: skip
        if fitted:
            found = _fit(measured.tables, str(system))
            rho = np.geomspace(arrived["rho"].min(), arrived["rho"].max(), 50)
            axis.plot(1 / rho, found.offset + found.slope * np.log(rho), color=f"C{i}", lw=1)
    said = published("ftsc", "fig2")
    paper = said[(said["noise"] == "none") & (said["system"] == "vqvae2")]
    rho = np.geomspace(0.0015, 0.117, 50)
    curve = stated(paper, "vqvae2", "a_q") + stated(paper, "vqvae2", "b_q") * np.log(rho)
    axis.plot(1 / rho, curve, ":", color="0.5", label="VQ-VAE-2 (the paper's fit, FFHQ)")
    axis.set(xlabel="reduction of data 1/ρ", ylabel="PSNR in dB", xscale="log")
    axis.legend(frameon=False, fontsize=8)
    return {"fig2": figure}


def _reduction(tables: Tables) -> Verdict:
    jpeg, two = _largest_reduction(tables, _JPEG), _largest_reduction(tables, _TWO)
    said = published("ftsc", "fig2")
    limit = stated(said, "jpeg", "largest_reduction")
    because = (
        f"JPEG still has a file for every image at 1/ρ = {jpeg:.0f}, WebP at "
        f"{_largest_reduction(tables, _WEBP):.0f}; VQ-VAE-2 was measured up to {two:.0f}"
    )
    if jpeg <= limit < two:
        return Verdict("holds", because)
    return Verdict("holds in part" if two > jpeg else "does not hold", because)


def _close_then_slower(tables: Tables) -> Verdict:
    table = tables["fig2"]
    own = table[table["system"] == _TWO].sort_values("rho")
    rival = table[(table["system"] == _JPEG) & (table["outage"] <= _MOST_LOST)].sort_values("rho")
    lead = own["psnr_db"] - np.interp(np.log(own["rho"]), np.log(rival["rho"]), rival["psnr_db"])
    covered = own["rho"] >= rival["rho"].min()
    because = "VQ-VAE-2 over JPEG: " + ", ".join(
        f"{gain:+.2f} dB at 1/ρ = {1 / rho:.0f}" if there else f"alone at 1/ρ = {1 / rho:.0f}"
        for gain, rho, there in zip(lead, own["rho"], covered, strict=True)
    )
    highest = float(lead.iloc[-1])
    falls_slower = bool((np.diff(lead[covered]) < 0).all()) or not covered.all()
    if abs(highest) < 1.0 and falls_slower:
        return Verdict("holds", because)
    return Verdict("holds in part" if falls_slower else "does not hold", because)


def _logarithmic(tables: Tables) -> Verdict:
    found, paper = _fit(tables, _TWO), PAPER_FITS["no noise"]
    because = (
        f"{line(found.offset, found.slope)}, R² = {found.r2 or float('nan'):.3f} over "
        f"{(tables['fig2']['system'] == _TWO).sum()} rates; the paper's is "
        f"{line(paper.offset, paper.slope)}, R² = {paper.r2:.3f}, on faces"
    )
    if found.r2 is None:
        return Verdict("cannot be told at this scale", because)
    # 0.99 as the paper rounds it; below 0.9 a logarithm describes little.
    if found.r2 >= 0.985:
        return Verdict("holds", because)
    return Verdict("holds in part" if found.r2 >= 0.9 else "does not hold", because)


EXPERIMENT = Experiment(
    id="ftsc-fig2",
    title="PSNR over the reduction of data",
    paper=PAPER,
    item="Fig. 2",
    takes={
        "small": "a few minutes on two cores, with shipped weights",
        "paper": "five trainings on FFHQ at 256×256: a day on a GPU",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("JPEG hardly reaches a reduction of 100, VQ-VAE-2 goes beyond", "Fig. 2", _reduction),
        Claim(
            "VQ-VAE-2 is close to JPEG at low reduction and falls slower",
            "Fig. 2",
            _close_then_slower,
        ),
        Claim("PSNR follows a + b ln ρ with R² = 0.99", "eq. (8)", _logarithmic),
    ),
)
