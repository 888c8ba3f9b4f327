"""One link with the real codec, modem and channel in the loop."""

from __future__ import annotations

import numpy as np

from semsim.link.adaptation import plan_payload
from semsim.types import Allocation
from semsim_envs.link.cell import LinkCell
from semsim_envs.link.outcome import LinkOutcome
from semsim_envs.measured import MeasuredCell


class MeasuredLink(MeasuredCell):
    """The engine of ``semsim run`` with one user; arrays have a leading dimension of 1.

    Args:
        link: which.
    """

    def __init__(self, link: LinkCell) -> None:
        super().__init__(link.cell)
        self._link = link

    def reset(self, seed: int) -> None:
        """Start over with ``seed``: the slots that ``semsim run`` sees with it."""
        self.acknowledged, self.attempts = np.zeros((1, 1)), np.zeros((1, 1))
        super().reset(seed)

    def step(self, allocation: Allocation) -> LinkOutcome:
        """Send the image under an allocation ``[1, 1]``, measure, and go to the next slot."""
        outcome = super().step(allocation)
        if self.record is None or allocation.mcs is None:
            raise ValueError("the allocation of a link names its MCS")
        columns = {
            name: np.array([self.record.columns[name]], dtype=np.float64)
            for name in ("block_error_rate", "channel_uses", "rho_air", "snr_db", "snr_reported_db")
        }
        arrived = columns["block_error_rate"] == 0
        # Streams may be shorter than the rate allows, and tell their length in a few symbols.
        bits = columns["rho_air"][0, 0] / allocation.rho[0, 0]
        rate = self._link.rates[int(self._link.rate_of(allocation.rho)[0, 0])]
        scheme = self._link.schemes[int(allocation.mcs[0, 0])]
        once = plan_payload(round(bits * rate.payload), scheme).uses
        self.attempts = np.rint(columns["channel_uses"] / once)
        self.acknowledged = np.where(arrived, 1.0, -1.0)
        return LinkOutcome(
            **(vars(outcome) | {"delivered": arrived}),
            attempts=self.attempts,
            snr_db=columns["snr_db"],
            told_db=columns["snr_reported_db"],
        )
