"""Latency and throughput of the codecs, and what the training loop saves, in one run.

Three sections, each on its own with ``--only``:

``latency``: one 32×32 image through encoder, AWGN and decoder, the codecs of TranGDeepSC's Table 5
at the paper's sizes, in turn. The ratio of TranGDeepSC's to ViTDeepSC's is the paper's claim (0.54
of the median, 0.52 of the mean).

``throughput``: encoders and decoders on their own at batch 64, every learned codec as it ships.

``large``: images of 256×256 through FTSC, beside JPEG and WebP at the same bits: images a second
of either end, and the peak memory of a process that codes 16 images, and 64.

``memory``: a training step of TranGDeepSC with the C library as it is, and told to keep freed
memory (:mod:`semsim.training.memory`), each in a process of its own, in turn.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from semsim import load_codec, zoo
from semsim.codecs.analog import AnalogCodec
from semsim.experiments.definition import Setting
from semsim.experiments.latency import latencies, ratio_interval
from semsim.experiments.latency import statistics as summary
from semsim.experiments.trangdeepsc.full_size import SNR_DB, full_size, images
from semsim.training.loop import Trainer
from semsim.training.memory import keep_freed_memory
from semsim.training.recipe import Recipe
from semsim.types import BitPayload, Csi, Received, ReceivedBits, Source, SymbolPayload

_BATCH = 64


def latency(runs: int) -> None:
    """Print Table 5's statistics and the ratio that matters."""
    setting = Setting()
    times = latencies(full_size("cpu"), images(setting), snr_db=SNR_DB, warm=5, runs=runs)
    print(summary(times).round(2).to_string(index=False))
    rng = np.random.default_rng(0)
    ratio, low, high = ratio_interval(times, "trangdeepsc", "vitdeepsc", rng)
    print(f"TranGDeepSC / ViTDeepSC, median: {ratio:.2f} ({low:.2f} to {high:.2f}); paper: 0.54\n")


@torch.inference_mode()
def throughput(rounds: int) -> None:
    """Print images a second of both ends of every shipped analog codec."""
    codecs = {name: load_codec(zoo.card(name).codec) for name in zoo.names()}
    image = torch.rand(_BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    csi = Csi(torch.full((_BATCH,), 10.0))
    print(
        f"{'codec':28} {'parameters':>11} {'encode':>9} {'decode':>9}   images/s at batch {_BATCH}"
    )
    for name, codec in codecs.items():
        if not isinstance(codec, AnalogCodec):
            continue
        rate = codec.rates((3, 32, 32))[-1]
        source = Source(image)
        payload = codec.encode(source, csi, rate)
        if not isinstance(payload, SymbolPayload):
            raise TypeError(f"{name} sends no symbols")
        ones = torch.ones(payload.x.shape)
        received = Received(payload.x, 0.1 * ones, ones, csi.snr, payload.x.shape[1])
        encode = _median_s(lambda c=codec, s=source, r=rate: c.encode(s, csi, r), rounds)
        decode = _median_s(lambda c=codec, x=received, r=rate: c.decode(x, csi, r), rounds)
        count = sum(weight.numel() for weight in codec.parameters())
        print(f"{name:28} {count:11,} {_BATCH / encode:9.0f} {_BATCH / decode:9.0f}")
    print()


def _median_s(call: Callable[[], object], rounds: int) -> float:
    call()
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


_LARGE: dict[str, dict[str, Any]] = {
    **{
        f"ftsc {rate}": {"kind": "ftsc", "scalings": [rate]} for rate in ("[8,2]", "[4,2]", "[2,2]")
    },
    "jpeg": {"kind": "classical", "format": "jpeg", "rhos": [0.029296875]},
    "webp": {"kind": "classical", "format": "webp", "rhos": [0.029296875]},
}


def large(rounds: int) -> None:
    """Print paces and peak memory at 256×256; every figure is a process's own."""
    print(f"{'256×256':12} {'encode':>8} {'decode':>8} images/s    peak memory of 16 and 64 images")
    for name in _LARGE:
        few, many = (_sized(name, count, rounds) for count in (16, 64))
        print(
            f"{name:12} {few['encode']:8.2f} {few['decode']:8.2f}             "
            f"{few['peak_mib']:6.0f} and {many['peak_mib']:6.0f} MiB, of which images "
            f"{16 * 2 * 0.75:.0f} and {64 * 2 * 0.75:.0f}"
        )
    print()


def _sized(name: str, count: int, rounds: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--large", name, str(count), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


@torch.inference_mode()
def large_step(name: str, count: int, rounds: int) -> None:
    """Code ``count`` images in this process and print paces and peak memory."""
    codec = load_codec(_LARGE[name])
    image = torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    source = Source(torch.nn.functional.interpolate(image, (256, 256), mode="bicubic").clamp(0, 1))
    csi = Csi(torch.full((count,), 10.0))
    rate = codec.rates((3, 256, 256))[-1]
    payload = codec.encode(source, csi, rate)
    if not isinstance(payload, BitPayload):
        raise TypeError(f"{name} sends no bits")
    fine = torch.zeros(count)
    received = ReceivedBits(payload.bits, fine, 1, fine.bool())
    encode = _median_s(lambda: codec.encode(source, csi, rate), rounds)
    decode = _median_s(lambda: codec.decode(received, csi, rate), rounds)
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {"encode": count / encode, "decode": count / decode, "peak_mib": peak_kib / 1024}
    print(json.dumps(figures))


def memory(rounds: int) -> None:
    """Print the ratio of training paces without and with freed memory kept."""
    found: dict[str, list[float]] = {"as it is": [], "kept": []}
    for turn in range(rounds):
        order = list(found) if turn % 2 == 0 else list(found)[::-1]
        for name in order:
            command = [sys.executable, __file__, "--step", name]
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
            found[name].append(float(done.stdout))
    medians = {name: statistics.median(times) for name, times in found.items()}
    for name, seconds in medians.items():
        print(
            f"training step of TranGDeepSC, batch 16, freed memory {name:8}: {1e3 * seconds:.0f} ms"
        )
    print(f"ratio: {medians['as it is'] / medians['kept']:.2f}")


def step(name: str) -> None:
    """Time training steps in this process, and print the median in seconds."""
    fields = {
        "name": "pace",
        "objective": {
            "kind": "reconstruction",
            "codec": {"kind": "trangdeepsc", "weights": "random"},
        },
        "link": {"channel": "awgn", "snr_db": 12},
        "sources": [{"kind": "photos", "split": "train", "size": 32, "crop": "random"}],
        "steps": 100,
    }
    trainer = Trainer(Recipe.model_validate(fields), Path("runs/pace"))
    if name == "kept":
        keep_freed_memory()
    times = []
    for _ in range(12):
        begun = time.perf_counter()
        trainer._step()
        times.append(time.perf_counter() - begun)
    print(statistics.median(times[4:]))


def main() -> None:
    """Run the sections that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("latency", "throughput", "large", "memory"))
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--large", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        step(asked.step)
        return
    if asked.large:
        name, count, rounds = asked.large
        large_step(name, int(count), int(rounds))
        return
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    if asked.only in (None, "latency"):
        latency(20 if asked.quick else 100)
    if asked.only in (None, "throughput"):
        throughput(3 if asked.quick else 10)
    if asked.only in (None, "large"):
        large(1 if asked.quick else 3)
    if asked.only in (None, "memory"):
        memory(1 if asked.quick else 3)


if __name__ == "__main__":
    main()
