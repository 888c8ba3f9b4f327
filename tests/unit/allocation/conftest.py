"""A cell like the paper's, and the independent optimiser to compare with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from semsim.allocation.config import SlsqpConfig, UtilityConfig
from semsim.allocation.problem import Problem
from semsim.allocation.quality import PAPER, QualityCurve
from semsim.allocation.slsqp import search
from semsim.allocation.terms import Terms
from semsim.engine.budget import Budget
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.types import Allocation, Array, DownlinkState


def make_problem(
    bandwidth_hz: float = 5000.0,
    power_w: float = 50.0,
    efficiency: float = 1e-38,
    curve: QualityCurve = PAPER,
    **utility: object,
) -> Problem:
    cell = CellConfig(bandwidth_hz=bandwidth_hz, power_w=power_w)
    budget = Budget(cell, ComputeConfig(efficiency=efficiency), (3, 256, 256))
    return Problem(budget, UtilityConfig.model_validate(utility), curve)


def paper_gain(rng: np.random.Generator, *shape: int) -> Array:
    """Eq. (23): 1 to 1000 m, β_0 = 1e-3, α = 2, K = 10."""
    distance_m = rng.uniform(1, 1000, shape)
    scattered = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / math.sqrt(2)
    gain: Array = (
        1e-3 * distance_m**-2 * np.abs((10 / 11) ** 0.5 + (1 / 11) ** 0.5 * scattered) ** 2
    )
    return gain


@dataclass(frozen=True)
class _Changed(Problem):
    changes: dict[str, Any] = field(default_factory=dict)

    def terms(self, gain: Array) -> Terms:
        return replace(super().terms(gain), **self.changes)


def with_terms(problem: Problem, **changes: object) -> Problem:
    """Return ``problem`` with some of its terms replaced: users' own limits and the like."""
    return _Changed(problem.budget, problem.config, problem.curve, changes=changes)


def local_search(problem: Problem, gain: Array, start: Allocation) -> float:
    """Return the utility that SLSQP reaches from ``start``."""
    return float(problem.utility(gain, search(problem.terms(gain), start)).total)


def global_search(problem: Problem, gain: Array, rng: np.random.Generator) -> float:
    """Return the best utility of six local searches, most of which must agree on it."""
    state = DownlinkState(gain, np.ones_like(gain))
    found = SlsqpConfig(starts=6).build(problem, rng).allocate(state)
    best = float(problem.utility(gain, found).total)
    assert found.info["succeeded"] >= 3
    assert found.info["spread"] < 1e-7 * abs(best)
    return best


@pytest.fixture(scope="session", name="make_problem")
def _make_problem() -> Callable[..., Problem]:
    return make_problem


@pytest.fixture(scope="session", name="paper_gain")
def _paper_gain() -> Callable[..., Array]:
    return paper_gain


@pytest.fixture(scope="session", name="with_terms")
def _with_terms() -> Callable[..., Problem]:
    return with_terms


@pytest.fixture(scope="session", name="local_search")
def _local_search() -> Callable[[Problem, Array, Allocation], float]:
    return local_search


@pytest.fixture(scope="session", name="global_search")
def _global_search() -> Callable[[Problem, Array, np.random.Generator], float]:
    return global_search
