import numpy as np
import pytest

from semsim.engine.config import CellConfig
from semsim.engine.topology import draw_distances_m, path_gain, rician_gain


def test_path_gain_by_hand() -> None:
    cell = CellConfig(bandwidth_hz=1, power_w=1, reference_gain_db=-30, path_loss_exponent=2)
    assert path_gain(np.array([1.0, 10.0, 1000.0]), cell) == pytest.approx([1e-3, 1e-5, 1e-9])


@pytest.mark.parametrize("k", [0.0, 1.0, 10.0])
def test_rician_moments(k: float) -> None:
    count = 400_000
    gain = rician_gain((count,), k, np.random.default_rng(0))
    variance = (2 * k + 1) / (k + 1) ** 2
    # Mean within 5 standard errors; the variance's own error is below 1 % at this count.
    assert abs(gain.mean() - 1) < 5 * np.sqrt(variance / count)
    assert gain.var() == pytest.approx(variance, rel=0.02)


def test_distances_lie_in_the_range() -> None:
    distances = draw_distances_m(10_000, 5, 20, np.random.default_rng(0))
    assert distances.min() >= 5
    assert distances.max() <= 20
    # The mean of 10,000 uniform values: standard error 15/√12/100.
    assert abs(distances.mean() - 12.5) < 5 * 15 / np.sqrt(12) / 100
