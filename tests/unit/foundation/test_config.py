from pathlib import Path

import pytest

from semsim.config import all_different
from semsim.errors import ScenarioError
from semsim.scenario import DownlinkScenario, load_scenario

GOOD = """\
task: downlink
name: good
source: {kind: photos}
codec: {kind: classical}
channel: awgn
cell: {bandwidth_hz: 5e3, power_w: 50}
users:
  - {distance_m: 10}
  - {position_m: [3, 4], codec: {kind: classical, format: webp}}
allocator: equal
"""


def check(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(path)
    return [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()]


def test_a_good_scenario_loads(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(GOOD, encoding="utf-8")
    scenario = load_scenario(path)
    assert isinstance(scenario, DownlinkScenario)
    assert not isinstance(scenario.users, DownlinkScenario)
    assert [user.range_m for user in scenario.users] == [10, 5]
    assert scenario.users[1].codec.model_dump()["format"] == "webp"


def test_all_mistakes_come_at_once_with_lines_and_paths(tmp_path: Path) -> None:
    text = (
        GOOD.replace("bandwidth_hz: 5e3", "bandwidth_hz: -5e3")
        .replace("kind: photos", "kind: photo")
        .replace("format: webp", "format: webb")
        .replace("task: downlink\nname: good", "task: downlink\nname: good\nslotss: 3")
        .replace("allocator: equal", "allocator: {kind: equal, rhoo: 1}")
    )
    mistakes = check(tmp_path, text)
    assert [mistake.split(": ")[0] + mistake.split(": ")[1] for mistake in mistakes] == [
        "3 slotss".replace(" ", ""),
        "4source",
        "7cell.bandwidth_hz",
        "10users[1].codec.format",
        "11allocator.rhoo",
    ]
    assert "did you mean 'slots'?" in mistakes[0]
    assert "did you mean 'photos'?" in mistakes[1]
    assert "greater than 0, got -5000.0" in mistakes[2]
    assert "'avif' or 'hevc', got 'webb'" in mistakes[3]
    assert "did you mean 'rho'?" in mistakes[4]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("task: downlink", "task: downlnk", "1: task: unknown task 'downlnk'; did you mean"),
        ("task: downlink\n", "", "1: task: this key is missing"),
        ("power_w: 50", "power_w: .nan", "6: cell.power_w: input should be a finite number"),
        ("power_w: 50", "power_w: ten", "6: cell.power_w: input should be a valid number"),
        ("{distance_m: 10}", "{distance_m: 0}", "8: users[0].distance_m: input should be greater"),
        ("{distance_m: 10}", "{}", "8: users[0]: give either 'distance_m' or 'position_m'"),
        ("name: good", "name: ../bad", "2: name: string should match pattern"),
        ("channel: awgn", "channel: no", "5: channel: unknown kind 'no'"),
        ("channel: awgn", "channel: {k: 1}", "5: channel: 'kind' is missing"),
        ("name: good", "name: good\ndevice: gpu", "3: device: string should match pattern"),
    ],
)
def test_one_mistake(tmp_path: Path, old: str, new: str, expected: str) -> None:
    mistakes = check(tmp_path, GOOD.replace(old, new))
    assert len(mistakes) == 1
    assert mistakes[0].startswith(expected)


def test_no_users(tmp_path: Path) -> None:
    start = GOOD.index("users:")
    listed = GOOD[:start] + "users: []\n" + "allocator: equal\n"
    assert check(tmp_path, listed)[0].startswith("7: users: tuple should have at least 1 item")
    drawn = GOOD[:start] + "users: {count: 0}\n" + "allocator: equal\n"
    assert check(tmp_path, drawn)[0].startswith("7: users.count: input should be greater")


def test_the_top_must_be_a_mapping(tmp_path: Path) -> None:
    assert check(tmp_path, "- a\n")[0].startswith("1: expected a mapping at the top, got ['a']")
    assert check(tmp_path, "")[0].startswith("1: expected a mapping at the top, got None")


def test_what_must_differ_names_what_comes_twice() -> None:
    assert all_different(("a", "b")) == ("a", "b")
    with pytest.raises(ValueError, match=r"^0\.5 comes twice$"):
        all_different((1.0, 0.5, 0.5))
