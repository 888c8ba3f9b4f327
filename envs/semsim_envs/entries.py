"""Actions as rows of entries: numbers in [-1, 1], or levels. Checked by place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from semsim.arrays import Values, namespace
from semsim_envs.backend import Backend

ActionKind = Literal["continuous", "discrete"]
#: By how much an entry may leave [-1, 1], or what is shared differ from the whole, as rounding.
ROUNDING = 1e-5


class Entries(ABC):
    """The entries of one cell's action, and of E of them at once.

    Attributes:
        kind: entries in [-1, 1], or levels.
        nvec: levels of each entry.

    Args:
        kind: see there.
        nvec: see there.
        meaning: what an action has, for errors.
        backend: of the arrays.

    Raises:
        ValueError: for an unknown kind.
    """

    def __init__(
        self, kind: ActionKind, nvec: NDArray[np.int64], meaning: str, backend: Backend
    ) -> None:
        if kind not in ("continuous", "discrete"):
            raise ValueError(f"actions: must be 'continuous' or 'discrete', got {kind!r}")
        self.kind, self.nvec = kind, nvec
        self._meaning, self._backend = meaning, backend
        self._most = backend.array(nvec - 1.0)

    @property
    def size(self) -> int:
        """Entries of an action."""
        return len(self.nvec)

    @abstractmethod
    def name(self, column: int) -> str:
        """Return what an entry decides, in words."""

    def space(self) -> gymnasium.spaces.Box | gymnasium.spaces.MultiDiscrete:
        """Return the space of one cell's actions."""
        if self.kind == "discrete":
            return gymnasium.spaces.MultiDiscrete(self.nvec)
        return gymnasium.spaces.Box(-1.0, 1.0, (self.size,), np.float32)

    def _checked(self, action: Any, lead: tuple[int, ...]) -> Values:
        """Return the entries ``[E, size]`` of actions of E cells, or of one, in range.

        Raises:
            ValueError: for a wrong shape, values that are not finite, beyond [-1, 1], or no levels.
        """
        entries = self._backend.floats(action)
        expected = (*lead, self.size)
        if tuple(entries.shape) != expected:
            raise ValueError(
                f"action: has shape {tuple(entries.shape)}, must have {expected}: {self._meaning}"
            )
        entries = entries.reshape(-1, self.size)
        if self.kind == "discrete":
            xp = namespace(entries)
            rounded = xp.minimum(abs(xp.floor(entries)), self._most)
            if not bool((entries == rounded).all()):
                self._refuse(entries, entries != rounded)
            return entries
        most = float(abs(entries).max())
        if most <= 1:
            return entries
        if not most <= 1 + ROUNDING:  # NaN compares with nothing
            self._refuse(entries, ~(abs(entries) <= 1 + ROUNDING))
        return entries.clip(-1.0, 1.0)

    def _refuse(self, entries: Values, wrong: Values) -> None:
        row, column = (int(i) for i in np.argwhere(np.array(wrong.tolist()))[0])
        where = f"action: entry {column} ({self.name(column)})"
        where += f" of environment {row}" if entries.shape[0] > 1 else ""
        value = float(entries[row, column])
        if self.kind == "discrete":
            raise ValueError(
                f"{where} is {value:g}; it must be a level from 0 to {self.nvec[column] - 1}"
            )
        raise ValueError(f"{where} is {value:g}; it must be finite and in [-1, 1]: clip it")


def check_range(name: str, value: float) -> None:
    """Refuse a range in decibels that no number can hold.

    Raises:
        ValueError: naming it.
    """
    if not 0 < value < 300:
        raise ValueError(f"{name}: must be above 0 and below 300, got {value:g}")


def check_levels(levels: int) -> None:
    """Refuse less than two levels.

    Raises:
        ValueError: if so.
    """
    if levels < 2:
        raise ValueError(f"levels: must be 2 or more, got {levels}")
