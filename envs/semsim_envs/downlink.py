"""``semsim/Downlink-v0``: a downlink cell as a Gymnasium environment."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from semsim.errors import ScenarioError
from semsim.scenario import DownlinkScenario
from semsim.types import Allocation
from semsim_envs.backend import Backend
from semsim_envs.cell import cell_of, read_scenario
from semsim_envs.dynamic import DynamicCells
from semsim_envs.entries import ActionKind
from semsim_envs.measured import MeasuredCell
from semsim_envs.observations import Observations, scales_of
from semsim_envs.slots import SlotEnv
from semsim_envs.static import StaticCells
from semsim_envs.worth import Outcome

Quality = Literal["fitted", "measured"]


class DownlinkEnv(SlotEnv):
    """One sender shares bandwidth, power and compression among N users, slot by slot.

    ## Action Space

    ``actions="continuous"``: ``Box(-1, 1, (3N + 1,), float32)``.

    | entries | decide | how |
    |---|---|---|
    | 0 .. N-1 | bandwidth of each user | softmax: 1 is `share_range_db` above -1; all is shared |
    | N .. 2N-1 | each user's share of the power | the same |
    | 2N .. 3N-1 | rate of each user's codec | [-1, 1] in equal parts, one an offered rate |
    | 3N | total power | 1 is all of it, -1 is `power_range_db` less, evenly in dB |

    ``actions="discrete"``: ``MultiDiscrete``, the same entries: `levels` for shares and total
    power, evenly from -1 to 1, and the number of the offered rate, by rising ρ.

    Every action is a feasible allocation. In a dynamic scenario only active users share, and the
    entries of the others are not used.

    ## Observation Space

    ``Box(…, float32)`` with values in [-1, 1], fields one after the other, N entries each:

    | field | meaning | 0 and 1 are |
    |---|---|---|
    | gain | reported gain, in dB | middle and top of `gain_range_db`; -1 its bottom |
    | quality | of the user's last image, or label | none yet, 50 dB or an accuracy of 1 |

    and for a scenario with `dynamics`

    | field | meaning | 0 and 1 are |
    |---|---|---|
    | active | whether something can be sent | no, yes |
    | queue | requests that wait | none, as many as find place |
    | age | a/deadline, or a/(a + 10 slots) without one, of the oldest | new, too late |
    | sent | share of its image that has been on the air | |
    | rho | its rate, over the largest; 0 if it has not begun | |
    | present | (with `population`) whether there is a user | no, yes |
    | energy | (with `energy`; one entry) what the battery holds | empty, full |

    ## Rewards

    U of FTSC eq. (24): λ_1 Q - λ_2 T - λ_3 ΣE of what was delivered in the slot, but not less than
    `least_reward`. ``quality="fitted"``: by the scenario's quality curve at the offered rate that
    is sent, and as many seconds as the gain allows. ``quality="measured"``: the images went through
    codec and channel. ``info`` has the parts ``quality``, ``delay`` and ``energy`` (of which the
    first less the others is the utility), and by user ``user_quality`` (PSNR in dB, or accuracy of
    a user of labels: 0 or 1 where it is measured), ``delay_s`` (both 0 where nothing was
    delivered), ``energy_j``, ``delivered``, and what was allocated: ``rho``, ``b_hz``, ``p_w``.

    ## Starting State

    Every episode is a new drop: places, large-scale gains, fading. ``reset(seed=s)`` starts with
    the slots that ``semsim run`` sees with seed s, in both modes; later episodes follow from it.

    ## Episode End

    Truncation after `episode_slots`. Termination when an energy budget that nothing refills is
    used up.

    ## Arguments

    Args:
        scenario: a file of ``task: downlink``, or the scenario itself.
        quality: ``fitted`` or ``measured``.
        actions: ``continuous`` or ``discrete``.
        episode_slots: slots of an episode; the scenario's by default.
        share_range_db: of the largest over the smallest share.
        power_range_db: of all power over the least.
        levels: of shares and power, for discrete actions.
        gain_range_db: gains of the observations -1 and 1; from the scenario by default.
        least_reward: rewards are cut there: where no level of a modem reaches a user, its delay
            would be infinite.
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
        share_range_db: float = 20.0,
        power_range_db: float = 40.0,
        levels: int = 5,
        gain_range_db: tuple[float, float] | None = None,
        least_reward: float = -1000.0,
        render_mode: str | None = None,
    ) -> None:
        found = read_scenario(scenario)
        check_arguments(found, quality, episode_slots, least_reward)
        self.cell = cell_of(found)
        self.coding = self.cell.actions(actions, share_range_db, power_range_db, levels)
        self.view = Observations(scales_of(self.cell, gain_range_db))
        self._cells: StaticCells | DynamicCells | MeasuredCell
        if quality == "measured":
            self._cells = MeasuredCell(self.cell)
        elif found.dynamics is None:
            self._cells = StaticCells(self.cell, 1, Backend())
        else:
            self._cells = DynamicCells(self.cell, 1, Backend())
        super().__init__(
            self.coding,
            self.view.space(),
            self._cells,
            episode_slots or found.slots,
            least_reward,
            render_mode,
        )

    def observation(self) -> NDArray[np.float32]:
        """Return the observation of the current slot."""
        rows = self.view.encode(self._cells.observe(), self._cells.last_quality)
        row: NDArray[np.float32] = rows[0]
        return row

    def _details(self, allocation: Allocation, outcome: Outcome) -> dict[str, Any]:
        return {
            "user_quality": outcome.user_quality[0],
            "delay_s": outcome.delay_s[0],
            "energy_j": outcome.energy_j[0],
            "delivered": outcome.delivered[0],
            "rho": allocation.rho[0],
            "b_hz": allocation.b_hz[0],
            "p_w": allocation.p_w[0],
        }

    def _picture(self, slot: int) -> NDArray[np.uint8]:
        from semsim_envs.render import Scene, draw

        record = self._cells.record if isinstance(self._cells, MeasuredCell) else None
        return draw(
            Scene(
                cell=self.cell,
                slot=slot,
                places=self._cells.places(0),
                state=self.state(),
                last=self._history[-1] if self._history else None,
                received=None if record is None else record.received.cpu().numpy(),
            )
        )


def check_arguments(
    scenario: DownlinkScenario, quality: str, episode_slots: int | None, least_reward: float
) -> None:
    """Refuse what does not go together.

    Raises:
        ScenarioError: for a scenario that needs images where there are none.
        ValueError: for an argument out of range.
    """
    if quality not in ("fitted", "measured"):
        raise ValueError(f"quality: must be 'fitted' or 'measured', got {quality!r}")
    if episode_slots is not None and episode_slots < 1:
        raise ValueError(f"episode_slots: must be 1 or more, got {episode_slots}")
    if not math.isfinite(least_reward):
        raise ValueError(f"least_reward: must be finite, got {least_reward}")
    if quality == "fitted" and scenario.adapt is not None:
        raise ScenarioError(
            f"{scenario.name}: 'adapt' tunes decoders by images; take quality='measured', or leave "
            "'adapt' out"
        )
