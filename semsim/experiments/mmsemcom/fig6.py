"""Fig. 6: images that were sent, and what either way of transmission selects."""

from __future__ import annotations

import pandas as pd
import torch
from matplotlib.figure import Figure

from semsim.codecs.mmsemcom.codec import Mmsemcom
from semsim.codecs.mmsemcom.config import MmsemcomConfig
from semsim.experiments.definition import (
    Claim,
    Experiment,
    Measured,
    Setting,
    Tables,
    Verdict,
)
from semsim.experiments.mmsemcom import systems
from semsim.experiments.mmsemcom.quality import SEED, TAKES_THEN
from semsim.experiments.mmsemcom.systems import OWN, PAPER, SEQUENTIAL, SIMULTANEOUS, DataSet
from semsim.experiments.mmsemcom.yardsticks import CHECKS, RANDOM, yardsticks
from semsim.experiments.verdicts import of_leads, together
from semsim.link.link import Link
from semsim.link.metrics import psnr_db
from semsim.report.cells import Table
from semsim.report.figures import candidates, images
from semsim.results import Pictures
from semsim.shortcuts import load_channel, load_source
from semsim.statistics import mean_interval
from semsim.types import Source

SNR_DB = 10.0
#: What counts as nearer than a random image of the class.
_NEARER_DB = 1.0
#: Images of each class that are shown.
_SHOWN = 2


@torch.no_grad()
def measure(setting: Setting) -> Measured:
    """Send the images of every data set at 10 dB of AWGN.

    Returns:
        ``fig6``, a row an image, data set and system or check; and images of each class.
    """
    parts, pictures = [], {}
    weights: dict[str, str] = {}
    for data in systems.data_sets(setting):
        codec: Mmsemcom = MmsemcomConfig.model_validate(data.codec).build(device=setting.device)
        source = load_source(data.test).take(data.images).to(setting.device)
        shown = _of_each_class(source, len(codec.bank.classes))
        for rate, label in OWN.items():
            channel = load_channel("awgn", setting.device, SEED)
            output = Link(codec, channel).transmit(source, SNR_DB, rate).output
            if output.image is None or output.candidates is None:
                raise TypeError("mmsemcom delivers images and what they were chosen among")
            found = psnr_db(source.image, output.image).cpu()
            rows = {"image": list(source.name), "system": label, "psnr_db": found.tolist()}
            parts.append(pd.DataFrame(rows).assign(dataset=data.name))
            pictures[f"{label}, {data.name}"] = Pictures(
                source.image[shown].cpu(),
                output.image[shown].cpu(),
                tuple(f"{found[i]:.1f} dB" for i in shown),
                candidates={0: output.candidates[shown[0]].cpu()},
            )
        parts.append(_checks(data))
        weights |= codec.weight_hashes
    caveat = f"AWGN at {SNR_DB:g} dB; what is delivered is an image of the bank."
    return Measured({"fig6": pd.concat(parts, ignore_index=True)}, weights, (caveat,), pictures)


def _of_each_class(source: Source, classes: int) -> list[int]:
    if source.label is None:
        raise TypeError("the images have no classes")
    labels = source.label.cpu()
    return [int(i) for one in range(classes) for i in (labels == one).nonzero().flatten()[:_SHOWN]]


def _checks(data: DataSet) -> pd.DataFrame:
    found = yardsticks(data).rename(columns={"check": "system"})
    return found[["image", "system", "psnr_db"]].assign(dataset=data.name)


def show(measured: Measured) -> list[Table]:
    """PSNR of what is delivered, beside what could be."""
    rows = []
    for (dataset, system), part in measured.tables["fig6"].groupby(
        ["dataset", "system"], sort=False
    ):
        mean, half = mean_interval(part["psnr_db"].to_numpy())
        name = f"({system})" if system in CHECKS else str(system)
        rows.append((str(dataset), name, f"{mean:.2f} ± {half:.2f}", str(len(part))))
    heads = ("data set", "system", "PSNR in dB", "images")
    return [Table(f"What is delivered at {SNR_DB:g} dB, AWGN", heads, tuple(rows))]


def plot(measured: Measured) -> dict[str, Figure]:
    """The images as in the paper, and the ten nearest of the first one."""
    return {"fig6": images(measured.pictures), "candidates": candidates(measured.pictures)}


def _like(tables: Tables) -> Verdict:
    """Judge that what is delivered is nearer than a random image of the class, by PSNR."""
    verdicts = []
    for dataset, part in tables["fig6"].groupby("dataset", sort=False):
        wide = part.pivot_table(index="image", columns="system", values="psnr_db")
        for own in (SEQUENTIAL, SIMULTANEOUS):
            mean, half = mean_interval((wide[own] - wide[RANDOM]).to_numpy())
            because = f"{own} is {mean:+.2f} ± {half:.2f} dB over a random choice ({dataset})"
            lead = pd.Series([mean - _NEARER_DB])
            verdicts.append(of_leads(lead, pd.Series([half]), because))
    return together(verdicts)


EXPERIMENT = Experiment(
    id="mmsemcom-fig6",
    title="What is selected at 10 dB",
    paper=PAPER,
    item="Fig. 6",
    takes={"small": "less than a minute", "paper": TAKES_THEN},
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "what both ways deliver looks like what was sent (by eye in the paper; judged: 1 dB "
            "nearer than a random image of the class)",
            "Section VI-B, Fig. 6",
            _like,
        ),
    ),
)
