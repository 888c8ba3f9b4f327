"""Movement against its known laws: where users are, how fast, and for how long they remember."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from semsim.engine.dynamics.config import GaussMarkovMobility, RandomWaypoint
from semsim.engine.dynamics.mobility import reflect, start_walk
from semsim.types import Array

USERS = 4000


def walked(config: Any, steps: int, slot_s: float, seed: int = 0) -> tuple[Array, Array]:
    """Distances ``[USERS]`` after ``steps`` slots, and the ways ``[steps, USERS]``."""
    rng = np.random.default_rng(seed)
    walk = start_walk(config, np.zeros((USERS, 2)), rng)
    ways = []
    for _ in range(steps):
        step = walk.step(slot_s, rng)
        ways.append(step.way_m)
    return np.linalg.norm(step.place_m, axis=-1), np.array(ways)


def waypoint_density(r: float) -> float:
    """Density of a place at distance r in the unit disc (Hyytiä, Lassila and Virtamo, 2006)."""
    arc, _ = quad(lambda angle: math.sqrt(1 - (r * math.cos(angle)) ** 2), 0, math.pi)
    return 45 * (1 - r * r) / (64 * math.pi) * arc


def test_random_waypoint_is_found_where_its_law_says() -> None:
    config = RandomWaypoint(radius_m=100, speed_m_per_s=(10, 10))
    # Twenty legs of 90.5 m on average: nothing is left of the start.
    distance_m, ways = walked(config, 18, 10.0)
    radial = [
        quad(lambda r: 2 * math.pi * r * waypoint_density(r), 0, edge)[0]
        for edge in (0.25, 0.5, 0.75, 1.0)
    ]
    assert radial[-1] == pytest.approx(1, abs=1e-6)
    shares = np.histogram(distance_m, [0, 25, 50, 75, 100])[0] / USERS
    expected = np.diff([0, *radial])
    # Four standard deviations of a share of independent users.
    assert shares == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(USERS))
    assert shares[0] > 0.25**2 + 0.02, "not uniform: denser in the middle"
    assert distance_m.max() <= 100
    assert ways == pytest.approx(100), "10 m/s for 10 s, turns or not"


def test_pauses_and_speeds_set_the_mean_way() -> None:
    pause_s, speeds = 20.0, (2.0, 8.0)
    config = RandomWaypoint(radius_m=100, speed_m_per_s=speeds, pause_s=pause_s)
    _, ways = walked(config, 60, 20.0)
    leg_m = 128 * 100 / (45 * math.pi)  # mean length of a leg in a disc
    leg_s = leg_m * math.log(speeds[1] / speeds[0]) / (speeds[1] - speeds[0])
    long_run = leg_m / (leg_s + pause_s)
    measured = ways[20:].mean() / 20.0
    # 4000 users, about 14 legs each in the time looked at: some 0.3 % of a standard deviation;
    # the mean leg spreads by half of its length.
    assert measured == pytest.approx(long_run, rel=0.015)


def test_the_length_of_a_slot_does_not_change_the_law() -> None:
    config = RandomWaypoint(radius_m=50, speed_m_per_s=(1, 3), pause_s=5)
    fine, _ = walked(config, 1000, 0.5)
    coarse, _ = walked(config, 5, 100.0, seed=1)
    spread = math.hypot(fine.std(), coarse.std()) / math.sqrt(USERS)
    assert fine.mean() == pytest.approx(coarse.mean(), abs=4 * spread)


@pytest.mark.parametrize("memory", [0.0, 0.7, 0.95])
def test_gauss_markov_velocities_forget_as_alpha_to_the_k(memory: float) -> None:
    # A disc so large that nobody meets its edge.
    config = GaussMarkovMobility(radius_m=1e9, mean_speed_m_per_s=3, memory=memory)
    rng = np.random.default_rng(2)
    walk = start_walk(config, np.zeros((20_000, 2)), rng)
    velocities = []
    for _ in range(8):
        velocities.append(walk.velocity_m_per_s)  # type: ignore[attr-defined]
        walk.step(1.0, rng)
    first = velocities[0]
    variance = (3 * math.sqrt(2 / math.pi)) ** 2
    for k, later in enumerate(velocities):
        # 40,000 independent products: 4/√40000 = 0.02 of the variance, √2 of it at lag 0.
        assert (first * later).mean() / variance == pytest.approx(memory**k, abs=0.03), k
    assert np.linalg.norm(velocities[-1], axis=-1).mean() == pytest.approx(3, rel=0.02)


def test_reflected_users_are_everywhere_alike() -> None:
    config = GaussMarkovMobility(radius_m=100, mean_speed_m_per_s=5, memory=0.9)
    distance_m, _ = walked(config, 600, 1.0)
    assert distance_m.max() <= 100
    # Uniform in a disc: (r/R)² is uniform. Kolmogorov-Smirnov at a level of 1e-4: 2.2/√n.
    law = np.sort((distance_m / 100) ** 2)
    assert np.abs(law - np.arange(USERS) / USERS).max() < 2.2 / math.sqrt(USERS)


def test_reflection_by_hand() -> None:
    place = np.array([[0.0, 12.0], [0.0, 31.0], [3.0, 4.0], [25.0, 0.0]])
    velocity = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [7.0, 1.0]])
    moved, turned = reflect(place, velocity, 10.0)
    # 31 m: reflected at 10, and again at -10, to -9; that is twice, so it moves on as before.
    assert moved == pytest.approx(np.array([[0, 8], [0, -9], [3, 4], [-5, 0]]))
    assert turned == pytest.approx(np.array([[1, -2], [1, 2], [1, 2], [-7, 1]]))


def test_nobody_starts_beyond_the_disc() -> None:
    config = RandomWaypoint(radius_m=10)
    with pytest.raises(ValueError, match=r"stands 50.0 m .*radius_m \(10\)"):
        start_walk(config, np.array([[30.0, 40.0]]), np.random.default_rng())
