"""What a run writes as its resolved scenario can be run again."""

from pathlib import Path

import pytest
import yaml

from semsim.scenario import load_scenario

SCENARIOS = sorted(Path("scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_resolved_scenarios_load_as_they_were(path: Path, tmp_path: Path) -> None:
    scenario = load_scenario(path)
    resolved = tmp_path / "scenario.resolved.yaml"
    resolved.write_text(yaml.safe_dump(scenario.model_dump(mode="json")), encoding="utf-8")
    assert load_scenario(resolved) == scenario


@pytest.mark.parametrize("modem", ["{mcs: adaptive}", "{mcs: 11, retransmissions: 1}"])
def test_so_do_those_whose_modem_has_an_mcs(modem: str, tmp_path: Path) -> None:
    path = tmp_path / "adapt.yaml"
    path.write_text(
        "task: adapt\nname: one\nsource: {kind: scenes}\n"
        f"codec: {{kind: ftsc, scalings: ['[4,2]']}}\nmodem: {modem}\n",
        encoding="utf-8",
    )
    scenario = load_scenario(path)
    path.write_text(yaml.safe_dump(scenario.model_dump(mode="json")), encoding="utf-8")
    assert load_scenario(path) == scenario
