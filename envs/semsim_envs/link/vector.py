"""``semsim/LinkAdaptation-v0`` over many drops at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gymnasium.vector import AutoresetMode

from semsim.scenario import DownlinkScenario
from semsim.types import Allocation
from semsim_envs.backend import Backend
from semsim_envs.cell import read_scenario
from semsim_envs.downlink import check_arguments
from semsim_envs.entries import ActionKind
from semsim_envs.link.cell import link_of
from semsim_envs.link.fitted import FittedLinks
from semsim_envs.link.outcome import details
from semsim_envs.link.spaces import LinkActions, LinkView
from semsim_envs.vector import check_batched
from semsim_envs.vectors import SlotVectorEnv
from semsim_envs.worth import Outcome


class LinkAdaptationVectorEnv(SlotVectorEnv):
    """E links of one scenario, in arrays; the same arithmetic as :class:`LinkAdaptationEnv`.

    With one link it is the single environment, number by number; of several, each has drops of its
    own. ``quality: fitted`` only. ``info`` has the single environment's entries, ``[E]`` each.

    Args:
        num_envs: E.
        scenario: as for :class:`LinkAdaptationEnv`, like all that follow but the last.
        quality: ``fitted``.
        actions: ``continuous`` or ``discrete``.
        episode_slots: slots of an episode.
        power_range_db: of p_max over the least power.
        levels: of the power, for discrete actions.
        snr_range_db: SNRs of the observations -1 and 1.
        least_reward: rewards are cut there.
        render_mode: none.
        autoreset_mode: as for :class:`~semsim_envs.vector.DownlinkVectorEnv`.

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
        power_range_db: float = 20.0,
        levels: int = 5,
        snr_range_db: tuple[float, float] | None = None,
        least_reward: float = -1000.0,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        found = read_scenario(scenario)
        check_arguments(found, quality, episode_slots, least_reward)
        check_batched(found, quality, render_mode)
        self.link = link_of(found)
        self.coding = LinkActions(self.link, actions, power_range_db, levels)
        self.view = LinkView(self.link, snr_range_db)
        self._links = FittedLinks(self.link, num_envs)
        super().__init__(
            num_envs,
            self.coding,
            self.view.space(),
            self._links,
            None,
            episode_slots or found.slots,
            least_reward,
            Backend(),
            autoreset_mode,
        )

    def _observation(self) -> Any:
        return self.view.encode(self._links)

    def _details(self, allocation: Allocation, outcome: Outcome) -> dict[str, Any]:
        return details(allocation, outcome)
