"""QAM constellations and their demapper against first principles."""

from __future__ import annotations

import pytest
import torch

from semsim.channels.coding import Qam
from semsim.channels.sionna_rng import phy
from semsim.rng import Streams

ORDERS = [2, 4, 6, 8]


def all_points(order: int) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.arange(2**order).unsqueeze(1) >> torch.arange(order) & 1
    return labels.to(torch.uint8), Qam(order).map(labels.to(torch.uint8)).flatten()


@pytest.mark.parametrize("order", ORDERS)
def test_constellation_has_unit_power_and_no_mean(order: int) -> None:
    _, points = all_points(order)
    assert points.abs().square().mean().item() == pytest.approx(1, abs=1e-6)
    assert points.mean().abs().item() == pytest.approx(0, abs=1e-6)
    assert len(torch.unique(torch.view_as_real(points), dim=0)) == 2**order


@pytest.mark.parametrize("order", ORDERS)
def test_neighbours_differ_in_one_bit(order: int) -> None:
    labels, points = all_points(order)
    distance = (points.unsqueeze(0) - points.unsqueeze(1)).abs()
    least = distance[distance > 0].min()
    neighbours = (distance > 0) & (distance < 1.01 * least)
    differing = (labels.unsqueeze(0) != labels.unsqueeze(1)).sum(dim=-1)
    assert (differing[neighbours] == 1).all()


@pytest.mark.parametrize("order", ORDERS)
def test_llr_is_that_of_the_whole_constellation(order: int) -> None:
    qam = Qam(order)
    generator = Streams(6).torch("qam")
    bits = torch.randint(0, 2, (3, 20 * order), dtype=torch.uint8, generator=generator)
    variance = 0.02 + torch.rand(3, 20, generator=generator)
    y = qam.map(bits)
    y = y + variance.sqrt() * torch.randn(3, 20, dtype=torch.complex64, generator=generator)
    whole = phy.mapping.Demapper("app", "qam", order, device="cpu")
    torch.testing.assert_close(qam.llr(y, variance), whole(y, variance), rtol=1e-4, atol=1e-4)
