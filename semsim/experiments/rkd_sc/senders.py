"""The senders of Table II: at the paper's sizes and as they ship, counted and timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from semsim.assembly import named_rate, offered_rates
from semsim.codecs.complexity import count_layer_flops, on_meta
from semsim.codecs.learned import LearnedCodec
from semsim.experiments.definition import Setting
from semsim.experiments.latency import in_turn
from semsim.experiments.rkd_sc.systems import (
    PUBLISHED,
    RKD_SC,
    RTSC,
    RTSC_SIZES,
    STUDENT,
    T_DEEPSC,
    TEACHER,
    shipped,
)
from semsim.profiling import profile
from semsim.shortcuts import load_codec
from semsim.types import Codec, Csi, ImageShape, Payload, Rate, Source

_RUNS = {"small": 50, "paper": 200}
_WARM = 3
#: Side of the square matrices whose product tells a machine's rate, and how often to multiply.
MATRIX, _PRODUCTS = 2048, 5

_TINY = {"classes": 200, "blocks": [5, 5, 5, 3], "ratio": 0.1}
#: The data set of senders that are the same for all.
ANY = "any"


class Sender(NamedTuple):
    """What to build, the side of its images, and the rate where it offers several."""

    label: str
    dataset: str
    codec: dict[str, Any]
    side: int
    rate: str | None = None

    @property
    def name(self) -> str:
        """Label, and the data set where it matters."""
        return self.label if self.dataset == ANY else f"{self.label} {self.dataset}"


def full_size() -> list[Sender]:
    """Return the senders of Table II in its order."""
    found = {**PUBLISHED, "tiny-imagenet": _TINY}

    def of(encoder: dict[str, Any], coder: dict[str, Any], classes: int) -> dict[str, Any]:
        model = {"classes": classes, "encoder": encoder, "channel_coder": coder}
        return {"kind": "rkd_sc", "weights": "random", "model": model}

    dense: dict[str, Any] = {"kind": "dense"}
    systems = []
    for label in (RKD_SC, STUDENT):
        for dataset, part in found.items():
            cat = {"kind": "cat", "compression": [part["ratio"]]}
            encoder = {"kind": "staged", "blocks": part["blocks"]}
            coder = cat if label == RKD_SC else dense
            systems.append(Sender(label, dataset, of(encoder, coder, part["classes"]), 224))
    t_deepsc = {"kind": "t_deepsc", "weights": "random"}
    return [
        *systems,
        Sender(TEACHER, ANY, of({"kind": "transformer"}, dense, 10), 224),
        # The published figures are those of 256 patches, which the data sets' own 32×32 make.
        Sender(T_DEEPSC, ANY, t_deepsc, 32),
        Sender(RTSC, ANY, of(RTSC_SIZES, dense, 10), 224),
    ]


def as_shipped() -> list[Sender]:
    """Return the senders whose weights ship."""
    return [
        Sender(s["label"], "fashion", s["codec"], 32, next(iter(s.get("rates", ())), None))
        for s in shipped()
    ]


def measure_senders(
    systems: list[Sender], setting: Setting, weights: dict[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count and time senders.

    Args:
        systems: to build.
        setting: device, and the scale that says how often to time.
        weights: is told whose weights were used.

    Returns:
        one row a sender, and one row a sender and image.
    """
    rows, times = [], []
    built: dict[int, dict[str, Callable[[Source], object]]] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for system in systems:
            codec = load_codec(system.codec, setting.device)
            if not isinstance(codec, LearnedCodec):
                raise TypeError(f"{system.name} is no network")
            weights |= codec.weight_hashes
            image = _images(system.side, setting.device)
            offered = offered_rates(codec, image.shape, system.name)
            rate = named_rate(offered, system.rate or offered[-1].name, system.name)
            rows.append(_counts(system, codec, image, rate))
            built.setdefault(system.side, {})[system.name] = _encoding(codec, rate, setting.device)
    for side, calls in built.items():
        images = _images(side, setting.device)
        times.append(in_turn(calls, images, warm=_WARM, runs=_RUNS[setting.scale]))
    timed = pd.concat(times, ignore_index=True)
    table = pd.DataFrame(rows)
    spread = timed.groupby("system")["wall_ms"].quantile([0.05, 0.5, 0.95]).unstack()
    for column, quantile in (("p5_ms", 0.05), ("median_ms", 0.5), ("p95_ms", 0.95)):
        table[column] = spread[quantile].loc[table["name"]].to_numpy()
    return table, timed


def _counts(
    system: Sender, codec: LearnedCodec, image: Source, rate: Rate
) -> dict[str, str | float]:
    sender = profile(codec, image.select([0]), rate, warm=0, runs=1).sender
    layers = count_layer_flops(codec, lambda m: _encode_on_meta(m, image.shape, rate))
    return {
        "system": system.label,
        "dataset": system.dataset,
        "name": system.name,
        "parameters": sender.parameters,
        "multiply_adds": sender.flops / 2,
        "multiply_adds_of_layers": layers / 2,
        "payload": rate.payload,
        "unit": rate.unit,
    }


def _encode_on_meta(codec: LearnedCodec, shape: ImageShape, rate: Rate) -> Payload:
    return codec.encode(Source(on_meta(1, *shape)), Csi(on_meta(1)), rate)


def _encoding(codec: Codec, rate: Rate, device: str) -> Callable[[Source], object]:
    csi = Csi(torch.ones(1, device=device))
    return lambda image: codec.encode(image, csi, rate)


def _images(side: int, device: str) -> Source:
    generator = torch.Generator().manual_seed(side)
    return Source(torch.rand(4, 3, side, side, generator=generator)).to(device)


def rate_of_products(device: str) -> float:
    """Return the floating-point rate of matrix products in GFLOPS, the best of a few."""
    first = torch.rand(MATRIX, MATRIX, device=device)
    wait = torch.get_device_module(device).synchronize
    best = np.inf
    for _ in range(_PRODUCTS):
        wait()
        begun = time.perf_counter()
        first @ first
        wait()
        best = min(best, time.perf_counter() - begun)
    return float(2.0 * MATRIX**3 / best / 1e9)
