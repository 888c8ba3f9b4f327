import numpy as np

from semsim.engine.topology import draw_places


def test_users_stand_in_the_range_and_all_around() -> None:
    places = draw_places(10_000, 5, 20, np.random.default_rng(0))
    assert places.distance_m.min() >= 5
    assert places.distance_m.max() <= 20
    # The mean of 10,000 uniform values: standard error of the range over √12, over 100.
    assert abs(places.distance_m.mean() - 12.5) < 5 * 15 / np.sqrt(12) / 100
    # The mean of 10,000 unit vectors has length 0 but for 1/100.
    assert abs(np.exp(1j * places.bearing_rad).mean()) < 5 / 100
