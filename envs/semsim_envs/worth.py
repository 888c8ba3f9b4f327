"""Time, energy, quality and utility of allocations, for arrays of numpy or torch, ``[E, N]``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from semsim.allocation.config import UtilityConfig
from semsim.arrays import Values, namespace
from semsim_envs.backend import Backend
from semsim_envs.cell import Cell


@dataclass(frozen=True)
class Outcome:
    """What a slot was worth in E cells: ``reward = quality - delay - energy``.

    Attributes:
        reward: ``[E]`` U of FTSC eq. (24).
        quality: ``[E]`` λ_1 Q.
        delay: ``[E]`` λ_2 T.
        energy: ``[E]`` λ_3 ΣE.
        user_quality: ``[E, N]`` of what was delivered, in each user's unit (docs/allocation.md); 0
            where nothing was.
        delay_s: ``[E, N]`` their delays, 0 where there is none.
        energy_j: ``[E, N]`` spent.
        delivered: ``[E, N]`` whether an image arrived.
        exhausted: ``[E]`` whether the energy of the episode is used up.
    """

    reward: Values
    quality: Values
    delay: Values
    energy: Values
    user_quality: Values
    delay_s: Values
    energy_j: Values
    delivered: Values
    exhausted: Values


def judge(
    config: UtilityConfig,
    weight: Values,
    delivered: Values,
    user_quality: Values,
    delay_s: Values,
    energy_j: Values,
    exhausted: Values,
    *,
    all_delivered: bool = False,
) -> Outcome:
    """Return what a slot that ``delivered`` these images is worth.

    With an image for everybody it is :meth:`semsim.allocation.problem.Problem.utility`, otherwise
    :func:`semsim.allocation.delivered.delivered_utility`.

    Args:
        config: λ, and how the users' qualities are pooled.
        weight: ``[N]`` of the users.
        delivered: ``[E, N]`` bool.
        user_quality: ``[E, N]``, looked at where something was delivered.
        delay_s: ``[E, N]``, looked at where something was delivered.
        energy_j: ``[E, N]``.
        exhausted: ``[E]`` bool.
        all_delivered: known to be so everywhere, which is faster.
    """
    xp = namespace(energy_j)
    weighted = worst = weight * user_quality
    if not all_delivered:
        nothing = xp.zeros_like(energy_j)
        user_quality, delay_s = (xp.where(delivered, x, nothing) for x in (user_quality, delay_s))
        some = xp.any(delivered, axis=-1)[..., None]
        worst = xp.where(delivered, weighted, xp.where(some, nothing + math.inf, nothing))
        weighted = xp.where(delivered, weighted, nothing)
    if config.quality == "min":
        pooled = xp.min(worst, axis=-1)
    else:
        pooled = weighted.sum(-1)
        if config.quality == "mean":
            pooled = pooled / energy_j.shape[-1]
    slowest_s = xp.max(delay_s, axis=-1)
    quality = _weighted(config.lambda_quality, pooled)
    delay = _weighted(config.lambda_delay, slowest_s)
    energy = _weighted(config.lambda_energy, energy_j.sum(-1))
    return Outcome(
        reward=quality - delay - energy,
        quality=quality,
        delay=delay,
        energy=energy,
        user_quality=user_quality,
        delay_s=delay_s,
        energy_j=energy_j,
        delivered=delivered,
        exhausted=exhausted,
    )


def _weighted(weight: float, value: Values) -> Values:
    # A weight of zero switches a term off, even an infinite one.
    return weight * value if weight > 0 else namespace(value).zeros_like(value)


class Worth:
    """The arithmetic of :class:`semsim.engine.budget.Budget` and the quality curve, on a device.

    Args:
        cell: scenario and problem.
        backend: numpy, or torch on a device.
    """

    def __init__(self, cell: Cell, backend: Backend) -> None:
        problem, users = cell.problem, cell.users
        budget = problem.budget

        def each(value: object) -> Values:
            return backend.array(np.array(np.broadcast_to(np.asarray(value, float), users)))

        self.config = problem.config
        self.noise_psd_w_per_hz = budget.noise_psd_w_per_hz
        self.image_bits = float(budget.image_bits)
        self.compute_power_w = budget.compute_power_w
        self.t0_s, self.kappa_s = each(budget.t0_s), each(budget.kappa_s)
        self.offset, self.slope = each(problem.curve.offset), each(problem.curve.slope)
        self.weight = each(problem.config.weight)
        self._levels = None
        if budget.levels is not None:
            levels = budget.levels
            # A shortfall of 1e-9 in SNR passes as rounding, as in Levels.of.
            self._levels = (
                backend.array(np.array(levels.snr) * (1 - 1e-9)),
                backend.array(np.array([0.0, *levels.bits_per_hz])),
            )

    def quality(self, rho: Values) -> Values:
        """Return the curve's quality at ``rho [E, N]``, FTSC eq. (8)."""
        return self.offset + self.slope * namespace(rho).log(rho)

    def compute_s(self, rho: Values) -> Values:
        """Return the computing time, eq. (17)."""
        return self.t0_s - self.kappa_s * rho

    def air_s(self, rho: Values, gain: Values, b_hz: Values, p_w: Values) -> Values:
        """Return the time on the air, eq. (16), with bandwidth and power for everybody.

        It is infinite where no level of the modem reaches.
        """
        bits = rho * self.image_bits
        snr = p_w * gain / (b_hz * self.noise_psd_w_per_hz)
        xp = namespace(rho)
        if self._levels is None:
            return bits / (b_hz * xp.log1p(snr)) * math.log(2)
        thresholds, rates = self._levels
        rate_bps = b_hz * rates[xp.searchsorted(thresholds, snr, side="right")]
        carried = rate_bps > 0
        return xp.where(carried, bits / (rate_bps + ~carried), bits + math.inf)
