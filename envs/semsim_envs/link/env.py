"""``semsim/LinkAdaptation-v0``: one link as a Gymnasium environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsim.scenario import DownlinkScenario
from semsim.types import Allocation
from semsim_envs.cell import read_scenario
from semsim_envs.downlink import Quality, check_arguments
from semsim_envs.entries import ActionKind
from semsim_envs.link.cell import link_of
from semsim_envs.link.fitted import FittedLinks
from semsim_envs.link.measured import MeasuredLink
from semsim_envs.link.outcome import details
from semsim_envs.link.spaces import LinkActions, LinkView
from semsim_envs.slots import SlotEnv
from semsim_envs.worth import Outcome


class LinkAdaptationEnv(SlotEnv):
    """A sender chooses rate, power and MCS of every image by an SNR that it was told late.

    ## Action Space

    ``actions="continuous"``: ``Box(-1, 1, (3,), float32)``.

    | entry | decides | how |
    |---|---|---|
    | 0 | rate of the codec | [-1, 1] in equal parts, one an offered rate, by rising ρ |
    | 1 | transmit power | 1 is p_max, -1 is `power_range_db` less, evenly in dB |
    | 2 | MCS | [-1, 1] in equal parts, one an index of the modem's table |

    ``actions="discrete"``: ``MultiDiscrete``: the number of the rate, one of `levels` of the power
    from the least to the largest, the MCS.

    ## Observation Space

    ``Box(…, (4,), float32)``:

    | field | meaning | values |
    |---|---|---|
    | snr | SNR in dB at p_max by the report that there is | -1 and 1 are `snr_range_db` |
    | quality | PSNR of the last image | 0 before the first, 1 is 50 dB |
    | acknowledged | whether all its blocks arrived | -1 no, 1 yes, 0 before the first |
    | attempts | transmissions that it took | over the most; 0 before the first |

    ## Rewards

    U of FTSC eq. (24), λ_1 Q - λ_2 T - λ_3 E, of the image that was sent, lost or not, but not less
    than `least_reward`. T and E count every transmission. ``quality="fitted"``: blocks fail by the
    curves measured of the modem; an image that arrives has the scenario's quality curve, one that
    is lost what the codec made of the like when the environment was built (mid-grey of a codec that
    notices). ``quality="measured"``: an image goes through codec, modem and channel. ``info`` has
    the parts ``quality``, ``delay`` and ``energy``, and ``psnr_db``, ``delay_s``, ``energy_j``,
    ``delivered``, ``attempts``, ``snr_db`` (what it really was), ``rho``, ``p_w``, ``mcs``.

    ## Starting State

    Every episode is a new drop. ``reset(seed=s)`` starts with the gains that ``semsim run`` sees
    with seed s, in both modes; later episodes follow from it.

    ## Episode End

    Truncation after `episode_slots`; there is no termination.

    ## Arguments

    Args:
        scenario: a file of ``task: downlink`` with one user, or the scenario itself.
        quality: ``fitted`` or ``measured``.
        actions: ``continuous`` or ``discrete``.
        episode_slots: slots of an episode; the scenario's by default.
        power_range_db: of p_max over the least power.
        levels: of the power, for discrete actions.
        snr_range_db: SNRs of the observations -1 and 1; from the scenario by default.
        least_reward: rewards are cut there.
        render_mode: ``rgb_array``, ``human`` (a window; needs pygame), or none.

    Raises:
        ScenarioError: for a scenario that does not fit.
        ValueError: for an argument that does not.
    """

    def __init__(
        self,
        scenario: str | Path | DownlinkScenario,
        quality: Quality = "fitted",
        actions: ActionKind = "continuous",
        episode_slots: int | None = None,
        power_range_db: float = 20.0,
        levels: int = 5,
        snr_range_db: tuple[float, float] | None = None,
        least_reward: float = -1000.0,
        render_mode: str | None = None,
    ) -> None:
        found = read_scenario(scenario)
        check_arguments(found, quality, episode_slots, least_reward)
        self.link = link_of(found)
        self.coding = LinkActions(self.link, actions, power_range_db, levels)
        self.view = LinkView(self.link, snr_range_db)
        self._links: FittedLinks | MeasuredLink
        if quality == "measured":
            self._links = MeasuredLink(self.link)
        else:
            self._links = FittedLinks(self.link, 1)
        super().__init__(
            self.coding,
            self.view.space(),
            self._links,
            episode_slots or found.slots,
            least_reward,
            render_mode,
        )

    def observation(self) -> NDArray[np.float32]:
        """Return the observation of the current slot."""
        row: NDArray[np.float32] = self.view.encode(self._links)[0]
        return row

    def _details(self, allocation: Allocation, outcome: Outcome) -> dict[str, Any]:
        return {name: values[0].item() for name, values in details(allocation, outcome).items()}

    def _picture(self, slot: int) -> NDArray[np.uint8]:
        from semsim_envs.link.picture import draw

        record = self._links.record if isinstance(self._links, MeasuredLink) else None
        received = None if record is None else record.received[0].cpu().numpy()
        return draw(self.link.cell.scenario.name, slot, tuple(self._history), received)
