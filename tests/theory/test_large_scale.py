"""Path loss, line of sight and shadowing against the formulas of 3GPP TR 38.901, V19.

The formulas stand here as the tables print them: distances in metres, carriers in GHz.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from semsim.channels.large_scale import LargeScale, Surroundings

DROPS = 4000
BS_HEIGHT_M = {"umi": 10.0, "uma": 25.0, "rma": 35.0}
#: Below and above the break points (210 m, 560 m and 3848 m at 3.5 GHz).
DISTANCES_M = {
    "umi": (20.0, 150.0, 400.0, 2000.0),
    "uma": (35.0, 300.0, 800.0, 4000.0),
    "rma": (40.0, 500.0, 3000.0, 4500.0),
}
MODELS = ("umi", "uma", "rma")


def draw(
    model: str,
    distance_m: tuple[float, ...],
    drops: int = DROPS,
    bearing_rad: tuple[float, ...] | None = None,
    carrier_ghz: float = 3.5,
    user_height_m: float = 1.5,
    **options: Any,
) -> LargeScale:
    """``[drops, N]``; the users of a drop stand apart unless bearings are given."""
    users = len(distance_m)
    around = np.arange(users) * 2 * math.pi / users if bearing_rad is None else bearing_rad
    surroundings = Surroundings(
        model=model,  # type: ignore[arg-type]
        carrier_hz=carrier_ghz * 1e9,
        bs_height_m=BS_HEIGHT_M[model],
        user_height_m=user_height_m,
        **options,
    )
    return surroundings.draw(
        np.tile(distance_m, (drops, 1)),
        np.tile(around, (drops, 1)),
        torch.Generator().manual_seed(11),
    )


def path_loss_db(model: str, d2: float, f: float, user: float, sight: bool) -> float:
    """Table 7.4.1-1."""
    bs = BS_HEIGHT_M[model]
    d3 = math.hypot(d2, bs - user)
    log = math.log10
    if model == "umi":
        near = 32.4 + 21 * log(d3) + 20 * log(f)
        edge = 4 * (bs - 1) * (user - 1) * f * 1e9 / 3e8
        far = 32.4 + 40 * log(d3) + 20 * log(f) - 9.5 * log(edge**2 + (bs - user) ** 2)
        shaded = 35.3 * log(d3) + 22.4 + 21.3 * log(f) - 0.3 * (user - 1.5)
    elif model == "uma":
        near = 28.0 + 22 * log(d3) + 20 * log(f)
        edge = 4 * (bs - 1) * (user - 1) * f * 1e9 / 3e8
        far = 28.0 + 40 * log(d3) + 20 * log(f) - 9 * log(edge**2 + (bs - user) ** 2)
        shaded = 13.54 + 39.08 * log(d3) + 20 * log(f) - 0.6 * (user - 1.5)
    else:
        h, w = 5.0, 20.0
        edge = 2 * math.pi * bs * user * f * 1e9 / 3e8

        def first(d: float) -> float:
            return (
                20 * log(40 * math.pi * d * f / 3)
                + min(0.03 * h**1.72, 10) * log(d)
                - min(0.044 * h**1.72, 14.77)
                + 0.002 * log(h) * d
            )

        near, far = first(d3), first(edge) + 40 * log(d3 / edge)
        shaded = (
            161.04
            - 7.1 * log(w)
            + 7.5 * log(h)
            - (24.37 - 3.7 * (h / bs) ** 2) * log(bs)
            + (43.42 - 3.1 * log(bs)) * (log(d3) - 3)
            + 20 * log(f)
            - (3.2 * log(11.75 * user) ** 2 - 4.97)
        )
    in_sight = near if d2 <= edge else far
    return in_sight if sight else max(in_sight, shaded)


def shadowing_std_db(model: str, d2: float, f: float, user: float, sight: bool) -> float:
    """Table 7.4.1-1."""
    if model == "rma":
        edge = 2 * math.pi * BS_HEIGHT_M[model] * user * f * 1e9 / 3e8
        return (4.0 if d2 <= edge else 6.0) if sight else 8.0
    return 4.0 if sight else {"umi": 7.82, "uma": 6.0}[model]


def sight_probability(model: str, d2: float, user: float) -> float:
    """Table 7.4.2-1."""
    if model == "rma":
        return 1.0 if d2 <= 10 else math.exp(-(d2 - 10) / 1000)
    if d2 <= 18:
        return 1.0
    if model == "umi":
        return 18 / d2 + math.exp(-d2 / 36) * (1 - 18 / d2)
    high = 0.0 if user <= 13 else ((user - 13) / 10) ** 1.5
    lifted = 1 + high * 5 / 4 * (d2 / 100) ** 3 * math.exp(-d2 / 150)
    return (18 / d2 + math.exp(-d2 / 63) * (1 - 18 / d2)) * lifted


@pytest.mark.parametrize("sight", [True, False])
@pytest.mark.parametrize("carrier_ghz", [0.9, 3.5, 28.0])
@pytest.mark.parametrize("model", MODELS)
def test_path_loss_without_shadowing(model: str, carrier_ghz: float, sight: bool) -> None:
    distances = DISTANCES_M[model]
    found = draw(
        model,
        distances,
        drops=1,
        carrier_ghz=carrier_ghz,
        shadowing=False,
        line_of_sight="always" if sight else "never",
    )
    expected = [path_loss_db(model, d, carrier_ghz, 1.5, sight) for d in distances]
    # The standard rounds the speed of light to 3e8 m/s: up to 0.02 dB beyond the break point.
    assert found.path_loss_db[0] == pytest.approx(expected, abs=0.02)
    assert not found.shadowing_db.any()
    assert (found.line_of_sight == sight).all()


@pytest.mark.parametrize("sight", [True, False])
@pytest.mark.parametrize("model", MODELS)
def test_moments_of_the_gain(model: str, sight: bool) -> None:
    distances = DISTANCES_M[model]
    found = draw(model, distances, line_of_sight="always" if sight else "never")
    gain_db = 10 * np.log10(found.gain)
    for user, d in enumerate(distances):
        std = shadowing_std_db(model, d, 3.5, 1.5, sight)
        mean = -path_loss_db(model, d, 3.5, 1.5, sight)
        # 5 standard errors: of the mean σ/√n, of the deviation σ/√(2n).
        assert abs(gain_db[:, user].mean() - mean) < 5 * std / math.sqrt(DROPS) + 0.02
        assert abs(gain_db[:, user].std() - std) < 5 * std / math.sqrt(2 * DROPS)


@pytest.mark.parametrize(
    ("model", "user_height_m"), [("umi", 1.5), ("uma", 1.5), ("uma", 20.0), ("rma", 1.5)]
)
def test_line_of_sight_probability(model: str, user_height_m: float) -> None:
    distances = (40.0, 80.0, 200.0, 600.0, 2500.0)
    found = draw(model, distances, user_height_m=user_height_m)
    for user, d in enumerate(distances):
        p = sight_probability(model, d, user_height_m)
        share = found.line_of_sight[:, user].mean()
        # 5 standard errors of a binomial share.
        assert abs(share - p) < 5 * math.sqrt(p * (1 - p) / DROPS), f"{d} m: {share}, not {p}"


@pytest.mark.parametrize(
    ("model", "sight", "reach_m"),
    [("umi", True, 10), ("umi", False, 13), ("uma", True, 37), ("rma", False, 120)],
)
def test_neighbours_are_shadowed_alike(model: str, sight: bool, reach_m: float) -> None:
    # Two users 12 m apart on a ring of 100 m. Correlation distances of table 7.5-6.
    bearings = (0.0, 2 * math.asin(12 / 200))
    found = draw(
        model,
        (100.0, 100.0),
        bearing_rad=bearings,
        line_of_sight="always" if sight else "never",
    )
    rho = math.exp(-12 / reach_m)
    measured = np.corrcoef(found.shadowing_db.T)[0, 1]
    # Standard error of a correlation of Gaussian pairs: (1 - ρ²)/√n.
    assert abs(measured - rho) < 5 * (1 - rho**2) / math.sqrt(DROPS)


def test_walls() -> None:
    found = draw("umi", (100.0, 100.0), indoor_share=0.4, line_of_sight="always")
    inside = found.indoor
    count = inside.sum()
    # Binomial: 5 standard errors.
    assert abs(inside.mean() - 0.4) < 5 * math.sqrt(0.24 / inside.size)
    assert (found.line_of_sight == ~inside).all()
    # Below 6 GHz, table 7.4.3-3: 20 dB of wall and 0.5 dB a metre, 0 to 25 m inside. The mean has
    # the standard error of a uniform law of width 12.5.
    extra_db = found.path_loss_db[inside] - path_loss_db("umi", 100.0, 3.5, 1.5, True)
    assert abs(extra_db.mean() - 26.25) < 5 * 12.5 / math.sqrt(12 * count)
    assert extra_db.min() >= 19.99
    assert extra_db.max() <= 32.51
    # Shadowing indoors: 7 dB, table 7.5-6.
    assert abs(found.shadowing_db[inside].std() - 7) < 5 * 7 / math.sqrt(2 * count)


@pytest.mark.parametrize("walls", ["low", "high"])
def test_walls_above_6_ghz(walls: str) -> None:
    found = draw(
        "uma", (300.0,), carrier_ghz=28.0, indoor_share=1.0, walls=walls, line_of_sight="never"
    )
    glass, concrete = 2 + 0.2 * 28, 5 + 4 * 28
    coated = 25.4 + 0.11 * 28
    # Tables 7.4.3-1 and -2; inside 0.5 dB a metre of the smaller of two distances of 0 to 25 m.
    if walls == "low":
        through, spread = (
            -10 * math.log10(0.3 * 10 ** (-glass / 10) + 0.7 * 10 ** (-concrete / 10)),
            4.4,
        )
    else:
        through, spread = (
            -10 * math.log10(0.7 * 10 ** (-coated / 10) + 0.3 * 10 ** (-concrete / 10)),
            6.5,
        )
    expected = path_loss_db("uma", 300.0, 28.0, 1.5, False) + 5 + through + 0.5 * 25 / 3
    std = math.hypot(spread, 0.5 * 25 / math.sqrt(18))
    assert abs(found.path_loss_db.mean() - expected) < 5 * std / math.sqrt(DROPS)


def test_nothing_else_is_drawn_from() -> None:
    before = torch.random.get_rng_state()
    one, two = draw("umi", (100.0,), drops=3), draw("umi", (100.0,), drops=3)
    assert np.array_equal(one.gain, two.gain)
    assert torch.equal(before, torch.random.get_rng_state())
