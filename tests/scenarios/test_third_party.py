"""A codec that semsim has never heard of runs in a scenario."""

from pathlib import Path

import pytest

from semsim import load_codec, load_scenario, simulate
from semsim.errors import ScenarioError
from semsim.testing import check_codec

SCENARIO = """\
task: downlink
name: third
seed: 1
source: {kind: photos, size: 32}
codec: {kind: mosaic, block: 4}
channel: {kind: rician, k: 5}
cell: {bandwidth_hz: 5000, power_w: 0.01}
users: {count: 3, distance_m: [50, 100]}
allocator: {kind: equal}
"""


@pytest.mark.usefixtures("third_party")
def test_it_runs_in_a_scenario(tmp_path: Path) -> None:
    path = tmp_path / "third.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    slots = simulate(load_scenario(path)).slots
    assert len(slots) == 3
    assert slots["channel_uses"].tolist() == [3 * 8 * 8 // 2 + 16] * 3
    assert slots["cbr"].tolist() == pytest.approx([(96 + 16) / (3 * 32 * 32)] * 3)
    assert (slots["psnr_db"] > 10).all()
    assert slots["transmit_power"].tolist() == pytest.approx([1.0] * 3, abs=1e-5)


@pytest.mark.usefixtures("third_party")
def test_its_options_are_checked_like_a_built_in_s(tmp_path: Path) -> None:
    path = tmp_path / "third.yaml"
    path.write_text(SCENARIO.replace("block: 4", "blokc: 4"), encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"codec\.blokc: unknown key; did you mean 'block'"):
        load_scenario(path)


@pytest.mark.usefixtures("third_party")
def test_it_passes_the_conformance_kit() -> None:
    check_codec(load_codec("mosaic"), shape=(3, 32, 32))


def test_without_it_the_name_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "third.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    with pytest.raises(ScenarioError, match="codec: unknown kind 'mosaic'"):
        load_scenario(path)
