"""What the environments share: an episode is a drop, a step is a slot."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from typing import Any, Protocol

import gymnasium
import numpy as np
from numpy.typing import NDArray

from semsim.arrays import Values
from semsim.engine.topology import Places
from semsim.types import Allocation, DownlinkState
from semsim_envs.worth import Outcome

#: Episodes draw their seeds below it.
SEEDS = 2**31
#: Slots that pictures may look back to.
_REMEMBERED = 64


class Cells(Protocol):
    """E cells, slot by slot; arrays are ``[E, N]``."""

    last_quality: Values
    """Of the last delivery to each user, 0 before the first."""

    def reset(self, seed: int) -> None:
        """Start all cells over."""

    def observe(self) -> DownlinkState:
        """Return what the sender knows."""
        ...

    def step(self, allocation: Allocation) -> Outcome:
        """Send, judge, and go to the next slot."""
        ...

    def places(self, row: int) -> Places:
        """Return where the users of one cell stand, ``[N]``."""
        ...


class CellsApart(Protocol):
    """Cells whose episodes may end one by one."""

    def restart(self, rows: list[int], seed: int) -> None:
        """Start some cells over, with drops of a seed."""


class Coding(Protocol):
    """Actions as numbers."""

    def space(self) -> gymnasium.Space[Any]:
        """Return the space of one cell's actions."""
        ...

    def decode(self, action: Any, active: Values | None = None, lead: tuple[int, ...] = ()) -> Any:
        """Return the allocation ``[E, N]`` that actions stand for."""
        ...


class SlotEnv(gymnasium.Env[NDArray[np.float32], NDArray[Any]]):
    """A single environment.

    Args:
        coding: the actions.
        observation_space: of one cell.
        cells: one of them.
        episode_slots: slots of an episode.
        least_reward: rewards are cut there.
        render_mode: one of the metadata's, or none.

    Raises:
        ValueError: for an unknown render mode.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 Gymnasium declares it so
        "render_modes": ["human", "rgb_array"],
        "render_fps": 4,
    }

    def __init__(
        self,
        coding: Coding,
        observation_space: gymnasium.Space[Any],
        cells: Cells,
        episode_slots: int,
        least_reward: float,
        render_mode: str | None,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode: must be 'human' or 'rgb_array', got {render_mode!r}")
        self.render_mode = render_mode
        self._slot_coding, self._slot_cells = coding, cells
        self.action_space = coding.space()
        self.observation_space = observation_space
        self.episode_slots = episode_slots
        self._least_reward = least_reward
        self._slot: int | None = None
        self._history = deque[tuple[Allocation, Outcome]](maxlen=_REMEMBERED)
        self._window: Any = None

    @abstractmethod
    def observation(self) -> NDArray[np.float32]:
        """Return the observation of the current slot."""

    @abstractmethod
    def _details(self, allocation: Allocation, outcome: Outcome) -> dict[str, Any]:
        """Return what ``info`` says of the users."""

    @abstractmethod
    def _picture(self, slot: int) -> NDArray[np.uint8]:
        """Return a picture ``[H, W, 3]``."""

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
        self._slot_cells.reset(episode)
        self._slot = 0
        self._history.clear()
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
        allocation: Allocation = self._slot_coding.decode(action, self._slot_cells.observe().active)
        outcome = self._slot_cells.step(allocation)
        self._slot += 1
        self._history.append((allocation, outcome))
        info = {
            "slot": self._slot,
            "quality": float(outcome.quality[0]),
            "delay": float(outcome.delay[0]),
            "energy": float(outcome.energy[0]),
            **self._details(allocation, outcome),
        }
        if self.render_mode == "human":
            self.render()
        reward = max(float(outcome.reward[0]), self._least_reward)
        truncated = self._slot >= self.episode_slots
        return self.observation(), reward, bool(outcome.exhausted[0]), truncated, info

    def state(self) -> DownlinkState:
        """Return what an allocator would see of the slot, ``[N]``."""
        return row_of(self._slot_cells.observe(), 0)

    def render(self) -> Any:
        """Return a picture ``[H, W, 3]``, or show it in a window."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs a render_mode: 'human' or 'rgb_array'")
            return None
        if self._slot is None:
            raise RuntimeError("there is nothing to show yet: call reset() before render()")
        picture = self._picture(self._slot)
        if self.render_mode == "rgb_array":
            return picture
        if self._window is None:
            from semsim_envs.render import Window

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


def row_of(state: DownlinkState, row: int) -> DownlinkState:
    """Return the state of one of several cells, ``[N]``."""
    waiting = state.waiting
    if waiting is not None:
        waiting = type(waiting)(**{name: value[row] for name, value in vars(waiting).items()})
    active = None if state.active is None else state.active[row]
    return DownlinkState(state.gain[row], state.distance_m[row], active, waiting)
