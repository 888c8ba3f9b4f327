"""Users that tune their decoders between slots, and what the budget pays for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from semsim import load_channel, load_source
from semsim.adaptation.adaptive import AdaptiveFtsc
from semsim.codecs.ftsc.codec import Ftsc, save
from semsim.codecs.ftsc.config import FtscConfig, VqVae2Config
from semsim.codecs.ftsc.networks import build
from semsim.codecs.ftsc.tuning.receiver import Receiver
from semsim.engine.budget import Budget
from semsim.engine.config import AdaptConfig, CellConfig, ComputeConfig
from semsim.engine.downlink import Downlink, SlotRecord
from semsim.engine.topology import Places
from semsim.engine.traffic import UserSources
from semsim.errors import SemsimError
from semsim.link.config import ModemConfig
from semsim.link.link import Link
from semsim.link.modem import DigitalModem
from semsim.types import Allocation, Csi, Source

_B_HZ, _P_W = 1e4, 0.5
_MODEM = ModemConfig()
_SIZES = {"filters": 8, "residual_blocks": 1, "residual_filters": 4, "entries": 16, "dim": 6}


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Ftsc:
    torch.manual_seed(0)
    network = build(VqVae2Config(bottom=2, top=2, **_SIZES))
    with torch.no_grad():
        for quantizer in network.quantizers:
            quantizer.codebook.normal_()
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(network, Path(path))
    config = FtscConfig.model_validate(
        {"scalings": ["[2,2]"], "weights": {"[2,2]": {"path": str(path)}}}
    )
    built: Ftsc = config.build()
    return built


def engine(
    codec: Ftsc, distance_m: float = 50.0, modem: ModemConfig = _MODEM, **adapt: Any
) -> tuple[Downlink, AdaptiveFtsc]:
    """Two users; the second tunes."""
    config = AdaptConfig.model_validate({"steps": 3, "batch": 4, "every_slots": 2} | adapt)
    own = AdaptiveFtsc(codec, config, config.remembered)

    def links(generator: torch.Generator) -> list[Link]:
        shared = DigitalModem(modem, "cpu", generator)
        channel = load_channel("awgn")
        return [Link(codec, channel, shared), Link(own, channel, shared)]

    photos = load_source({"kind": "photos", "size": 32, "crop": "random", "least": 0.3})
    scenes = load_source({"kind": "scenes", "size": 32})
    made = Downlink(
        users=lambda rng: Places(np.full(2, distance_m), np.zeros(2)),
        links=links,
        source=UserSources([photos, scenes]),
        budget=Budget(CellConfig(bandwidth_hz=2 * _B_HZ, power_w=1), ComputeConfig(), (3, 32, 32)),
        adapt=config,
    )
    return made, own


def run(made: Downlink, slots: int) -> list[SlotRecord]:
    both = Allocation(rho=np.full(2, 0.2), b_hz=np.full(2, _B_HZ), p_w=np.full(2, _P_W))
    return [made.step(both) for _ in range(slots)]


def test_lsdft_tunes_on_the_latents_of_the_slots(codec: Ftsc) -> None:
    made, own = engine(codec)
    deployed = own.network("[2,2]")
    first, second, third = run(made, 3)
    assert [r.columns["tuning_steps"][1] for r in (first, second, third)] == [0, 3, 0]
    told = [r.columns["tuning_images"] for r in (first, second, third)]
    assert np.isnan([told[0], told[2]]).all()
    assert np.isnan(told[1][0]), "the first user does not tune"
    assert told[1][1] == 2
    assert own.remembered == {"[2,2]": 3}
    assert own.network("[2,2]") is not deployed
    assert codec.network("[2,2]") is deployed, "the other user's decoder stays"
    assert second.columns["tuning_steps"][0] == 0
    # L_q of each image: 32 bits as QPSK of rate 1/2.
    assert first.columns["tuning_air_s"] == [0.0, 32 / _B_HZ]
    assert first.columns["tuning_energy_j"][1] == pytest.approx(_P_W * 32 / _B_HZ)


def test_what_is_tuned_is_used_from_the_next_slot_on(codec: Ftsc) -> None:
    tuned, own = engine(codec, learning_rate=0.05)
    untouched, _ = engine(codec, every_slots=100)
    ours, theirs = run(tuned, 3), run(untouched, 3)
    for slot, same in ((0, True), (1, True), (2, False)):
        assert torch.equal(ours[slot].received[1], theirs[slot].received[1]) is same
        assert torch.equal(ours[slot].received[0], theirs[slot].received[0])
    assert own.remembered["[2,2]"] == 3


def test_the_decoder_deployed_is_the_one_to_compare_with(codec: Ftsc) -> None:
    made, _ = engine(codec, learning_rate=0.05)
    records = run(made, 3)
    for record in records[:2]:
        assert record.columns["psnr_deployed_db"] == pytest.approx(record.columns["psnr_db"])
    before, after = records[2].columns["psnr_deployed_db"], records[2].columns["psnr_db"]
    assert before[0] == pytest.approx(after[0])
    assert before[1] != pytest.approx(after[1], abs=1e-3)


def test_the_latents_that_are_kept_are_the_latest(codec: Ftsc) -> None:
    made, own = engine(codec, remembered=2)
    run(made, 3)
    assert own.remembered == {"[2,2]": 2}


def test_dft_pays_for_its_originals(codec: Ftsc) -> None:
    made, own = engine(codec, mode="dft", originals=2, flops_per_s=1e9, power_w=3.0)
    first, second = run(made, 2)
    assert first.columns["tuning_energy_j"] == [0.0, 0.0]
    assert second.columns["tuning_steps"] == [0, 3]
    assert second.columns["tuning_images"][1] == 2
    air_s = second.columns["tuning_air_s"][1]
    # Two PNGs of 32×32 pixels, at one bit a channel use: some kilobits each, 24 kbit at most raw.
    assert 2 * 2e3 / _B_HZ < air_s < 2 * 28e3 / _B_HZ
    (rate,) = codec.rates((3, 32, 32))
    flops = 3 * 2 * (3 * rate.flops_decode + rate.flops_encode)
    assert second.columns["tuning_compute_s"][1] == pytest.approx(flops / 1e9)
    assert second.columns["tuning_energy_j"][1] == pytest.approx(_P_W * air_s + 3.0 * flops / 1e9)
    assert own.remembered == {}, "entries have moved; older latents mean other things"


def test_the_slot_is_charged_for_the_fine_tuning_in_it(codec: Ftsc) -> None:
    made, _ = engine(codec, mode="dft", originals=2)
    without, _ = engine(codec, mode="dft", originals=2, every_slots=100)
    ours, theirs = run(made, 2)[1].columns, run(without, 2)[1].columns
    for column, extra in (("delay_s", "tuning_air_s"), ("energy_j", "tuning_energy_j")):
        assert ours[column][1] == pytest.approx(theirs[column][1] + ours[extra][1])
        assert ours[column][0] == pytest.approx(theirs[column][0])


def test_latents_that_are_lost_are_not_learned_from(codec: Ftsc) -> None:
    """Beyond reach nothing arrives whole."""
    made, own = engine(codec, distance_m=5e7)
    records = run(made, 2)
    assert own.remembered == {"[2,2]": 0}
    assert records[1].columns["tuning_steps"] == [0, 0]
    assert records[1].columns["tuning_images"][1] == 0


def test_a_round_of_which_nothing_arrives_fails_and_the_run_goes_on(codec: Ftsc) -> None:
    modem = ModemConfig(mcs=5, fidelity="abstracted")
    options = {"modem": modem, "mode": "dft", "originals": 2, "learning_rate": 0.05}
    far, own = engine(codec, distance_m=5e7, **options)
    near, _ = engine(codec, **options)
    idle, _ = engine(codec, distance_m=5e7, **options | {"every_slots": 100})
    failed, whole, without = (run(made, 3) for made in (far, near, idle))
    at_the_round = failed[1].columns
    assert np.isnan(at_the_round["tuning_images"][0])
    assert at_the_round["tuning_images"][1] == 0
    assert at_the_round["tuning_steps"] == [0, 0]
    # Each original is given up after eight attempts. Where it arrives, one is enough, and a digest
    # of 256 bits comes back.
    ((digest, _),) = DigitalModem(modem).plan(256, Csi(torch.ones(1)))
    once_s = whole[1].columns["tuning_air_s"][1] - digest.uses / _B_HZ
    assert at_the_round["tuning_air_s"][1] == pytest.approx(8 * once_s)
    assert at_the_round["tuning_energy_j"][1] == pytest.approx(_P_W * 8 * once_s)
    for column, extra in (("delay_s", "tuning_air_s"), ("energy_j", "tuning_energy_j")):
        charged = without[1].columns[column][1] + at_the_round[extra][1]
        assert at_the_round[column][1] == pytest.approx(charged)
    assert own.network("[2,2]") is codec.network("[2,2]"), "as it was deployed"
    assert [record.slot for record in failed] == [0, 1, 2]


def test_a_round_that_goes_wrong_otherwise_ends_the_run(
    codec: Ftsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Receiver, "digest", lambda _self: "00" * 32)
    made, _ = engine(codec, mode="dft", originals=2)
    with pytest.raises(SemsimError, match="slot 1: the embedding spaces"):
        run(made, 2)


def test_every_user_has_its_own_images() -> None:
    class Grey:
        def __init__(self, level: float) -> None:
            self.level = level

        def sample(self, count: int, rng: np.random.Generator) -> Source:
            noise = torch.from_numpy(rng.random((count, 1, 1, 1))).float() * 0.01
            return Source(noise + torch.full((count, 3, 8, 8), self.level))

    dark, light = Grey(0.1), Grey(0.8)
    drawn = UserSources([dark, light, dark]).sample(3, np.random.default_rng(0)).image
    assert drawn.mean(dim=(1, 2, 3)).tolist() == pytest.approx([0.1, 0.8, 0.1], abs=0.01)
    assert not torch.equal(drawn[0], drawn[2]), "two draws of one source"
    with pytest.raises(ValueError, match="2 images for 3 users"):
        UserSources([dark, light, dark]).sample(2, np.random.default_rng(0))
