"""Shipped scenarios, with changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from semsim.scenario import DownlinkScenario, load_scenario

SCENARIOS = Path(__file__).parents[3] / "scenarios"


def scenario(name: str, **changes: Any) -> DownlinkScenario:
    found = load_scenario(SCENARIOS / f"{name}.yaml")
    assert isinstance(found, DownlinkScenario)
    return found.model_copy(update=changes)


@pytest.fixture(scope="session", name="scenario")
def _scenario() -> Callable[..., DownlinkScenario]:
    return scenario


@pytest.fixture(autouse=True)
def _no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
