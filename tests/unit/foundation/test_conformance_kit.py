"""The kit passes the built-ins and finds what is wrong with broken plug-ins."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from semsim import load_channel, load_codec
from semsim.allocation.baselines import Equal
from semsim.allocation.config import EqualConfig, UtilityConfig
from semsim.allocation.problem import Problem
from semsim.allocation.quality import PAPER
from semsim.engine.budget import Budget
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.registry import plugins
from semsim.scenario import AllocatorConfig
from semsim.testing import check_allocator, check_channel, check_codec
from semsim.types import BitPayload, Output, Rate

CELL = CellConfig(bandwidth_hz=5000, power_w=0.05)
WEALTHY = CellConfig(bandwidth_hz=5000, power_w=50)
PROBLEM = Problem(Budget(CELL, ComputeConfig(), (3, 64, 64)), UtilityConfig(), PAPER)


@pytest.mark.parametrize(
    "spec",
    [
        "awgn",
        "rayleigh",
        {"kind": "rayleigh", "block": 16},
        {"kind": "rician", "k": 3.0},
        {"kind": "ofdm_tdl", "model": "A"},
    ],
    ids=str,
)
def test_built_in_channels(spec) -> None:
    check_channel(load_channel(spec, seed=5))


# An agent needs weights: tests/unit/agents/test_agent_allocator.py passes one through the kit.
@pytest.mark.parametrize("kind", sorted(plugins("allocators").keys() - {"agent"}))
def test_built_in_allocators(kind: str) -> None:
    fields: dict[str, object] = {"kind": kind}
    if kind == "branch_and_bound":
        fields["tolerance"] = 1e-2
    if kind == "closed_form":  # which holds where power does not bind
        problem = replace(PROBLEM, budget=replace(PROBLEM.budget, cell=WEALTHY))
    else:
        problem = PROBLEM
    config = TypeAdapter(AllocatorConfig).validate_python(fields)
    allocator = config.build(problem, np.random.default_rng(0))
    check_allocator(allocator, CELL.bandwidth_hz, problem.budget.cell.power_w)


class Wrapped:
    """A good channel whose result is spoilt."""

    def __init__(self, **factors: float) -> None:
        self.channel = load_channel("awgn", seed=1)
        self.factors = factors

    def apply(self, x, snr):
        received = self.channel.apply(x, snr)
        spoilt = {name: getattr(received, name) * f for name, f in self.factors.items()}
        return replace(received, **spoilt)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"snr_measured": 2.0}, "SNR is off"),
        ({"gain": 1.1}, "expected 1"),
        ({"x": 1.1}, "biased"),
    ],
)
def test_broken_channels_are_found(factors: dict[str, float], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_channel(Wrapped(**factors))


def test_a_greedy_allocator_is_found() -> None:
    class Greedy(Equal):
        def allocate(self, state):
            allocation = super().allocate(state)
            return replace(allocation, p_w=allocation.p_w * 1.01)

    greedy = Greedy(EqualConfig(), PROBLEM, np.random.default_rng(0))
    with pytest.raises(AssertionError, match="sum of p_w"):
        check_allocator(greedy, CELL.bandwidth_hz, CELL.power_w)


class Broken:
    """Sends one bit of the mean brightness; each flag breaks one rule."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def rates(self, shape):
        if self.fault == "no rates":
            return ()
        return (Rate("bit", shape, "bits", 2 if self.fault == "size" else 1, 1e-6),)

    def encode(self, source, csi, rate):
        brightness = source.image.mean(dim=(1, 2, 3))
        reference = brightness.mean() if self.fault == "batch" else 0.5
        bits = (brightness > reference).to(torch.uint8).unsqueeze(1)
        return BitPayload(bits.float() if self.fault == "dtype" else bits)

    def decode(self, received, csi, rate):
        if self.fault == "empty":
            return Output()
        if self.fault == "logits":
            return Output(logits=torch.zeros(1, 3))
        if self.fault == "features":
            return Output(features=received.bits / 0.0)
        level = received.bits.float().view(-1, 1, 1, 1) * (2.0 if self.fault == "range" else 1.0)
        return Output(image=level.expand(-1, *rate.shape) + (self.fault == "range") * 1.5)


def test_the_sound_codec_passes() -> None:
    check_codec(Broken())
    check_codec(load_codec("classical"))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("no rates", "is empty"),
        ("size", "payload has shape"),
        ("dtype", "bits are uint8"),
        ("batch", "depends on the rest of its batch"),
        ("empty", "output is empty"),
        ("range", "leaves 0..1"),
        ("logits", "logits .1, 3., not 3 rows"),
        ("features", "features are not finite"),
    ],
)
def test_broken_codecs_are_found(fault: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_codec(Broken(fault))
