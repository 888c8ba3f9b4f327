"""Intervals against scipy's."""

import pytest
from scipy.stats import binomtest

from semsim.statistics import share_interval


@pytest.mark.parametrize(("events", "count"), [(0, 7), (3, 10), (10, 10), (6, 6), (640, 1000)])
def test_the_interval_of_a_share_is_wilsons(events: int, count: int) -> None:
    expected = binomtest(events, count).proportion_ci(method="wilson")
    low, high = share_interval(events / count, count)
    assert low <= events / count <= high
    assert share_interval(events / count, count) == pytest.approx(tuple(expected), abs=1e-12)
