"""Fig. 5: where each prompt looks when it is fused with the image."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

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
from semsim.experiments.mmsemcom.quality import TAKES_THEN
from semsim.experiments.mmsemcom.systems import PAPER
from semsim.experiments.verdicts import of_leads, together
from semsim.report.cells import Table
from semsim.results import Pictures
from semsim.shortcuts import load_source
from semsim.statistics import mean_interval

#: Images whose maps are drawn.
_SHOWN = 4
#: Pixels above this grey belong to what is pictured, where the ground is black.
_LIT = 25 / 255
#: What counts as focus, in shares of all attention beyond what an even spread would put there.
_FOCUS = 0.05
#: Sources that draw on black.
_ON_BLACK = ("tinted",)


@torch.no_grad()
def measure(setting: Setting) -> Measured:
    """Describe images and keep the attention of their prompts.

    Returns:
        ``weights``, a row a data set, image and prompt: its largest weight over the places, the
        weight on what is pictured and the share of the image that this covers (NaN where the
        ground is not black); ``maps``, a row a place of the images that are drawn.
    """
    rows, maps, pictures = [], [], {}
    weights: dict[str, str] = {}
    for data in systems.data_sets(setting):
        codec: Mmsemcom = MmsemcomConfig.model_validate(data.codec).build(device=setting.device)
        source = load_source(data.test).take(data.images).to(setting.device)
        told, _ = codec.describe(source.image)
        prompts = codec.network.model.prompts
        covered = _covered(source.image, told.attention)
        if data.test["kind"] not in _ON_BLACK:
            covered = torch.full_like(covered, torch.nan)
        on_it = (told.attention * covered.unsqueeze(1)).sum(dim=(2, 3))
        for i, name in enumerate(source.name):
            for nth, place in enumerate(told.prompts[i].tolist()):
                one = {"dataset": data.name, "image": name, "prompt": prompts[place]}
                weight = told.attention[i, nth].cpu()
                rows.append(
                    {
                        **one,
                        "largest": float(weight.max()),
                        "even": 1.0 / weight.numel(),
                        "on_it": float(on_it[i, nth]),
                        "covered": float(covered[i].mean()),
                    }
                )
                if i < _SHOWN:
                    maps.append(_map(weight).assign(**one, nth=nth))
        pictures[data.name] = Pictures(
            source.image[:_SHOWN].cpu(), source.image[:_SHOWN].cpu(), source.name[:_SHOWN]
        )
        weights |= codec.weight_hashes
    tables = {"weights": pd.DataFrame(rows), "maps": pd.concat(maps, ignore_index=True)}
    caveat = (
        "The paper's weights of 0.263, 0.231 and 0.223 of three prompts come without a definition: "
        "here every prompt's weights over all places of the image add up to 1, and the largest of "
        "them is told, beside what an even spread would give."
    )
    return Measured(tables, weights, (caveat,), pictures)


def _covered(image: Tensor, attention: Tensor) -> Tensor:
    """Return ``[B, h, w]``, how much of each place of the map is lit."""
    lit = (image.mean(dim=1, keepdim=True) > _LIT).float()
    return F.adaptive_avg_pool2d(lit, (attention.shape[2], attention.shape[3])).squeeze(1)


def _map(weight: Tensor) -> pd.DataFrame:
    row, column = torch.meshgrid(*(torch.arange(n) for n in weight.shape), indexing="ij")
    cells = {"row": row, "column": column, "weight": weight}
    return pd.DataFrame({name: values.flatten().tolist() for name, values in cells.items()})


def show(measured: Measured) -> list[Table]:
    """Weights of the images that are drawn, and means over all images by prompt."""
    table, maps = measured.tables["weights"], measured.tables["maps"]
    drawn = table[table["image"].isin(maps["image"])]
    heads = ("data set", "image", "prompt", "largest weight", "even spread", "on what is pictured")
    first = tuple(
        (
            row["dataset"],
            row["image"],
            row["prompt"],
            f"{row['largest']:.3f}",
            f"{row['even']:.3f}",
            _share(row["on_it"]),
        )
        for row in drawn.to_dict(orient="records")
    )
    means = tuple(
        (
            str(dataset),
            str(prompt),
            str(len(part)),
            f"{part['largest'].mean():.3f}",
            _share(part["on_it"].mean()),
            _share(part["covered"].mean()),
        )
        for (dataset, prompt), part in table.groupby(["dataset", "prompt"], sort=False)
    )
    by_prompt = ("data set", "prompt", "images", "largest weight", "on what is pictured", "covers")
    return [
        Table("Attention of the prompts of the images drawn", heads, first),
        Table("Means over all images that have the prompt", by_prompt, means),
    ]


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0%}"


def plot(measured: Measured) -> dict[str, Figure]:
    """Each image, and its prompts' weights laid over it."""
    maps = measured.tables["maps"]
    lines = [
        (dataset, shown.original[i], name)
        for dataset, shown in measured.pictures.items()
        for i, name in enumerate(shown.captions)
    ]
    prompts = 1 + int(maps["nth"].max())
    figure = Figure(figsize=(2.2 * (1 + prompts), 2.4 * len(lines)), layout="constrained")
    grid = figure.subplots(len(lines), 1 + prompts, squeeze=False)
    for axis in grid.flat:
        axis.set_axis_off()
    for panels, (dataset, image, name) in zip(grid, lines, strict=True):
        pixels = image.permute(1, 2, 0).numpy()
        edges = (0, pixels.shape[1], pixels.shape[0], 0)
        panels[0].imshow(pixels, extent=edges)
        panels[0].set_title(dataset, fontsize=8)
        own = maps[(maps["dataset"] == dataset) & (maps["image"] == name)]
        for panel, (_, part) in zip(panels[1:], own.groupby("nth"), strict=True):
            weight = part.pivot(index="row", columns="column", values="weight").to_numpy()
            panel.imshow(pixels.mean(axis=2), cmap="gray", extent=edges)
            panel.imshow(
                weight, cmap="jet", alpha=0.5, extent=edges, interpolation="bilinear", vmin=0.0
            )
            title = f"{part['prompt'].iloc[0]}, up to {weight.max():.3f}"
            panel.set_title(title, fontsize=8)
    return {"fig5": figure}


def _focused(tables: Tables) -> Verdict:
    """Judge that attention lies on what is pictured, beyond its share of the image."""
    verdicts = []
    for dataset, part in tables["weights"].groupby("dataset", sort=False):
        by_image = part.groupby("image")[["on_it", "covered"]].mean()
        if by_image.isna().any(axis=None):
            because = f"{dataset}: nobody has said where in its images the things are"
            verdicts.append(Verdict("cannot be told at this scale", because))
            continue
        mean, half = mean_interval((by_image["on_it"] - by_image["covered"]).to_numpy())
        because = (
            f"{dataset}: {by_image['on_it'].mean():.1%} of the attention lies on what is pictured, "
            f"which covers {by_image['covered'].mean():.1%} ({100 * mean:+.1f} ± {100 * half:.1f} "
            "points)"
        )
        verdicts.append(of_leads(pd.Series([mean - _FOCUS]), pd.Series([half]), because))
    return together(verdicts)


EXPERIMENT = Experiment(
    id="mmsemcom-fig5",
    title="Attention of prompts over the image",
    paper=PAPER,
    item="Fig. 5",
    takes={"small": "less than a minute", "paper": TAKES_THEN},
    measure=measure,
    show=show,
    plot=plot,
    claims=(
        Claim(
            "prompts attend to the corresponding parts of the image (judged: of the attention, 5 "
            "points more lie on what is pictured than the share of the image that it covers)",
            "Section VI-B, Fig. 5",
            _focused,
        ),
    ),
)
