"""Fading from slot to slot, and its feedback, against closed forms."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import j0

from semsim import load_channel, load_codec
from semsim.engine.budget import Budget
from semsim.engine.config import CellConfig, ComputeConfig, FeedbackConfig
from semsim.engine.downlink import Downlink
from semsim.engine.fading import rician_gain, scatter, turn_rad_per_slot
from semsim.engine.topology import Places
from semsim.engine.traffic import UserSources
from semsim.link.link import Link
from semsim.rng import Streams
from semsim.types import Array, Source

USERS = 4000
#: A user at 3 m/s and 2.6 GHz, a slot of 4 ms: f_d = 26.02 Hz, ψ = 0.6539.
SPEED_M_PER_S, CARRIER_HZ, SLOT_S = 3.0, 2.6e9, 4e-3
PSI = 2 * math.pi * SPEED_M_PER_S * CARRIER_HZ / 299_792_458 * SLOT_S
LAGS = (1, 2, 3, 5, 8, 13)
#: Slots where an average over time begins.
STARTS = (0, 15, 30)


@cache
def parts(model: str) -> dict[int, Array]:
    """Scatter by slot, ``[2, USERS]``: the starts of averages, and those plus every lag."""
    fading: dict[str, Any] = {"model": model}
    if model != "independent":
        fading |= {"speed_m_per_s": SPEED_M_PER_S, "slot_s": SLOT_S}
    cell = CellConfig.model_validate(
        {"bandwidth_hz": 1, "power_w": 1, "carrier_hz": CARRIER_HZ, "fading": fading}
    )
    source, found = scatter(cell, (USERS,), Streams(5)), {}
    looked_at = {a + k for a in STARTS for k in (0, *LAGS)}
    for slot in range(max(looked_at) + 1):
        if slot in looked_at:
            found[slot] = source.parts
        source.advance(turn_rad_per_slot(cell))
    return found


def correlation(model: str, lag: int) -> float:
    """ρ of the scatter, the same for real and imaginary part, none between them."""
    if model == "independent":
        return 0.0
    return float(j0(PSI * lag)) if model == "jakes" else float(j0(PSI)) ** lag


def assert_mean(values: Array, expected: float) -> None:
    """``values`` holds one figure a user, independent of the others: 5 standard errors."""
    error = values.std(ddof=1) / math.sqrt(values.size)
    assert abs(values.mean() - expected) < 5 * error, f"{values.mean()}, expected {expected}"


@pytest.mark.parametrize("model", ["independent", "gauss_markov", "jakes"])
def test_correlation_of_the_scatter(model: str) -> None:
    g = {slot: (re + 1j * im) / math.sqrt(2) for slot, (re, im) in parts(model).items()}
    for lag in LAGS:
        product = np.mean([g[a + lag] * g[a].conj() for a in STARTS], axis=0)
        assert_mean(product.real, correlation(model, lag))
        assert_mean(product.imag, 0.0)


@pytest.mark.parametrize("k", [0.0, 4.0])
@pytest.mark.parametrize("model", ["independent", "gauss_markov", "jakes"])
def test_gains_have_mean_one_and_the_covariance_of_rician_fading(model: str, k: float) -> None:
    gain = {slot: rician_gain(both, k) for slot, both in parts(model).items()}
    assert_mean(np.mean([gain[a] for a in STARTS], axis=0), 1.0)
    for lag in LAGS:
        product = np.mean([(gain[a + lag] - 1) * (gain[a] - 1) for a in STARTS], axis=0)
        rho = correlation(model, lag)
        # E[(|h(0)|² - 1)(|h(k)|² - 1)] of h = √(K/(K+1)) + √(1/(K+1)) g with Gaussian g; the
        # Jakes sum's fourth moment is 1/256 short of the Gaussian one, far below the error.
        assert_mean(product, (rho**2 + 2 * k * rho) / (k + 1) ** 2)


@pytest.mark.parametrize("model", ["gauss_markov", "jakes"])
def test_the_scatter_is_gaussian(model: str) -> None:
    power = (parts(model)[STARTS[-1] + LAGS[-1]] ** 2).sum(axis=0) / 2
    assert_mean(power, 1.0)
    assert_mean(power**2, 2.0)
    # |g|² is exponential: the share above x is e^(-x), within 5 binomial standard errors.
    for x in (0.1, 1.0, 3.0):
        share = math.exp(-x)
        assert abs((power > x).mean() - share) < 5 * math.sqrt(share * (1 - share) / USERS)


class Blank:
    """Images of nothing: only the gains matter here."""

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        return Source(torch.zeros(count, 3, 8, 8))


def downlink(**feedback: Any) -> Downlink:
    blank = Blank()
    link = Link(load_codec({"kind": "classical"}), load_channel("awgn"))
    cell = CellConfig(bandwidth_hz=5000, power_w=1)
    return Downlink(
        users=lambda rng: Places(np.full(USERS, 100.0), np.zeros(USERS)),
        links=lambda generator: [link] * USERS,
        source=UserSources([blank] * USERS),
        budget=Budget(cell, ComputeConfig(), (3, 64, 64)),
        feedback=FeedbackConfig.model_validate(feedback),
    )


def test_reports_err_by_the_deviation_asked_for() -> None:
    true, reported = downlink().observe().gain, downlink(error_db=1.5).observe().gain
    error_db = 10 * np.log10(reported / true)
    # Standard errors: of the mean σ/√N, of the deviation σ/√(2N).
    assert abs(error_db.mean()) < 5 * 1.5 / math.sqrt(USERS)
    assert abs(error_db.std() - 1.5) < 5 * 1.5 / math.sqrt(2 * USERS)
    assert abs(np.corrcoef(error_db, 10 * np.log10(true))[0, 1]) < 5 / math.sqrt(USERS)
