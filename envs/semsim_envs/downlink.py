"""``semsim/Downlink-v0``: a downlink cell as a Gymnasium environment."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from semsim.errors import ScenarioError
from semsim.scenario import DownlinkScenario
from semsim.types import Allocation, DownlinkState
from semsim_envs.actions import ActionKind
from semsim_envs.backend import Backend
from semsim_envs.cell import cell_of, read_scenario
from semsim_envs.dynamic import DynamicCells
from semsim_envs.measured import MeasuredCell
from semsim_envs.observations import Observations, scales_of
from semsim_envs.static import StaticCells
from semsim_envs.worth import Outcome

Quality = Literal["fitted", "measured"]
#: Episodes draw their seeds below it.
SEEDS = 2**31


class DownlinkEnv(gymnasium.Env[NDArray[np.float32], NDArray[Any]]):
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
    | quality | PSNR of the user's last image | none yet, 50 dB |

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
    first less the others is the utility), and by user ``psnr_db``, ``delay_s`` (0 where nothing
    was delivered), ``energy_j``, ``delivered``, and what was allocated: ``rho``, ``b_hz``, ``p_w``.

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

    metadata: dict[str, Any] = {  # noqa: RUF012 Gymnasium declares it so
        "render_modes": ["human", "rgb_array"],
        "render_fps": 4,
    }

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
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode: must be 'human' or 'rgb_array', got {render_mode!r}")
        self.render_mode = render_mode
        self.cell = cell_of(found)
        self.coding = self.cell.actions(actions, share_range_db, power_range_db, levels)
        self.view = Observations(scales_of(self.cell, gain_range_db))
        self.action_space = self.coding.space()
        self.observation_space = self.view.space()
        self.episode_slots = episode_slots or found.slots
        self._least_reward = least_reward
        self._slot: int | None = None
        self._last: tuple[Allocation, Outcome] | None = None
        self._window: Any = None
        self._cells: StaticCells | DynamicCells | MeasuredCell
        if quality == "measured":
            self._cells = MeasuredCell(self.cell)
        elif found.dynamics is None:
            self._cells = StaticCells(self.cell, 1, Backend())
        else:
            self._cells = DynamicCells(self.cell, 1, Backend())

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Start an episode, a new drop; with ``seed``, that seed's.

        Raises:
            ValueError: for options, of which there are none.
        """
        if options:
            raise ValueError(f"options: there are none, got {sorted(options)}")
        super().reset(seed=seed)
        episode = int(self.np_random.integers(SEEDS)) if seed is None else seed
        self._cells.reset(episode)
        self._slot, self._last = 0, None
        if self.render_mode == "human":
            self.render()
        return self.observation(), {"slot": 0}

    def step(
        self, action: NDArray[Any]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Send what ``action`` says, and go to the next slot.

        Raises:
            ValueError: for a wrong shape, values that are not finite, or beyond the space.
            RuntimeError: before the first reset.
        """
        if self._slot is None:
            raise RuntimeError("the environment has no episode: call reset() before step()")
        allocation: Allocation = self.coding.decode(action, self._cells.observe().active)
        outcome = self._cells.step(allocation)
        self._slot += 1
        self._last = allocation, outcome
        info = {
            "slot": self._slot,
            "quality": float(outcome.quality[0]),
            "delay": float(outcome.delay[0]),
            "energy": float(outcome.energy[0]),
            "psnr_db": outcome.psnr_db[0],
            "delay_s": outcome.delay_s[0],
            "energy_j": outcome.energy_j[0],
            "delivered": outcome.delivered[0],
            "rho": allocation.rho[0],
            "b_hz": allocation.b_hz[0],
            "p_w": allocation.p_w[0],
        }
        if self.render_mode == "human":
            self.render()
        reward = max(float(outcome.reward[0]), self._least_reward)
        truncated = self._slot >= self.episode_slots
        return self.observation(), reward, bool(outcome.exhausted[0]), truncated, info

    def observation(self) -> NDArray[np.float32]:
        """Return the observation of the current slot."""
        rows = self.view.encode(self._cells.observe(), self._cells.last_psnr_db)
        row: NDArray[np.float32] = rows[0]
        return row

    def state(self) -> DownlinkState:
        """Return what an allocator would see of the slot, ``[N]``."""
        return row_of(self._cells.observe(), 0)

    def render(self) -> Any:
        """Return a picture ``[H, W, 3]`` of cell, shares and images, or show it in a window."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs a render_mode: 'human' or 'rgb_array'")
            return None
        if self._slot is None:
            raise RuntimeError("there is nothing to show yet: call reset() before render()")
        from semsim_envs.render import Scene, Window, draw

        record = self._cells.record if isinstance(self._cells, MeasuredCell) else None
        scene = Scene(
            cell=self.cell,
            slot=self._slot,
            places=self._cells.places(0),
            state=self.state(),
            last=self._last,
            received=None if record is None else record.received.cpu().numpy(),
        )
        picture = draw(scene)
        if self.render_mode == "rgb_array":
            return picture
        if self._window is None:
            self._window = Window(self.metadata["render_fps"])
        self._window.show(picture)
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def __getstate__(self) -> dict[str, Any]:
        """Return all but the window, which stays on this machine."""
        return self.__dict__ | {"_window": None}


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


def row_of(state: DownlinkState, row: int) -> DownlinkState:
    """Return the state of one of several cells, ``[N]``."""
    waiting = state.waiting
    if waiting is not None:
        waiting = type(waiting)(**{name: value[row] for name, value in vars(waiting).items()})
    active = None if state.active is None else state.active[row]
    return DownlinkState(state.gain[row], state.distance_m[row], active, waiting)
