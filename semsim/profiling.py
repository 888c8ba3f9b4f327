"""What a codec costs at either end: parameters, operations, time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from semsim.noiseless import noiseless
from semsim.types import Codec, Csi, Rate, Source
from semsim.units import db_to_linear

#: Peak rates that RKD-SC scales by (its Table II, footnote): the authors' CPU, measured, and a
#: Raspberry Pi 4 B, from a database.
PAPER_CPU_GFLOPS, PI_GFLOPS = 871.49, 32.0
#: SNR that codecs are told; no cost depends on it.
_SNR_DB = 10.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class End:
    """The cost of one end for one image.

    Attributes:
        parameters: trainable values that take part.
        flops: floating-point operations (2 a multiply-add), as the codec counts them; 0 where it
            counts none.
        median_ms: median of the times taken.
        p95_ms: 95th percentile.
    """

    parameters: int
    flops: float
    median_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Profile:
    """What one rate of a codec costs.

    Attributes:
        rate: the rate.
        parameters: of the whole codec; what both ends use counts once, and so does what this rate
            does not use.
        sender: encoding.
        receiver: decoding, without channel and modem.
    """

    rate: Rate
    parameters: int
    sender: End
    receiver: End


@torch.no_grad()
def profile(codec: Codec, source: Source, rate: Rate, *, warm: int = 5, runs: int = 30) -> Profile:
    """Measure one image at a time; nothing happens to it between the ends.

    Args:
        codec: what to measure.
        source: one image, on the codec's device.
        rate: at which to send it.
        warm: runs before the clock starts.
        runs: runs timed.

    Raises:
        ValueError: if there is not one image, or not one run.
    """
    if len(source) != 1 or runs < 1:
        raise ValueError(f"it takes one image and one run or more, got {len(source)} and {runs}")
    device = source.image.device
    csi = Csi(torch.full((1,), db_to_linear(_SNR_DB), device=device))
    weights = list(codec.parameters()) if isinstance(codec, nn.Module) else []
    payload, used_to_encode = _watched(weights, lambda: codec.encode(source, csi, rate))
    received = noiseless(payload, csi)
    _, used_to_decode = _watched(weights, lambda: codec.decode(received, csi, rate))
    encoding: list[float] = []
    decoding: list[float] = []
    for run in range(warm + runs):
        for times, call in (
            (encoding, lambda: codec.encode(source, csi, rate)),
            (decoding, lambda: codec.decode(received, csi, rate)),
        ):
            taken_ms = _timed_ms(call, device)
            if run >= warm:
                times.append(taken_ms)
    return Profile(
        rate=rate,
        parameters=sum(weight.numel() for weight in weights),
        sender=_end(used_to_encode, rate.flops_encode, encoding),
        receiver=_end(used_to_decode, rate.flops_decode, decoding),
    )


def on_a_pi_ms(cpu_ms: float, cpu_gflops: float = PAPER_CPU_GFLOPS) -> float:
    """Estimate a time on a Raspberry Pi 4 B as RKD-SC does: by the ratio of peak rates.

    It takes for granted that both machines reach the same share of their peak.

    >>> round(on_a_pi_ms(3.90), 2)  # RKD-SC, Table II: 106.21
    106.21
    """
    return cpu_ms * cpu_gflops / PI_GFLOPS


def _end(parameters: int, flops: float, times_ms: list[float]) -> End:
    median, p95 = np.quantile(times_ms, [0.5, 0.95])
    return End(parameters, flops, float(median), float(p95))


def _timed_ms(call: Callable[[], object], device: torch.device) -> float:
    wait = torch.get_device_module(device).synchronize
    wait()
    begun = time.perf_counter()
    call()
    wait()
    return 1e3 * (time.perf_counter() - begun)


class _Watch(TorchFunctionMode):
    """Notes which of some weights enter a function of torch."""

    def __init__(self, weights: Iterable[Tensor]) -> None:
        super().__init__()
        self._watched = {id(weight) for weight in weights}
        self.used: dict[int, int] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        for leaf in tree_leaves((args, named)):
            if id(leaf) in self._watched:
                self.used[id(leaf)] = leaf.numel()
        return func(*args, **named)


def _watched(weights: list[nn.Parameter], call: Callable[[], Result]) -> tuple[Result, int]:
    """Return what ``call`` returns, and how many values of the weights took part."""
    with _Watch(weights) as watch:
        result = call()
    return result, sum(watch.used.values())
