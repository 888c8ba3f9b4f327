"""How long one image takes through encoder, channel and decoder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from semsim.channels.config import AwgnConfig
from semsim.link.link import Link
from semsim.rng import Streams
from semsim.types import Channel, Codec, Source


def latencies(
    codecs: Mapping[str, Codec], source: Source, *, snr_db: float, warm: int, runs: int
) -> pd.DataFrame:
    """Send images one at a time through each codec over AWGN.

    The codecs take turns image by image, so that whatever else the machine does meets all alike.

    Args:
        codecs: by label, all on one device.
        source: images to send in turn, ``[N, 3, H, W]``.
        snr_db: Es/N0.
        warm: images before the clock starts.
        runs: images timed.

    Returns:
        one row a label and image: ``system, wall_ms, cpu_ms``; the latter is the process's
        processor time on all cores.
    """
    device = source.image.device
    channel: Channel = AwgnConfig().build(
        device=str(device), generator=Streams(0).torch("latency", device)
    )

    def sending(link: Link) -> Callable[[Source], object]:
        return lambda image: link.transmit(image, snr_db)

    links = {label: sending(Link(codec, channel)) for label, codec in codecs.items()}
    return in_turn(links, source, warm=warm, runs=runs)


@torch.inference_mode()
def in_turn(
    calls: Mapping[str, Callable[[Source], object]], source: Source, *, warm: int, runs: int
) -> pd.DataFrame:
    """Call each of ``calls`` with one image, then each with the next.

    Args:
        calls: by label.
        source: images to take in turn, ``[N, 3, H, W]``.
        warm: images before the clock starts.
        runs: images timed.

    Returns:
        as :func:`latencies`.
    """
    device = source.image.device
    rows: list[dict[str, Any]] = []
    for run in range(warm + runs):
        image = source.select([run % len(source)])
        for label, call in calls.items():
            _wait(device)
            wall, cpu = time.perf_counter(), time.process_time()
            call(image)
            _wait(device)
            if run >= warm:
                rows.append(
                    {
                        "system": label,
                        "wall_ms": 1e3 * (time.perf_counter() - wall),
                        "cpu_ms": 1e3 * (time.process_time() - cpu),
                    }
                )
    return pd.DataFrame(rows)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def statistics(times: pd.DataFrame, column: str = "wall_ms") -> pd.DataFrame:
    """Return mean, standard deviation, min, max, median and 95th percentile by system."""
    grouped = times.groupby("system", sort=False)[column]
    return pd.DataFrame(
        {
            "mean_ms": grouped.mean(),
            "std_ms": grouped.std(ddof=1),
            "min_ms": grouped.min(),
            "max_ms": grouped.max(),
            "median_ms": grouped.median(),
            "p95_ms": grouped.quantile(0.95),
            "runs": grouped.size(),
        }
    ).reset_index()


def ratio_interval(
    times: pd.DataFrame, over: str, under: str, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Return the ratio of two systems' medians and its 95 % bootstrap interval."""
    a = times.loc[times["system"] == over, "wall_ms"].to_numpy()
    b = times.loc[times["system"] == under, "wall_ms"].to_numpy()
    draws = [
        float(np.median(rng.choice(a, len(a))) / np.median(rng.choice(b, len(b))))
        for _ in range(2000)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(np.median(a) / np.median(b)), float(low), float(high)
