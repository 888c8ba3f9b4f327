"""The figures of a sweep to read first: means with their 95 % intervals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from semsim.link.metrics import ms_ssim_window
from semsim.link.text_metrics import TEXT_FIGURES
from semsim.scenario import LinkScenario
from semsim.statistics import mean_interval, share_interval
from semsim.types import ImageShape

_KEYS = ["channel", "rate", "system", "kind", "snr_db"]
_MEANS = [
    "psnr_db",
    "mse",
    "ssim",
    "ms_ssim",
    "accuracy",
    *TEXT_FIGURES,
    "channel_uses",
    "cbr",
    "block_error_rate",
    "outage",
]


def summarise(table: pd.DataFrame, scenario: LinkScenario, shape: ImageShape) -> dict[str, Any]:
    """Return one entry a system, channel, rate and SNR, and what they all have in common."""
    points = []
    for key, rows in table.groupby(_KEYS, sort=False, dropna=False):
        point = dict(zip(_KEYS, key, strict=True))
        point |= {name: _mean(rows[name]) for name in _MEANS if name in rows}
        if point.get("accuracy") is not None:
            # Images are the independent samples; several draws of one make the interval no wider.
            point["accuracy_interval"] = share_interval(point["accuracy"], rows["image"].nunique())
        point |= text_intervals(rows, point)
        half_db = interval_db(rows) if point["kind"] == "measured" else None
        point["interval_db"] = half_db
        if half_db is not None and half_db > 0:
            images = rows["image"].nunique()
            wanted = images * (half_db / scenario.precision_db) ** 2
            point["images_needed"] = max(images, math.ceil(wanted))
        points.append(point)
    notes = table.drop_duplicates("system") if "note" in table else table.iloc[:0]
    return {
        "name": scenario.name,
        "images": scenario.images,
        "draws": scenario.draws,
        "precision_db": scenario.precision_db,
        "ms_ssim_window": ms_ssim_window(min(shape[1:])),
        "power_constrained": scenario.power_constraint == "unit"
        and scenario.snr_convention not in ("unnormalised_power", "batch_power"),
        "snr_convention": scenario.snr_convention,
        "notes": {
            str(row.system): str(row.note)
            for row in notes.itertuples()
            if isinstance(row.note, str)
        },
        "points": points,
    }


def text_intervals(rows: pd.DataFrame, point: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Return the 95 % intervals of what is measured on sentences, as ``NAME_interval``.

    Sentences are the independent samples. Shares of sentences have Wilson's interval, means
    Student's.
    """
    found = {}
    for name in TEXT_FIGURES:
        if point.get(name) is None:
            continue
        by_sentence = rows.groupby("image")[name].mean().dropna()
        mean = float(point[name])
        if name == "sentence_right":
            found[f"{name}_interval"] = share_interval(mean, len(by_sentence))
        elif len(by_sentence) > 1:
            half = mean_interval(by_sentence.to_numpy())[1]
            found[f"{name}_interval"] = (max(mean - half, 0.0), min(mean + half, 1.0))
    return found


def interval_db(rows: pd.DataFrame) -> float | None:
    """Return the half-width of the 95 % interval of the mean PSNR, ``None`` where there is none.

    A single image has none, nor have images that did not arrive as such.

    Images, not transmissions, are the independent samples: the draws of one image are averaged
    first. Student's t on their number minus one.
    """
    if "psnr_db" not in rows:
        return None
    by_image = rows.groupby("image")["psnr_db"].mean()
    if len(by_image) < 2 or not np.isfinite(by_image).all():
        return None
    return mean_interval(by_image.to_numpy())[1]


def _mean(values: pd.Series) -> float | None:
    mean = float(values.astype(float).mean())
    return None if math.isnan(mean) else mean
