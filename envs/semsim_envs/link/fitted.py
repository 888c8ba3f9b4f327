"""E links with qualities and errors from curves: nothing is coded or sent."""

from __future__ import annotations

import numpy as np

from semsim.rng import Streams
from semsim.types import Allocation
from semsim.units import linear_to_db
from semsim_envs.backend import Backend
from semsim_envs.link.cell import LinkCell
from semsim_envs.link.outcome import LinkOutcome
from semsim_envs.static import StaticCells
from semsim_envs.worth import judge


class FittedLinks(StaticCells):
    """The drops of :class:`StaticCells`, one user each, whose images may be lost.

    Whether one is depends on a number that is drawn every slot whatever is done: more power, or a
    lower MCS, never loses an image that would have arrived.

    Args:
        link: which.
        count: E.
    """

    def __init__(self, link: LinkCell, count: int) -> None:
        super().__init__(link.cell, count, Backend())
        self._link = link

    def reset(self, seed: int) -> None:
        """Draw new drops for all links."""
        self._luck = Streams(seed).numpy("luck")
        self.acknowledged = np.zeros((self._count, 1))
        self.attempts = np.zeros((self._count, 1))
        super().reset(seed)

    def step(self, allocation: Allocation) -> LinkOutcome:
        """Send an image over every link ``[E, 1]`` until it arrives, and go to the next slot."""
        link, worth = self._link, self._worth
        rho, b_hz, p_w = allocation.rho, allocation.b_hz, allocation.p_w
        if allocation.mcs is None:
            raise ValueError("the allocation of a link names its MCS")
        rate, mcs = link.rate_of(rho), allocation.mcs
        per_gain = p_w / (b_hz * worth.noise_psd_w_per_hz)
        snr = per_gain * self._gain
        lost = self._luck.uniform(size=snr.shape) < link.loss(rate, mcs, snr)
        arrived = ~lost[-1]
        attempts = 1.0 + lost[:-1].sum(axis=0)
        air_s = attempts * link.uses[rate, mcs] / b_hz
        compute_s = worth.compute_s(rho)
        psnr_db = np.where(arrived, worth.quality(rho), link.lost_psnr_db[rate, mcs])
        outcome = judge(
            worth.config,
            worth.weight,
            arrived,
            psnr_db,
            air_s + compute_s,
            p_w * air_s + worth.compute_power_w * compute_s,
            np.zeros(self._count, dtype=np.bool_),
            all_delivered=True,
        )
        found = LinkOutcome(
            **vars(outcome),
            attempts=attempts,
            snr_db=linear_to_db(snr),
            told_db=linear_to_db(per_gain * self._state.gain),
        )
        self.last_quality, self.attempts = psnr_db, attempts
        self.acknowledged = np.where(arrived, 1.0, -1.0)
        self._drops.advance()
        self._look()
        return found
