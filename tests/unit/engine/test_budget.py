"""Time and energy of an image against arithmetic done by hand (FTSC eq. 9-22)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semsim.engine.budget import Budget
from semsim.engine.config import CellConfig, ComputeConfig

CELL = CellConfig(bandwidth_hz=5000, power_w=50)
PAPER = Budget(CELL, ComputeConfig(), (3, 256, 256))


def test_constants_of_a_256_image() -> None:
    assert PAPER.image_bits == 1_572_864  # 3 · 256 · 256 · 8
    assert PAPER.noise_psd_w_per_hz == pytest.approx(3.98107e-21, rel=1e-5)  # -204 dBW/Hz
    assert PAPER.rho_max == 0.1171875  # (128² + 64²)/(3 · 256²) · 9/8
    assert PAPER.ftsc.rho_0 == 1.875
    assert PAPER.ftsc.flops_0 == 4_294_967_296  # 65536/4 · 16 · 128²
    assert PAPER.ftsc.flops_delta == 4_194_304_000  # 65536/4 · 16 · 128 · 125
    assert PAPER.t0_s == pytest.approx(1.1351, abs=5e-5)
    assert PAPER.kappa_s == pytest.approx(2.2624, abs=5e-5)


@pytest.mark.parametrize("s", [2, 4, 8, 16])
def test_compression_rate_of_a_scaling_counts_its_indices(s: int) -> None:
    bottom = 256 // s
    indices = bottom**2 + (bottom // 2) ** 2
    assert PAPER.ftsc.rho_of_scaling(s) == pytest.approx(indices * 9 / PAPER.image_bits, rel=1e-12)


@pytest.mark.parametrize(("s", "layers"), [(2, 1), (4, 2), (8, 3), (16, 4)])
def test_computing_time_counts_the_layers(s: int, layers: int) -> None:
    # Eq. (11): the first layer C_0 - C_Δ, each further one (the top's included) a quarter of the
    # one before.
    flops = sum(PAPER.ftsc.flops_0 / 4**i for i in range(layers + 1)) - PAPER.ftsc.flops_delta
    time_s = PAPER.compute_time_s(PAPER.ftsc.rho_of_scaling(s))
    assert time_s == pytest.approx(flops / 1.35e9, rel=1e-12)


def test_other_image_sizes_scale_what_they_should() -> None:
    small = Budget(CELL, ComputeConfig(), (3, 64, 128))
    assert small.image_bits == PAPER.image_bits // 8
    assert small.rho_max == PAPER.rho_max
    assert small.t0_s == pytest.approx(PAPER.t0_s / 8)
    assert small.kappa_s == pytest.approx(PAPER.kappa_s / 8)


def test_one_user_by_hand() -> None:
    gain, b_hz, p_w, rho = 1e-9, 1000.0, 0.01, 0.03
    noise_w = 1000 * 10**-20.4
    snr = 0.01 * 1e-9 / noise_w
    rate = 1000 * math.log2(1 + snr)
    time_s = 0.03 * 1_572_864 / rate
    compute_s = (4 / 3 * 4_294_967_296 * (1 - 0.03 / 1.875) - 4_194_304_000) / 1.35e9
    assert PAPER.snr(gain, b_hz, p_w) == pytest.approx(snr, rel=1e-12)
    assert PAPER.rate_bps(gain, b_hz, p_w) == pytest.approx(rate, rel=1e-12)
    assert PAPER.transmit_time_s(rho, gain, b_hz, p_w) == pytest.approx(time_s, rel=1e-12)
    assert PAPER.compute_time_s(rho) == pytest.approx(compute_s, rel=1e-12)
    assert PAPER.delay_s(rho, gain, b_hz, p_w) == pytest.approx(time_s + compute_s, rel=1e-12)
    assert PAPER.transmit_energy_j(rho, gain, b_hz, p_w) == pytest.approx(0.01 * time_s, rel=1e-12)
    # Eq. (21): ω_c f² times floating-point operations.
    energy_j = 1e-38 * 1.35e9**2 * (compute_s * 1.35e9)
    assert PAPER.compute_energy_j(rho) == pytest.approx(energy_j, rel=1e-12)


def test_a_sane_efficiency_gives_a_sane_energy() -> None:
    budget = Budget(CELL, ComputeConfig(efficiency=1e-28), (3, 256, 256))
    assert 0.2 < float(budget.compute_energy_j(budget.rho_max)) < 0.3


def test_weak_signals_keep_their_precision() -> None:
    # log2(1 + x) → x/ln 2; a plain logarithm of 1 + 2.5e-17 would be zero.
    snr = float(PAPER.snr(1e-25, 1000.0, 1e-9))
    assert snr == pytest.approx(1e-34 / (1000 * 10**-20.4))
    assert PAPER.rate_bps(1e-25, 1000.0, 1e-9) == pytest.approx(1000 * snr / math.log(2))


def test_nothing_is_sent_without_bandwidth_or_power() -> None:
    # The suite turns numpy's warnings into errors.
    b_hz, p_w = np.array([0.0, 1000.0, 0.0]), np.array([1.0, 0.0, 0.0])
    gain, rho = np.full(3, 1e-9), np.full(3, 0.03)
    np.testing.assert_array_equal(PAPER.snr(gain, b_hz, p_w), 0)
    np.testing.assert_array_equal(PAPER.rate_bps(gain, b_hz, p_w), 0)
    np.testing.assert_array_equal(PAPER.delay_s(rho, gain, b_hz, p_w), np.inf)
    energy_j = PAPER.transmit_energy_j(rho, gain, b_hz, p_w)
    np.testing.assert_array_equal(energy_j, [np.inf, 0, 0])


def test_batches_of_drops_broadcast() -> None:
    rng = np.random.default_rng(0)
    gain, b_hz, p_w, rho = rng.uniform(0.1, 1, (4, 2, 3, 5)) * np.array(
        [1e-9, 1e3, 1e-2, 0.1]
    ).reshape(4, 1, 1, 1)
    delay_s = PAPER.delay_s(rho, gain, b_hz, p_w)
    assert delay_s.shape == (2, 3, 5)
    one = PAPER.delay_s(rho[1, 2, 4], gain[1, 2, 4], b_hz[1, 2, 4], p_w[1, 2, 4])
    assert delay_s[1, 2, 4] == one


@pytest.mark.parametrize("shape", [(3, 0, 8), (3, 8), (200, 8, 8)])
def test_impossible_images_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"shape must be|raise it"):
        Budget(CELL, ComputeConfig(), shape)  # type: ignore[arg-type]


def test_a_scaling_below_two_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        PAPER.ftsc.rho_of_scaling(1)
