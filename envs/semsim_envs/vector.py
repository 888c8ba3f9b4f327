"""``semsim/Downlink-v0`` over many drops at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gymnasium.vector import AutoresetMode

from semsim.channels.devices import check_device
from semsim.errors import ScenarioError
from semsim.scenario import DownlinkScenario
from semsim.types import Allocation
from semsim_envs.backend import Backend
from semsim_envs.cell import cell_of, read_scenario
from semsim_envs.downlink import check_arguments
from semsim_envs.dynamic import DynamicCells
from semsim_envs.entries import ActionKind
from semsim_envs.observations import Observations, scales_of
from semsim_envs.static import StaticCells
from semsim_envs.vectors import SlotVectorEnv
from semsim_envs.worth import Outcome


class DownlinkVectorEnv(SlotVectorEnv):
    """E cells of one scenario, in arrays; the same arithmetic as :class:`DownlinkEnv`.

    With one cell it is the single environment, number by number; of several, each has drops of its
    own. ``quality: fitted`` only.

    ``info`` has the single environment's entries, with a leading E: arrays, without masks.

    Args:
        num_envs: E.
        scenario: as for :class:`DownlinkEnv`, like all that follow but the last two.
        quality: ``fitted``.
        actions: ``continuous`` or ``discrete``.
        episode_slots: slots of an episode.
        share_range_db: of the largest over the smallest share.
        power_range_db: of all power over the least.
        levels: of shares and power, for discrete actions.
        gain_range_db: gains of the observations -1 and 1.
        least_reward: rewards are cut there.
        render_mode: none.
        device: of torch tensors in and out; numpy arrays by default. The numbers are the same.
        autoreset_mode: ``NEXT_STEP``: the step after an episode's last one starts the next, with
            reward 0 and whatever action; or ``SAME_STEP``: the last step does, and ``info`` has
            ``final_obs`` and ``final_info``.

    Raises:
        ScenarioError: for a scenario that does not fit.
        ValueError: for an argument that does not.
    """

    def __init__(
        self,
        num_envs: int,
        scenario: str | Path | DownlinkScenario,
        quality: str = "fitted",
        actions: ActionKind = "continuous",
        episode_slots: int | None = None,
        share_range_db: float = 20.0,
        power_range_db: float = 40.0,
        levels: int = 5,
        gain_range_db: tuple[float, float] | None = None,
        least_reward: float = -1000.0,
        render_mode: str | None = None,
        device: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        found = read_scenario(scenario)
        check_arguments(found, quality, episode_slots, least_reward)
        check_batched(found, quality, render_mode)
        if device is not None:
            check_device(device)
        backend = Backend(device)
        self.cell = cell_of(found)
        self.coding = self.cell.actions(actions, share_range_db, power_range_db, levels, backend)
        self.view = Observations(scales_of(self.cell, gain_range_db), backend)
        self._cells: StaticCells | DynamicCells
        kind = StaticCells if found.dynamics is None else DynamicCells
        self._cells = kind(self.cell, num_envs, backend)
        super().__init__(
            num_envs,
            self.coding,
            self.view.space(),
            self._cells,
            self._cells if isinstance(self._cells, DynamicCells) else None,
            episode_slots or found.slots,
            least_reward,
            backend,
            autoreset_mode,
        )

    def _observation(self) -> Any:
        return self.view.encode(self._cells.observe(), self._cells.last_quality)

    def _details(self, allocation: Allocation, outcome: Outcome) -> dict[str, Any]:
        return {
            "user_quality": outcome.user_quality,
            "delay_s": outcome.delay_s,
            "energy_j": outcome.energy_j,
            "delivered": outcome.delivered,
            "rho": allocation.rho,
            "b_hz": allocation.b_hz,
            "p_w": allocation.p_w,
        }


def check_batched(scenario: DownlinkScenario, quality: str, render_mode: str | None) -> None:
    """Refuse what is not done many times at once.

    Raises:
        ScenarioError: for measured qualities.
        ValueError: for a render mode.
    """
    if quality != "fitted":
        raise ScenarioError(
            f"{scenario.name}: the vector environment has quality='fitted' only; for 'measured' "
            "take vectorization_mode='sync' or 'async'"
        )
    if render_mode is not None:
        raise ValueError("render_mode: the vector environment draws nothing; leave it out")
