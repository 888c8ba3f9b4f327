"""Fig. 7: top-1 accuracy of a classifier on what arrives."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from semsim.errors import DataError
from semsim.experiments.definition import (
    Claim,
    Experiment,
    Measured,
    Setting,
    Tables,
    Verdict,
)
from semsim.experiments.ftsc.classifier import classifier
from semsim.experiments.ftsc.deployed import (
    DFT,
    IDEAL,
    LSDFT,
    LSDFT_FLOOR,
    PRETRAINED,
    codec_of,
    deployed,
    judged_images,
    sent,
    tune,
)
from semsim.experiments.ftsc.roles import labelled
from semsim.experiments.ftsc.systems import PAPER, SCALING, ftsc, jpeg
from semsim.experiments.ftsc.table3 import JPEG, JSCC
from semsim.experiments.verdicts import of_cases, of_leads
from semsim.report.cells import Table
from semsim.statistics import share_interval

_METHODS = (DFT, LSDFT, LSDFT_FLOOR)
_TUNED, _RIVALS = (DFT.name, LSDFT.name), (JPEG, JSCC)
#: Images that are classified: shares need more of them than PSNRs do.
_JUDGED = {"small": 960, "paper": 5_000}
#: Of 95 % intervals.
_Z = 1.959964
_ORIGINAL = "original"
#: Accuracy "close to the original's", in the paper's words: five points.
_CLOSE = 0.05


def measure(setting: Setting) -> Measured:
    """Classify originals and what arrives through every system, without noise."""
    what = deployed(setting)
    sets = labelled(setting.scale)
    tuned = tune(what, [(d, m, IDEAL) for d in sets for m in _METHODS], setting)
    rows = []
    for dataset in sets:
        image, label = judged_images(dataset, setting, _JUDGED[setting.scale])
        if label is None:
            raise DataError(f"{dataset.name}: its images have no labels")
        judge = classifier(dataset, setting)
        codecs = {
            PRETRAINED: codec_of(what, IDEAL),
            JPEG: jpeg("agreed"),
            JSCC: what.deepjscc,
        }
        for method in _METHODS:
            path = tuned[dataset.name, method.name, IDEAL.name].weights
            codecs[method.name] = ftsc(SCALING, {"path": str(path)})
        seen: dict[str, Tensor] = {_ORIGINAL: image}
        seen |= {name: sent(codec, image, IDEAL, setting) for name, codec in codecs.items()}
        for system, received in seen.items():
            right = judge.right(received, label)
            rows += [
                {"dataset": dataset.name, "system": system, "image": i, "right": bool(one)}
                for i, one in enumerate(right.tolist())
            ]
    images = pd.DataFrame(rows)
    return Measured(
        {"images": images, "fig7": _accuracy(images)},
        caveats=(
            "Top-1 accuracy of a classifier trained on clean images of the training split; other "
            "images are judged. 95 % intervals by Wilson; in the claims, of differences image by "
            "image.",
        ),
    )


def _accuracy(images: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for (dataset, system), part in images.groupby(["dataset", "system"], sort=False):
        count, share = len(part), float(part["right"].mean())
        low, high = share_interval(share, count)
        rows.append(
            {
                "dataset": dataset,
                "system": system,
                "images": count,
                "accuracy": share,
                "low": low,
                "high": high,
            }
        )
    return pd.DataFrame(rows)


def show(measured: Measured) -> list[Table]:
    """Accuracy by data set and system."""
    rows = tuple(
        (
            row["dataset"],
            row["system"],
            f"{row['accuracy']:.1%}",
            f"{row['low']:.1%} to {row['high']:.1%}",
            str(row["images"]),
        )
        for row in measured.tables["fig7"].to_dict(orient="records")
    )
    heads = ("data set", "system", "top-1", "95 % interval", "images")
    return [Table("Top-1 accuracy at ρ = 0.03, no noise", heads, rows)]


def plot(measured: Measured) -> dict[str, Figure]:
    """Accuracy by system, one group a data set."""
    table = measured.tables["fig7"]
    sets, systems = list(table["dataset"].unique()), list(table["system"].unique())
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axis = figure.subplots()
    width = 0.8 / len(systems)
    for i, system in enumerate(systems):
        part = table[table["system"] == system]
        place = [j + (i - (len(systems) - 1) / 2) * width for j in range(len(sets))]
        error = [part["accuracy"] - part["low"], part["high"] - part["accuracy"]]
        axis.bar(place, part["accuracy"], 0.9 * width, yerr=error, label=system, color=f"C{i}")
    axis.set_xticks(range(len(sets)), sets)
    axis.set(ylabel="top-1 accuracy", ylim=(0, 1))
    axis.legend(frameon=False, fontsize=8, loc="lower right")
    return {"fig7": figure}


def _leads(images: pd.DataFrame, pairs: list[tuple[str, str]]) -> pd.DataFrame:
    """Return ``dataset, system, other, lead, half_width``: accuracies compared image by image."""
    right = images.pivot(index=["dataset", "image"], columns="system", values="right").astype(float)
    rows = []
    for system, other in pairs:
        for dataset, lead in (right[system] - right[other]).groupby("dataset", sort=False):
            half_width = _Z * float(lead.std(ddof=1)) / math.sqrt(len(lead))
            rows.append((dataset, system, other, float(lead.mean()), half_width))
    return pd.DataFrame(rows, columns=["dataset", "system", "other", "lead", "half_width"])


def _in_words(leads: pd.DataFrame) -> str:
    return ", ".join(
        f"{row.lead:+.1%} ± {row.half_width:.1%} ({row.system} over {row.other} on {row.dataset})"
        for row in leads.itertuples()
    )


def _close(tables: Tables) -> Verdict:
    leads = _leads(tables["images"], [(method, _ORIGINAL) for method in _TUNED])
    near = leads["lead"] + leads["half_width"] >= -_CLOSE  # not surely farther
    return of_cases(near, "accuracy beside the originals': " + _in_words(leads))


def _rivals_drop(tables: Tables) -> Verdict:
    leads = _leads(tables["images"], [(method, rival) for method in _TUNED for rival in _RIVALS])
    return of_leads(leads["lead"], leads["half_width"], "accuracy: " + _in_words(leads))


EXPERIMENT = Experiment(
    id="ftsc-fig7",
    title="Top-1 accuracy on what arrives after DFT and LSDFT",
    paper=PAPER,
    item="Fig. 7",
    takes={
        "small": "about 15 minutes on two cores: two classifiers, six fine-tunings of Table III",
        "paper": "the networks of Table II and classifiers: days on a GPU",
    },
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("DFT and LSDFT stay close to the originals' accuracy", "Fig. 7", _close),
        Claim("JPEG and JSCC drop below them", "Fig. 7", _rivals_drop),
    ),
)
