"""Fig. 3: PSNR over the scaling rates of both levels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

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
from semsim.experiments.ftsc.roles import known, photos
from semsim.experiments.ftsc.systems import PAPER, published_recipe
from semsim.experiments.trainings import train_all
from semsim.report.cells import Table

_SCALES = (2, 4, 8, 16)
#: Batches at scale ``small``; every batch has as many pixels as 16 squares of 64×64.
_STEPS = 250
_PIXELS = 16 * 64 * 64


def measure(setting: Setting) -> Measured:
    """Train one VQ-VAE-2 for each of the sixteen settings, alike, and judge them."""
    recipe = _short if setting.scale == "small" else _published
    recipes = {f"fig3-{b}-{t}": recipe(b, t) for b in _SCALES for t in _SCALES}
    trained = train_all(recipes, setting)
    rows = [
        {
            "bottom": b,
            "top": t,
            "rho": 9 / 8 / 3 * (1 / b**2 + 1 / (b * t) ** 2),  # eq. (10), for any image size
            "psnr_db": trained[f"fig3-{b}-{t}"].figures["held_out_psnr_db"],
            "batches": recipes[f"fig3-{b}-{t}"]["steps"],
        }
        for b in _SCALES
        for t in _SCALES
    ]
    return Measured(
        {"fig3": pd.DataFrame(rows)},
        caveats=(
            f"{rows[0]['batches']:,} batches each from random weights, without noise; held-out "
            "images of 256×256. At scale 'small' these are short trainings, all alike, on "
            "photographs: they tell which level matters, not what either can reach.",
        ),
    )


def _short(bottom: int, top: int) -> dict[str, Any]:
    size = max(64, 2 * bottom * top)
    size = min(size, 256)
    return {
        "objective": {"kind": "vqvae2", "model": _model(bottom, top)},
        "sources": [photos("train", size)],
        "batch": max(1, _PIXELS // size**2),
        "steps": _STEPS,
        "seed": 1,
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 50, "average": 0.98},
        "evaluation": {"source": photos("test", 256), "count": 14},
        "evaluate_every_steps": _STEPS,
        "checkpoint_every_steps": 50,
    }


def _model(bottom: int, top: int) -> dict[str, Any]:
    return {"bottom": bottom, "top": top}


def _published(bottom: int, top: int) -> dict[str, Any]:
    (faces,) = [dataset for dataset in known("paper") if dataset.name == "ffhq"]
    return published_recipe(
        _model(bottom, top), "none", [faces.source("train")], faces.source("test")
    )


def _grid(tables: Tables) -> pd.DataFrame:
    return tables["fig3"].pivot(index="bottom", columns="top", values="psnr_db")


def show(measured: Measured) -> list[Table]:
    """PSNR by scaling rates."""
    grid = _grid(measured.tables)
    said = published("ftsc", "fig3")
    rows = []
    for b in _SCALES:
        cells = []
        for t in _SCALES:
            paper = said[said["system"] == f"[{b},{t}]"]["value"].tolist()
            cells.append(f"{grid.loc[b, t]:.2f}" + "".join(f" (paper {v:g})" for v in paper))
        rows.append((f"{b}", *cells))
    heads = ("bottom", *(f"top {t}" for t in _SCALES))
    note = "The paper states three values, on faces (FFHQ)."
    return [Table("PSNR in dB by scaling rates [bottom, top], no noise", heads, tuple(rows), note)]


def plot(measured: Measured) -> dict[str, Figure]:
    """One curve a top scaling rate."""
    grid = _grid(measured.tables)
    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    for t in _SCALES:
        axis.plot(grid.index, grid[t], marker="o", ms=4, label=f"top {t}")
    axis.set_xscale("log", base=2)
    axis.set_xticks(_SCALES, [str(b) for b in _SCALES])
    axis.set(xlabel="scaling rate of the bottom level", ylabel="PSNR in dB")
    axis.legend(frameon=False)
    return {"fig3": figure}


def _bottom_rules(tables: Tables) -> Verdict:
    grid = _grid(tables)
    by_bottom = float((grid.loc[2] - grid.loc[16]).mean())
    by_top = float((grid[2] - grid[16]).mean())
    said = published("ftsc", "fig3")
    paper_bottom = stated(said, "[2,2]", "psnr_db") - stated(said, "[16,2]", "psnr_db")
    paper_top = stated(said, "[16,2]", "psnr_db") - stated(said, "[16,16]", "psnr_db")
    because = (
        f"from 2 to 16 the bottom's rate costs {by_bottom:.1f} dB (mean over the top's), the top's "
        f"{by_top:.1f} dB; in the paper {paper_bottom:.1f} dB at top 2 and {paper_top:.1f} dB at "
        "bottom 16"
    )
    return Verdict("holds" if by_bottom > abs(by_top) else "does not hold", because)


def _quality_falls(tables: Tables) -> Verdict:
    table = tables["fig3"]
    correlation = float(np.corrcoef(np.log(table["rho"]), table["psnr_db"])[0, 1])
    falls = _grid(tables).diff().dropna()
    because = (
        f"the correlation of PSNR and ln ρ over the sixteen settings is {correlation:.2f}; the "
        f"next larger bottom rate costs {-falls.max().max():.1f} to {-falls.min().min():.1f} dB"
    )
    if (falls < 0).all().all():
        return Verdict("holds", because)
    return Verdict("holds in part" if correlation > 0 else "does not hold", because)


EXPERIMENT = Experiment(
    id="ftsc-fig3",
    title="PSNR over the scaling rates of bottom and top level",
    paper=PAPER,
    item="Fig. 3",
    takes={
        "small": "about an hour on two cores: sixteen short trainings, which may be interrupted",
        "paper": "sixteen trainings on FFHQ at 256×256: days on a GPU",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("the bottom's scaling rate rules PSNR, not the top's", "Fig. 3", _bottom_rules),
        Claim("a higher compression rate costs quality", "Fig. 3", _quality_falls),
    ),
)
