"""Muon's step beside that of torch.optim.Muon, on the weights of two codecs.

Torch's takes matrices alone, so convolutions are flattened for it, and computes in bfloat16.

    python benchmarks/muon.py
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from semsim.codecs import checkpoints
from semsim.training.muon import Muon

CONSOLE = Console()


def time_steps(shapes: list[torch.Size], device: str, runs: int) -> tuple[float, float]:
    """Median ms of a step, ours and torch's, in turns."""
    ours = [torch.nn.Parameter(torch.randn(shape, device=device)) for shape in shapes]
    theirs = [torch.nn.Parameter(weight.detach().flatten(1).clone()) for weight in ours]
    for weight, matrix in zip(ours, theirs, strict=True):
        weight.grad = torch.randn_like(weight)
        matrix.grad = weight.grad.flatten(1)
    rivals = (
        Muon(ours, 1e-3, 0.0),
        torch.optim.Muon(theirs, 1e-3, 0.0, adjust_lr_fn="match_rms_adamw"),
    )
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs + 2):
        for rival, taken in zip(rivals, times, strict=True):
            begun = time.perf_counter()
            rival.step()
            if torch.device(device).type == "cuda":
                torch.cuda.synchronize(device)
            taken.append(1e3 * (time.perf_counter() - begun))
    return float(np.median(times[0][2:])), float(np.median(times[1][2:]))


def main() -> None:
    """Print a table of medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", nargs="*", default=["deepjscc-1-6", "witt"], help="shipped")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--runs", type=int, default=20)
    arguments = parser.parse_args()
    table = Table("weights", "matrices", "ms", "torch, ms", "ratio")
    for name in arguments.weights:
        tensors = checkpoints.shipped(name).tensors.values()
        shapes = [tensor.shape for tensor in tensors if tensor.ndim >= 2]
        ours, theirs = time_steps(shapes, arguments.device, arguments.runs)
        row = (len(shapes), f"{ours:.1f}", f"{theirs:.1f}", f"{ours / theirs:.2f}")
        table.add_row(name, *map(str, row))
    CONSOLE.print(table)


if __name__ == "__main__":
    main()
