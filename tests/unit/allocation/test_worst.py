"""Quality that counts as that of the worst user, proven by the sum that it cannot exceed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from semsim.allocation.certificate import certify
from semsim.allocation.config import (
    AlternatingConfig,
    EqualConfig,
    ExactConfig,
    RandomConfig,
    SlsqpConfig,
    UtilityConfig,
)
from semsim.allocation.exact.optimum import optimise
from semsim.allocation.problem import Problem
from semsim.allocation.quality import QualityCurve
from semsim.errors import AllocationError
from semsim.types import Array, DownlinkState
from tests.unit.allocation.conftest import make_problem, paper_gain

#: Three users whose codecs differ.
CURVES = QualityCurve(np.array([41.0, 38.0, 47.0]), np.array([3.0, 2.5, 4.8]))


def differing(**changes: float) -> Problem:
    """Return the paper's cell with codecs that differ, judged by the worst."""
    return replace(make_problem(quality="min", **changes), curve=CURVES)


def gap_of(problem: Problem, gain: Array) -> Array:
    terms = problem.terms(gain)
    found = optimise(terms)
    return found.upper_bound - terms.utility(found.rho, found.b_hz, found.p_w)


@pytest.mark.parametrize("bandwidth_hz", [1000.0, 8000.0])
@pytest.mark.parametrize("lambda_quality", [0.33, 3.0])
@pytest.mark.parametrize(("power_w", "poor"), [(50.0, 1.0), (0.01, 1e-8)])
def test_it_is_proven(
    bandwidth_hz: float, lambda_quality: float, power_w: float, poor: float
) -> None:
    changes = {"bandwidth_hz": bandwidth_hz, "power_w": power_w, "lambda_quality": lambda_quality}
    gain = paper_gain(np.random.default_rng(0), 10, 3) * poor
    for problem in (make_problem(quality="min", **changes), differing(**changes)):
        assert np.abs(gap_of(problem, gain)).max() < 1e-9


def test_nobody_is_given_more_than_the_worst_needs() -> None:
    gain = paper_gain(np.random.default_rng(1), 8, 3)
    problem = differing(bandwidth_hz=1000.0)
    state = DownlinkState(gain, gain)
    found = ExactConfig().build(problem, np.random.default_rng(0)).allocate(state)
    quality_db = problem.utility(gain, found).qualities
    np.testing.assert_allclose(quality_db, quality_db[:, :1] + np.zeros(3), atol=1e-9)


def test_a_capped_user_holds_the_others_down() -> None:
    """Where quality weighs much, the codec that ends first decides; no bits go beyond it."""
    gain = paper_gain(np.random.default_rng(2), 4, 3)
    problem = differing(lambda_quality=50.0)
    assert np.abs(gap_of(problem, gain)).max() < 1e-8
    found = optimise(problem.terms(gain))
    most_db = CURVES.quality(np.full(3, problem.budget.rho_max))
    lowest = int(most_db.argmin())
    np.testing.assert_allclose(found.rho[:, lowest], problem.budget.rho_max, rtol=1e-9)
    np.testing.assert_allclose(CURVES.quality(found.rho).min(-1), most_db[lowest], atol=1e-9)


def test_no_rule_is_better() -> None:
    gain = paper_gain(np.random.default_rng(3), 20, 3)
    problem = differing(bandwidth_hz=2000.0)
    state = DownlinkState(gain, gain)
    for config in (EqualConfig(rho=0.03), RandomConfig(), ExactConfig()):
        allocation = config.build(problem, np.random.default_rng(0)).allocate(state)
        certificate = certify(problem, state, allocation).certificate
        assert certificate is not None
        assert (certificate.gap > -1e-9).all()
        total = problem.utility(gain, allocation).total
        np.testing.assert_allclose(certificate.utility, total)


def test_deadlines_are_kept_and_proven() -> None:
    gain = paper_gain(np.random.default_rng(4), 6, 3)
    terms = differing(bandwidth_hz=3000.0, lambda_quality=2.0).terms(gain)
    free = optimise(terms)
    free_s = terms.delay_s(free.rho, free.b_hz, free.p_w)
    deadline_s = np.array([0.8 * free_s.min(), np.inf, np.inf])
    strict = replace(terms, deadline_s=deadline_s)
    found = optimise(strict)
    reached = strict.utility(found.rho, found.b_hz, found.p_w)
    delay_s = strict.delay_s(found.rho, found.b_hz, found.p_w)
    assert (delay_s[:, 0] <= deadline_s[0] * (1 + 1e-9)).all()
    assert (reached < terms.utility(free.rho, free.b_hz, free.p_w)).all()
    assert np.abs(found.upper_bound - reached).max() < 1e-7


def test_sums_are_asked_for_by_others() -> None:
    gain = paper_gain(np.random.default_rng(5), 1, 3)
    state = DownlinkState(gain, gain)
    for config in (AlternatingConfig(), SlsqpConfig(starts=1)):
        method = config.build(differing(), np.random.default_rng(0))
        with pytest.raises(AllocationError, match="quality is 'min'"):
            method.allocate(state)
    with pytest.raises(AllocationError, match="lambda_quality"):
        optimise(differing(lambda_quality=0.0).terms(gain))


def test_the_worst_has_no_weights() -> None:
    with pytest.raises(ValidationError, match="'weight' has no meaning"):
        UtilityConfig.model_validate({"quality": "min", "weight": [1, 2, 1]})


def test_on_the_grid() -> None:
    grid = (0.0073, 0.0293, 0.1171875)
    problem = replace(make_problem(bandwidth_hz=1000.0, quality="min"), offers=(grid,) * 3)
    gain = paper_gain(np.random.default_rng(6), 5, 3)
    terms = problem.terms(gain)
    state = DownlinkState(gain, gain)
    found = ExactConfig(rates="grid").build(problem, np.random.default_rng(0)).allocate(state)
    assert np.isclose(found.rho[..., None], grid, rtol=1e-9).any(-1).all()
    reached = terms.utility(found.rho, found.b_hz, found.p_w)
    assert (reached <= optimise(terms).upper_bound + 1e-9).all()
