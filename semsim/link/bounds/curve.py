"""A line for tables and figures that says what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from semsim.types import Array


@dataclass(frozen=True, eq=False)
class Curve:
    """One computed line.

    Attributes:
        name: for instance ``OPTA``.
        kind: ``bound``, which nothing can pass under the assumptions, or ``reference``.
        assumes: source, channel and what both ends know, in a few words.
        values: the line, in the unit of the axis that it is drawn on.
    """

    name: str
    kind: Literal["bound", "reference"]
    assumes: str
    values: Array

    @property
    def label(self) -> str:
        """Name, kind and assumptions, for a legend.

        >>> import numpy as np
        >>> Curve("OPTA", "bound", "Gaussian source, AWGN", np.zeros(1)).label
        'OPTA (bound: Gaussian source, AWGN)'
        """
        return f"{self.name} ({self.kind}: {self.assumes})"
