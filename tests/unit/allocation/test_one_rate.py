"""Users whose codec has one rate: their ρ stays, and bandwidth and power are shared for it."""

from collections.abc import Callable

import numpy as np
import pytest

from semsim.allocation.certificate import certificate
from semsim.allocation.config import AlternatingConfig, BranchAndBoundConfig, ExactConfig
from semsim.allocation.problem import Problem
from semsim.allocation.quality import QualityCurve
from semsim.errors import AllocationError
from semsim.types import Array, DownlinkState

#: The second user and the fourth have one rate; accuracy and PSNR.
CURVE = QualityCurve(
    np.array([41.0, 0.9, 41.0, 20.0]),
    np.array([3.0, 0.0, 3.0, 0.0]),
    highest=np.array([np.inf, 0.004, np.inf, 0.02]),
)


@pytest.mark.parametrize(
    "case", [{}, {"bandwidth_hz": 300.0}, {"power_w": 0.01}, {"efficiency": 1e-28}]
)
def test_the_optimum_is_that_of_independent_searches(
    make_problem: Callable[..., Problem],
    paper_gain: Callable[..., Array],
    global_search: Callable[..., float],
    case: dict[str, float],
) -> None:
    problem = make_problem(curve=CURVE, weight=[1, 30, 1, 1], **case)
    gain = paper_gain(np.random.default_rng(5), 4)
    state = DownlinkState(gain, np.ones(4))
    found = ExactConfig().build(problem, np.random.default_rng(0)).allocate(state)
    np.testing.assert_allclose(found.rho[[1, 3]], [0.004, 0.02], rtol=1e-9)
    reached = float(problem.utility(gain, found).total)
    searched = global_search(problem, gain, np.random.default_rng(1))
    assert reached == pytest.approx(searched, abs=1e-7)
    assert float(certificate(problem.terms(gain), found).gap) < 1e-6
    bounded = BranchAndBoundConfig().build(problem, np.random.default_rng(0)).allocate(state)
    assert reached >= float(problem.utility(gain, bounded).total) - 1e-6


def test_allocators_that_know_no_least_rho_say_so(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    problem = make_problem(curve=CURVE)
    state = DownlinkState(paper_gain(np.random.default_rng(5), 4), np.ones(4))
    with pytest.raises(AllocationError, match="user 1 has a least ρ"):
        AlternatingConfig().build(problem, np.random.default_rng(0)).allocate(state)


def test_what_one_rate_has_is_promised_and_no_more(
    make_problem: Callable[..., Problem], paper_gain: Callable[..., Array]
) -> None:
    gain = paper_gain(np.random.default_rng(5), 4)
    kept = make_problem(curve=CURVE, least_quality=[20, 0.9, 20, 20]).terms(gain).rho_min
    np.testing.assert_allclose(kept[[1, 3]], [0.004, 0.02])
    with pytest.raises(AllocationError, match=r"user 3 is promised 21"):
        make_problem(curve=CURVE, least_quality=[20, 0.9, 20, 21]).terms(gain)


def test_a_flat_curve_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="slope must be positive"):
        QualityCurve(40.0, 0.0)
