import pickle
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match

from semsim.channels.config import AwgnConfig
from semsim.codecs.linear.config import LinearConfig
from semsim.engine.config import FeedbackConfig, IndependentFading
from semsim.errors import ScenarioError
from semsim.link.adaptation import payload_error_rate, thresholds
from semsim.link.air import Air, PowerRule
from semsim.link.modem import DigitalModem
from semsim.scenario import DownlinkScenario
from semsim.simulation import DownlinkRun
from semsim.types import Allocation, Csi
from semsim.units import db_to_linear
from semsim_envs import LinkAdaptationEnv, LinkAdaptationVectorEnv, ModemRule
from semsim_envs.link.cell import LinkCell, link_of

#: What white noise leaves of the cell: the gain is known, and the same in every slot.
STEADY = IndependentFading(rician_k=1e12)


@pytest.fixture(name="found")
def _found(scenario: Any) -> DownlinkScenario:
    """The shipped scenario with small images, whose quality nobody has calibrated."""
    shipped: DownlinkScenario = scenario("link_adaptation")
    return shipped.model_copy(
        update={
            "source": shipped.source.model_copy(update={"size": 64}),
            "utility": shipped.utility.model_copy(update={"quality_curve": "paper"}),
        }
    )


def steady(found: DownlinkScenario, retransmissions: int = 0) -> DownlinkScenario:
    modem = found.modem.model_copy(update={"retransmissions": retransmissions})
    cell = found.cell.model_copy(update={"fading": STEADY, "power_w": 10.0})
    return found.model_copy(update={"modem": modem, "cell": cell, "feedback": FeedbackConfig()})


def failing(link: LinkCell, rate: int, mcs: int, share: float) -> float:
    """The SNR at which ``share`` of the images is lost in one transmission."""
    snr = db_to_linear(np.arange(-10, 30, 0.01))
    same = np.full(snr.shape, rate), np.full(snr.shape, mcs)
    return float(snr[np.argmin(np.abs(link.loss(*same, snr)[0] - share))])


@pytest.mark.parametrize("actions", ["continuous", "discrete"])
def test_checkers_find_nothing_wrong(found: DownlinkScenario, actions: Any) -> None:
    env = gymnasium.make(
        "semsim/LinkAdaptation-v0", scenario=found, actions=actions, episode_slots=8
    )
    check_env(env.unwrapped)
    env.close()
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(LinkAdaptationEnv(found, actions=actions, episode_slots=4))


def test_two_with_one_seed_agree_to_the_bit_and_copies_go_on(found: DownlinkScenario) -> None:
    one, other = (LinkAdaptationEnv(found, episode_slots=5) for _ in range(2))
    check_environments_match(one, other, num_steps=12, seed=3, info_comparison="equivalence")
    for quality in ("fitted", "measured"):
        env = LinkAdaptationEnv(found, quality, episode_slots=20)  # type: ignore[arg-type]
        env.reset(seed=1)
        env.step(np.zeros(3))
        copy = pickle.loads(pickle.dumps(env))  # noqa: S301
        for action in ([1, 1, 0.2], [0, 0, 0], [-1, 1, 1]):
            ours, theirs = env.step(np.array(action)), copy.step(np.array(action))
            assert np.array_equal(ours[0], theirs[0])
            assert ours[1:] == theirs[1:]


def test_one_link_of_many_is_the_single_environment(found: DownlinkScenario) -> None:
    single = LinkAdaptationEnv(found, episode_slots=4)
    many = gymnasium.make_vec(
        "semsim/LinkAdaptation-v0",
        num_envs=1,
        vectorization_mode="vector_entry_point",
        scenario=found,
        episode_slots=4,
    )
    assert isinstance(many.unwrapped, LinkAdaptationVectorEnv)
    single.action_space.seed(0)
    assert np.array_equal(single.reset(seed=2)[0], many.reset(seed=2)[0][0])
    for _ in range(10):
        action = single.action_space.sample()
        alone, reward, _, over, info = single.step(action)
        together, rewards, _, overs, infos = many.step(action[None])
        assert np.array_equal(alone, together[0])
        assert (reward, over) == (rewards[0], overs[0])
        assert info == {name: values[0] for name, values in infos.items()}
        if over:
            assert np.array_equal(single.reset()[0], many.step(action[None])[0][0])


@pytest.mark.parametrize("mcs", [3, 9, 16, 24])
def test_on_white_noise_as_many_arrive_as_the_curve_says(found: DownlinkScenario, mcs: int) -> None:
    count, power_range_db = 4000, 60.0
    env = LinkAdaptationVectorEnv(count, steady(found), power_range_db=power_range_db)
    env.reset(seed=0)
    budget, link = env.link.cell.problem.budget, env.link
    full = float(budget.snr(env._links.observe().gain[0], budget.cell.bandwidth_hz, 10.0)[0])
    snr = failing(link, 2, mcs, 0.3)
    action = env.coding.encode(2, 10.0 * snr / full, mcs)
    info = env.step(np.tile(action, (count, 1)))[4]
    assert info["snr_db"] == pytest.approx(10 * np.log10(snr), abs=1e-3)
    scheme = link.schemes[mcs]
    segments = (
        DigitalModem(found.modem)
        .plan(link.rates[2].payload, Csi(torch.ones(1)), mcs=mcs)[0][0]
        .segments
    )
    expected = payload_error_rate(scheme, segments, snr, Csi(torch.ones(1)))
    assert 0.2 < expected < 0.4
    share = 1 - info["delivered"].mean()
    assert share == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / count))
    lost = ~info["delivered"]
    assert info["psnr_db"][lost] == pytest.approx(link.lost_psnr_db[2, mcs])
    assert 5 < link.lost_psnr_db[2, mcs] < 16, "of grey"


def test_further_transmissions_help_as_the_modem_has_it(found: DownlinkScenario) -> None:
    config = steady(found, retransmissions=2).modem
    link, count = link_of(steady(found, retransmissions=2)), 800
    generator = torch.Generator().manual_seed(0)
    for mcs, share in ((6, 0.95), (14, 0.6)):
        snr = failing(link, 0, mcs, share)
        for attempts in (1, 2, 3):
            few = config.model_copy(update={"retransmissions": attempts - 1})
            modem = DigitalModem(few, generator=generator)
            bits = torch.zeros(count, link.rates[0].payload, dtype=torch.uint8)
            csi = Csi(torch.full((count,), snr))
            channel = AwgnConfig().build(generator=generator)
            failed = modem.transmit(bits, csi, Air(channel, csi.snr, PowerRule()), mcs=mcs).failed
            assert failed is not None
            seen = float(failed.float().mean())
            rate = link.loss(np.array(0), np.array(mcs), np.array(snr))[attempts - 1]
            spread = np.sqrt(rate * (1 - rate) / count)
            assert seen == pytest.approx(rate, abs=4 * spread + 1 / count), (mcs, attempts)


def test_the_modem_s_rule_is_thresholds_over_what_it_was_told(found: DownlinkScenario) -> None:
    """With prompt and true reports it keeps the target, at the fastest scheme that does."""
    modem = found.modem.model_copy(update={"retransmissions": 0})
    prompt = found.model_copy(update={"feedback": FeedbackConfig(), "modem": modem})
    for kind in ("continuous", "discrete"):
        env = LinkAdaptationEnv(prompt, actions=kind, episode_slots=1000)  # type: ignore[arg-type]
        rule, link = ModemRule(env), env.link
        bits = link.rates[-1].payload
        levels = thresholds(modem, [bits], None)
        env.reset(seed=0)
        arrived = []
        for _ in range(150):
            info = env.step(rule())[4]
            reached = [rate for snr, rate in levels if snr <= db_to_linear(info["snr_db"])]
            if not reached:
                continue  # no scheme keeps the target
            arrived.append(info["delivered"])
            assert bits / link.uses[-1, info["mcs"]] == pytest.approx(reached[-1])
        # Most images fail less often than the target: they are sent 0.3 dB or more above it.
        assert np.mean(arrived) > 1 - modem.target_bler
        assert len(arrived) > 120


def test_fitted_and_engine_face_the_same_slots(found: DownlinkScenario) -> None:
    env, engine = LinkAdaptationEnv(found, episode_slots=99), DownlinkRun(found).engine()
    env.reset(seed=found.seed)
    env.action_space.seed(1)
    same = 0
    for _ in range(25):
        assert np.array_equal(env.state().gain, engine.observe().gain)
        info = env.step(env.action_space.sample())[4]
        one = {name: np.array([info[name]]) for name in ("rho", "p_w", "mcs")}
        b_hz = np.array([found.cell.bandwidth_hz])
        columns = engine.step(Allocation(one["rho"], b_hz, one["p_w"], mcs=one["mcs"])).columns
        assert info["snr_db"] == pytest.approx(columns["snr_db"][0])
        arrived = columns["block_error_rate"][0] == 0
        attempts = (
            columns["channel_uses"][0] / env.link.uses[env.link.rate_of(one["rho"]), one["mcs"]]
        )
        if (info["delivered"], info["attempts"]) == (arrived, attempts[0]):
            same += 1
            assert info["delay_s"] == pytest.approx(columns["delay_s"][0], rel=1e-9)
            assert info["energy_j"] == pytest.approx(columns["energy_j"][0], rel=1e-9)
    assert same > 12, "luck apart"


def test_measured_rewards_are_those_of_the_images(found: DownlinkScenario) -> None:
    env = LinkAdaptationEnv(found, "measured", render_mode="rgb_array", episode_slots=9)
    with pytest.raises(RuntimeError, match="reset"):
        env.render()
    env.reset(seed=0)
    before = env.render()
    sure, hopeless = env.coding.encode(3, 0.1, 0), env.coding.encode(3, 0.001, 27)
    for action, arrives in ((sure, True), (hopeless, False)):
        seen, reward, _, _, info = env.step(action)
        assert info["delivered"] == arrives
        assert seen[2] == (1 if arrives else -1)
        assert seen[3] == info["attempts"] / 2 == (0.5 if arrives else 1)
        assert seen[1] == pytest.approx(info["psnr_db"] / 50)
        assert (info["psnr_db"] > 20) == arrives
        assert reward == pytest.approx(info["quality"] - info["delay"] - info["energy"])
        assert info["quality"] == pytest.approx(0.33 * info["psnr_db"])
    after = env.render()
    assert after.shape == (500, 900, 3)
    assert not np.array_equal(before, after)
    fitted = LinkAdaptationEnv(found, render_mode="rgb_array")
    fitted.reset(seed=0)
    fitted.step(sure)
    assert fitted.render().shape == (500, 900, 3)


def test_every_rate_power_and_scheme_can_be_asked_for(found: DownlinkScenario) -> None:
    for kind in ("continuous", "discrete"):
        env = LinkAdaptationEnv(found, actions=kind, power_range_db=30)  # type: ignore[arg-type]
        for mcs in range(28):
            rate = mcs % 4
            sent = env.coding.decode(env.coding.encode(rate, 0.1, mcs))
            assert sent.mcs is not None
            assert (sent.mcs[0, 0], sent.rho[0, 0]) == (mcs, env.link.rho[rate])
        least = env.coding.decode(env.coding.encode(0, 1e-9, 0))
        assert least.p_w[0, 0] == pytest.approx(1e-4), "30 dB below 0.1 W"
        with pytest.raises(ValueError, match="no MCS 28: 0 to 27"):
            env.coding.encode(0, 0.1, 28)
        with pytest.raises(ValueError, match="power_w: must be above 0"):
            env.coding.encode(0, 0.0, 0)
    with pytest.raises(ValueError, match=r"entry 2 \(MCS\) is 28; .* from 0 to 27"):
        env.coding.decode(np.array([0, 0, 28]))


def test_what_does_not_fit_is_refused(found: DownlinkScenario, scenario: Any) -> None:
    root = Path(__file__).parents[3] / "scenarios"
    for name, message in (
        ("downlink5", "there are 5 users; leave one"),
        ("link_awgn", "task: downlink"),
    ):
        with pytest.raises(ScenarioError, match=message):
            LinkAdaptationEnv(root / f"{name}.yaml")
    dynamics = scenario("downlink_dynamic").dynamics
    shannon = found.cell.model_copy(update={"rate": "shannon"})
    bare = found.modem.model_copy(update={"coding": "none"})
    for change, message in (
        ({"dynamics": dynamics}, "knows no 'dynamics'"),
        ({"cell": shannon}, "set 'cell.rate' to mcs"),
        ({"modem": bare}, "set 'modem.coding' to ldpc"),
    ):
        with pytest.raises(ScenarioError, match=message):
            LinkAdaptationEnv(found.model_copy(update=change))
    symbols = found.model_copy(update={"codec": LinearConfig()})
    with pytest.raises(ScenarioError, match="'linear' sends symbols"):
        LinkAdaptationEnv(symbols)
    with pytest.raises(ValueError, match="snr_range_db: must be"):
        LinkAdaptationEnv(found, snr_range_db=(3.0, 1.0))
    with pytest.raises(ScenarioError, match="quality='fitted' only"):
        LinkAdaptationVectorEnv(2, found, "measured")
    with pytest.raises(TypeError, match="semsim/LinkAdaptation-v0"):
        ModemRule(gymnasium.make("CartPole-v1"))
