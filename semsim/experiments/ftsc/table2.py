"""Table II: decoder fine-tuning beside the pretrained codec and training on the target alone."""

from __future__ import annotations

from typing import Any

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
)
from semsim.experiments.ftsc.deployed import (
    DFT,
    IDEAL,
    PRETRAINED,
    Air,
    Deployed,
    deployed,
    gains,
    judge,
    judged_images,
    quality,
    sent,
    summarise,
    table_of,
    tune,
    tuned_images,
)
from semsim.experiments.ftsc.roles import DataSet, unknown
from semsim.experiments.ftsc.systems import PAPER, SCALING, ftsc, published_recipe
from semsim.experiments.trainings import train_all
from semsim.report.cells import Table

_AIRS = (IDEAL, Air(20.0), Air(10.0))
BASIC = "basic"
_SYSTEMS = (DFT.name, PRETRAINED, BASIC)
#: Batches of 16 that "basic" learns from at scale ``small``.
_BASIC_STEPS = 600
_MODEL = {"bottom": 4, "top": 2}


def measure(setting: Setting) -> Measured:
    """Tune by DFT, and train from the beginning on each target alone."""
    what = deployed(setting)
    sets = unknown(setting.scale)
    tuned = tune(what, [(d, DFT, air) for d in sets for air in _AIRS], setting)
    basic = _basic(sets, setting)
    parts = [tuned_images(tuned, cleaned=set())]
    for dataset in sets:
        image, _ = judged_images(dataset, setting)
        for air in _AIRS:
            codec = _codec(basic[dataset.name, air.noise], air)
            table = quality(image, sent(codec, image, air, setting))
            parts.append(table.assign(dataset=dataset.name, air=air.name, system=BASIC))
    images = pd.concat(parts, ignore_index=True)
    images["unknown"] = images["dataset"].map({d.name: d.unknown for d in sets})
    return Measured(
        {"images": images, "table2": summarise(images), "air": _costs(tuned)},
        caveats=(_caveat(what, sets, setting),),
    )


def _codec(weights: Any, air: Air) -> dict[str, Any]:
    return ftsc(SCALING, weights, **({} if air.snr_db is None else {"transport": "latent"}))


def _basic(sets: list[DataSet], setting: Setting) -> dict[tuple[str, str], dict[str, Any]]:
    """Train on every target alone, for the ideal and for noisy channels."""
    recipes = {
        f"basic-{d.name}-{noise}": _recipe(d, noise, setting)
        for d in sets
        for noise in ("none", "channel")
    }
    trained = train_all(recipes, setting)
    return {
        (d.name, noise): {"path": str(trained[f"basic-{d.name}-{noise}"].weights)}
        for d in sets
        for noise in ("none", "channel")
    }


def _recipe(dataset: DataSet, noise: str, setting: Setting) -> dict[str, Any]:
    train, test = dataset.source("train"), dataset.source("test")
    recipe = published_recipe(_MODEL, noise, [train], test)
    if setting.scale == "paper":
        return recipe
    return recipe | {
        "batch": 16,
        "steps": _BASIC_STEPS,
        "precision": "float32",
        "optimizer": {"learning_rate": 1e-3, "warmup_steps": 60, "average": 0.98},
        "evaluation": {"source": test, "count": 32},
        "evaluate_every_steps": _BASIC_STEPS,
        "checkpoint_every_steps": 100,
    }


def _costs(tuned: dict[Any, Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "dataset": dataset,
            "method": method,
            "air": air,
            "images": run.summary["images_tuned_on"],
            "channel_uses": run.summary["channel_uses"],
            "air_s": run.summary["air_s"],
        }
        for (dataset, method, air), run in tuned.items()
    )


def _caveat(what: Deployed, sets: list[DataSet], setting: Setting) -> str:
    said = (
        f"{sets[0].tuned} images tuned on, {what.iterations} iterations of {what.batch}; other "
        f"{sets[0].judged} images judged. Under noise the feature maps travel (AWGN), and the "
        "pretrained codec has learnt to remove it."
    )
    if setting.scale == "small":
        said += (
            f" 'basic' is {_BASIC_STEPS} batches from random weights, where the pretrained codec "
            "had 6,500: it says what so short a training gives, not where it ends."
        )
    return said


def show(measured: Measured) -> list[Table]:
    """One table a channel setting, and what fine-tuning took on the air."""
    summary = measured.tables["table2"]
    said = published("ftsc", "table2")
    made = [
        table_of(summary, air.name, _SYSTEMS, f"PSNR / SSIM at ρ = 0.03, {air.name}")
        for air in _AIRS
    ]
    psnr = said[said["quantity"] == "psnr_db"]
    rows = []
    for (dataset, noise, snr_db), part in psnr.groupby(
        ["dataset", "noise", "snr_db"], sort=False, dropna=False
    ):
        values = part.set_index("system")["value"]
        level = "no noise" if noise == "none" else f"{snr_db:g} dB"
        rows.append(
            (dataset, level, *(f"{values[name]:g}" for name in ("dft", "pretrained", "basic")))
        )
    made.append(
        Table(
            "The paper's Table II, PSNR in dB on its data sets",
            ("data set", "noise", "DFT", "pretrained", "basic"),
            tuple(rows),
        )
    )
    costs = tuple(
        (row["dataset"], row["air"], f"{row['images']}", f"{row['channel_uses']:,.0f}")
        for row in measured.tables["air"].to_dict(orient="records")
    )
    heads = ("data set", "noise", "originals", "channel uses")
    note = "Originals as PNG; on the ideal channel as of two bits a channel use."
    return [*made, Table("What DFT took on the air", heads, costs, note)]


def plot(measured: Measured) -> dict[str, Figure]:
    """PSNR by data set and method, one panel a channel setting."""
    return {"table2": bars(measured.tables["table2"], [air.name for air in _AIRS], _SYSTEMS)}


def bars(summary: pd.DataFrame, airs: list[str], systems: tuple[str, ...]) -> Figure:
    """Draw mean PSNR with intervals, one panel a channel setting."""
    figure = Figure(figsize=(4 * len(airs), 3.6), layout="constrained")
    axes = figure.subplots(1, len(airs), sharey=True, squeeze=False)[0]
    sets = list(summary["dataset"].unique())
    width = 0.8 / len(systems)
    for axis, air in zip(axes, airs, strict=True):
        for i, system in enumerate(systems):
            rows = summary[(summary["air"] == air) & (summary["system"] == system)]
            place = [
                sets.index(name) + (i - (len(systems) - 1) / 2) * width for name in rows["dataset"]
            ]
            axis.bar(
                place, rows["psnr_db"], 0.9 * width, yerr=rows["psnr_half_width_db"],
                color=f"C{i}", label=system, error_kw={"lw": 0.8},
            )  # fmt: skip
        axis.set_xticks(range(len(sets)), sets, fontsize=8)
        axis.set_title(air, fontsize=9)
        axis.set_ylim(bottom=max(0.0, float(summary["psnr_db"].min()) - 4))
    axes[0].set(ylabel="PSNR in dB")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _on(tables: Tables, *, strange: bool) -> pd.DataFrame:
    return tables["images"][tables["images"]["unknown"] == strange]


def _beats_pretrained(tables: Tables) -> Verdict:
    return judge(gains(_on(tables, strange=True), DFT.name, PRETRAINED), "DFT over pretrained")


def _beats_basic(tables: Tables) -> Verdict:
    return judge(gains(_on(tables, strange=True), DFT.name, BASIC), "DFT over basic")


def _on_known(tables: Tables) -> Verdict:
    return judge(gains(_on(tables, strange=False), DFT.name, PRETRAINED), "DFT over pretrained")


EXPERIMENT = Experiment(
    id="ftsc-table2",
    title="DFT beside the pretrained codec and training on the target alone",
    paper=PAPER,
    item="Table II",
    takes={
        "small": "about 70 minutes on two cores: twelve fine-tunings, eight short trainings",
        "paper": "six networks on the pretraining group, twelve on the targets: days on a GPU",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("DFT beats the pretrained codec on unknown data", "Section IV-A", _beats_pretrained),
        Claim("DFT beats training on the target alone", "Section IV-A", _beats_basic),
        Claim(
            "DFT gains, if less, on data of the pretraining group's kind",
            "Section IV-A",
            _on_known,
        ),
    ),
)
