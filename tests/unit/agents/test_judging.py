"""Judging: the same slots for all, utilities as the problem has them, nobody above the bound."""

from pathlib import Path

import numpy as np
import pytest

from semsim.allocation.config import EqualConfig, ExactConfig, ProportionalFairConfig
from semsim_agents.clairvoyant import clairvoyant
from semsim_agents.judging import judge, methods_of, offered, play
from semsim_envs.cell import cell_of, read_scenario
from semsim_envs.static import Drops

SCENARIOS = Path(__file__).parents[3] / "scenarios"
STARVED = cell_of(read_scenario(SCENARIOS / "downlink5_power_starved.yaml"))
DYNAMIC = cell_of(read_scenario(SCENARIOS / "downlink_dynamic.yaml"))


def test_an_allocation_is_worth_what_the_problem_says() -> None:
    played = play(STARVED, ExactConfig(rates="grid"), 12, 4, seed=5, episode_slots=3)
    assert played.reward.shape == (3, 4)
    bound = clairvoyant(STARVED, 12, 4, 5, 3)
    # The exact allocator's utility is the proven optimum but for the codec's steps in rate.
    assert (played.of_cells <= bound + 1e-9).all()
    assert (played.of_cells > bound - 0.2).all()


def test_rates_are_those_that_codecs_offer() -> None:
    offers = STARVED.offers[0]
    asked = np.array([[offers[0] / 2, offers[0], offers[1] * 0.99, offers[1], 1.0]])
    sent = offered(STARVED, asked)
    assert sent[0].tolist() == [offers[0], offers[0], offers[0], offers[1], offers[-1]]


def test_all_face_the_same_slots_and_are_compared_in_pairs() -> None:
    methods = {"exact": ExactConfig(), "equal": EqualConfig(), "again": ExactConfig()}
    table = judge(STARVED, methods, 40, 10, seed=1, episode_slots=4).set_index("method")
    assert table.loc["again", "utility"] == table.loc["exact", "utility"]
    assert table.loc["again", "lead"] == 0
    lead, half = table.loc["equal", ["lead", "lead_half"]]
    assert lead == pytest.approx(table.loc["equal", "utility"] - table.loc["exact", "utility"])
    assert lead < -half < 0


def test_the_drops_are_new_in_every_episode() -> None:
    played = play(STARVED, EqualConfig(), 4, 2, seed=3, episode_slots=1)
    assert len(np.unique(played.reward)) == played.reward.size
    first = Drops(STARVED, 2, 3)
    assert first.gain.shape == (2, 5)


def test_nobody_beats_one_who_knows_the_future() -> None:
    bound = clairvoyant(DYNAMIC, 48, 4, seed=2, episode_slots=12)
    for rule in (EqualConfig(), ExactConfig(), ProportionalFairConfig(power_share=0.05)):
        own = play(DYNAMIC, rule, 48, 4, seed=2, episode_slots=12).of_cells
        assert (own <= bound).all()
    assert (own > 0.8 * bound).any()  # the thrifty rule comes near: the bound is no mere number


def test_methods_have_names_of_their_own() -> None:
    names = methods_of(STARVED, Path("a.safetensors"), (EqualConfig(), EqualConfig(rho=0.1)))
    assert list(names) == ["agent", "alternating", "equal", "random", "equal 4"]
