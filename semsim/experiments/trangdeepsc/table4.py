"""Table 4: parameters, and energy an image."""

from __future__ import annotations

import pandas as pd
import torch
from matplotlib.figure import Figure

from semsim.channels.config import AwgnConfig
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
from semsim.experiments.energy import find_meter
from semsim.experiments.trangdeepsc.full_size import SNR_DB, full_size, images
from semsim.experiments.trangdeepsc.systems import PAPER
from semsim.experiments.verdicts import of_cases
from semsim.link.link import Link
from semsim.report.cells import Table
from semsim.rng import Streams

_IMAGES = {"small": 50, "paper": 1000}
_WARM = 5


@torch.inference_mode()
def measure(setting: Setting) -> Measured:
    """Count parameters at the paper's sizes and meter a run of single images each."""
    codecs = full_size(setting.device)
    source = images(setting)
    generator = Streams(0).torch("noise", setting.device)
    channel = AwgnConfig().build(device=setting.device, generator=generator)
    meter = find_meter(setting.device, setting.power_w)
    count = _IMAGES[setting.scale]
    rows = []
    for done, (label, codec) in enumerate(codecs.items()):
        setting.report(done, len(codecs), f"metering {label}")
        link = Link(codec, channel)
        for i in range(_WARM):
            link.transmit(source.select([i % len(source)]), SNR_DB)
        begun = meter.read_j()
        for i in range(count):
            link.transmit(source.select([i % len(source)]), SNR_DB)
        rows.append(
            {
                "system": label,
                "parameters": sum(weight.numel() for weight in codec.parameters()),
                "energy_mj": 1e3 * (meter.read_j() - begun) / count,
            }
        )
    caveat = f"Energy is {meter.what}; {count} images at batch 1, encoder, channel and decoder."
    return Measured({"table4": pd.DataFrame(rows)}, caveats=(caveat,))


def show(measured: Measured) -> list[Table]:
    """Parameters and energy beside the paper's, and relative to TranGDeepSC."""
    said = published("trangdeepsc", "table4")
    table = measured.tables["table4"].set_index("system")
    own = table.loc["trangdeepsc", "energy_mj"]
    paper_own = stated(said, "trangdeepsc", "energy_mj")
    rows = []
    for name, row in table.iterrows():
        paper_mj = stated(said, str(name), "energy_mj")
        rows.append(
            (
                str(name),
                f"{int(row['parameters']):,}",
                f"{int(stated(said, str(name), 'parameters')):,}",
                f"{row['energy_mj']:.1f}",
                f"{paper_mj:.1f}",
                f"{row['energy_mj'] / own:.2f}",
                f"{paper_mj / paper_own:.2f}",
            )
        )
    heads = (
        "system",
        "parameters",
        "paper",
        "energy\nmJ an image",
        "paper",
        "× TranGDeepSC",
        "paper",
    )
    note = (
        "At the paper's sizes, with untrained weights: neither number depends on their values. "
        "ADJSCC-V's count leaves out its Oracle Network (43,021), as the paper's does."
    )
    return [Table("Parameters and energy an image", heads, tuple(rows), note)]


def plot(measured: Measured) -> dict[str, Figure]:
    """Energy relative to TranGDeepSC, here and in the paper."""
    said = published("trangdeepsc", "table4")
    table = measured.tables["table4"].set_index("system")
    figure = Figure(figsize=(6, 3), layout="constrained")
    axis = figure.subplots()
    for shift, label, values in (
        (-0.2, "here", table["energy_mj"]),
        (0.2, "paper", pd.Series({n: stated(said, str(n), "energy_mj") for n in table.index})),
    ):
        place = [i + shift for i in range(len(table))]
        axis.bar(place, values / values["trangdeepsc"], 0.38, label=label)
    axis.set_xticks(range(len(table)), list(table.index))
    axis.set(ylabel="energy × TranGDeepSC's")
    axis.legend(frameon=False)
    return {"table4": figure}


def _counts(tables: Tables) -> Verdict:
    said = published("trangdeepsc", "table4")
    table = tables["table4"].set_index("system")["parameters"]
    found = {
        str(name): (int(table[name]), int(stated(said, str(name), "parameters")))
        for name in table.index
    }
    # The Oracle Network is apart, as in the paper's count.
    exact = [name for name, (own, paper) in found.items() if own in (paper, paper + 43_021)]
    other = [f"{name} has {found[name][0]:,}" for name in found if name not in exact]
    because = f"exact: {', '.join(exact)}" + (f"; {', '.join(other)}" if other else "")
    return Verdict("holds" if not other else "holds in part", because)


def _least_energy(tables: Tables) -> Verdict:
    table = tables["table4"].set_index("system")["energy_mj"]
    ratios = table["trangdeepsc"] / table.drop("trangdeepsc")
    because = ", ".join(f"{value:.2f} of {name}'s" for name, value in ratios.items())
    return of_cases(ratios < 1, because)


EXPERIMENT = Experiment(
    id="trangdeepsc-table4",
    title="Parameters, and energy an image",
    paper=PAPER,
    item="Table 4",
    takes={"small": "about a minute", "paper": "minutes, on the GPU to be judged"},
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim("the four parameter counts", "Table 4", _counts),
        Claim(
            "TranGDeepSC takes the least energy: 0.59 of ViTDeepSC's, 0.63 of SemViT's, 0.28 of "
            "ADJSCC-V's",
            "Section 3.5",
            _least_energy,
        ),
    ),
)
