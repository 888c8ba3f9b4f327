"""The scenario of an environment, and the problem that it poses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from semsim.allocation.problem import Problem
from semsim.channels.devices import check_device
from semsim.errors import ScenarioError
from semsim.scenario import DownlinkScenario, load_scenario
from semsim.simulation import DownlinkRun
from semsim.types import Array, Delivers
from semsim_envs.actions import Actions
from semsim_envs.backend import Backend
from semsim_envs.entries import ActionKind


@dataclass(frozen=True)
class Cell:
    """What an environment is about.

    Attributes:
        scenario: cell, users, dynamics.
        problem: utility, budget, quality curves.
        offers: by user, the ρ that its codec offers and the budget's model holds for, rising.
        gets: by user, what its codec delivers.
    """

    scenario: DownlinkScenario
    problem: Problem
    offers: tuple[Array, ...]
    gets: tuple[Delivers, ...]

    @property
    def users(self) -> int:
        """N."""
        return len(self.offers)

    def actions(
        self,
        kind: ActionKind,
        share_range_db: float,
        power_range_db: float,
        levels: int,
        backend: Backend | None = None,
    ) -> Actions:
        """Return the actions of the cell; see :class:`semsim_envs.actions.Actions`."""
        whole = self.problem.budget.cell
        return Actions(whole, self.offers, kind, share_range_db, power_range_db, levels, backend)


def read_scenario(scenario: str | Path | DownlinkScenario) -> DownlinkScenario:
    """Return a downlink scenario, read from its file where a path is given.

    Raises:
        ScenarioError: if the file is wrong, or of another task.
    """
    found = scenario if isinstance(scenario, DownlinkScenario) else load_scenario(scenario)
    if not isinstance(found, DownlinkScenario):
        raise ScenarioError(
            f"{scenario}: the environment needs a scenario of 'task: downlink', this is "
            f"'task: {found.task}'"
        )
    check_device(found.device)
    return found


#: Cells by their scenario, of which copies of an environment share one.
_CELLS: dict[str, Cell] = {}
_KEPT = 8


def cell_of(scenario: DownlinkScenario) -> Cell:
    """Return the cell of a scenario; its codecs are loaded to ask what they offer, and let go."""
    key = scenario.model_dump_json()
    if key not in _CELLS:
        if len(_CELLS) >= _KEPT:
            del _CELLS[next(iter(_CELLS))]
        run = DownlinkRun(scenario)
        offers = tuple(run.problem.grid(len(scenario.user_codecs())))
        _CELLS[key] = Cell(scenario, run.problem, offers, run.gets)
    return _CELLS[key]
