"""What a slot of a link was worth, and how it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from semsim.arrays import Values
from semsim.types import Allocation
from semsim_envs.slots import Cells
from semsim_envs.worth import Outcome


@dataclass(frozen=True)
class LinkOutcome(Outcome):
    """An outcome of which ``delivered`` says whether all blocks arrived; ``[E, 1]`` each.

    Attributes:
        attempts: transmissions that it took.
        snr_db: what the receiver saw.
        told_db: what it would have been, had the report been right.
    """

    attempts: Values
    snr_db: Values
    told_db: Values


class Links(Cells, Protocol):
    """E links."""

    acknowledged: Values
    """``[E, 1]``: 1 if the last image arrived, -1 if not, 0 before the first."""
    attempts: Values
    """``[E, 1]``: transmissions of the last image, 0 before the first."""


def details(allocation: Allocation, outcome: Outcome) -> dict[str, Any]:
    """Return what ``info`` says of the links, ``[E]`` each."""
    if not isinstance(outcome, LinkOutcome) or allocation.mcs is None:
        raise TypeError("a link's slot has a scheme and a number of attempts")
    rows = {
        "psnr_db": outcome.user_quality,
        "delay_s": outcome.delay_s,
        "energy_j": outcome.energy_j,
        "delivered": outcome.delivered,
        "attempts": outcome.attempts,
        "snr_db": outcome.snr_db,
        "rho": allocation.rho,
        "p_w": allocation.p_w,
        "mcs": allocation.mcs,
    }
    return {name: values[:, 0] for name, values in rows.items()}
