"""Rules that share by the channel, as schedulers do: they look at rates, not at the utility.

Both spend the power that they are told to (``power_share``), and send every image at the same ρ.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from semsim.allocation.baselines import Equal
from semsim.allocation.config import EqualConfig, ProportionalFairConfig, WaterFillingConfig
from semsim.allocation.exact.spectral import excess, nats_per_hz
from semsim.allocation.limits import refuse_limits
from semsim.allocation.problem import Problem
from semsim.types import Allocation, Array, DownlinkState

#: From the width of any interval of logarithms to rounding.
_HALVINGS = 60


class WaterFilling:
    """The largest sum of rates that power alone can bring: bandwidth is shared evenly.

        max  Σ b log2(1 + p/(b c))   over p,   b = b_max/N,
        s.t. Σp <= P,   p >= p_least,

    P being the power to spend. Its solution p = max(p_least, w - b c) fills a vessel whose floor is
    the noise b c up to a level w. Without p_least, users whose noise is above the level would get
    no power, their images would never arrive, and U would be minus infinity; so every user gets
    ``least_share`` of an equal split at least.

    Args:
        config: ρ, the power to spend, and the least of it for a user.
        problem: what is shared.
        rng: not used; every allocator is built from the same three arguments.

    Raises:
        AllocationError: if ``config.rho`` is above ρ_[2,2].
    """

    Config = WaterFillingConfig

    def __init__(
        self, config: WaterFillingConfig, problem: Problem, rng: np.random.Generator
    ) -> None:
        self.config, self.problem = config, problem
        self._equal = Equal(EqualConfig(rho=config.rho), problem, rng)

    def allocate(self, state: DownlinkState) -> Allocation:
        """Fill in every drop.

        Raises:
            AllocationError: if ``state`` has no users, or a user has a limit that is not kept.
        """
        equal = self._equal.allocate(state)
        terms = self.problem.terms(state.gain)
        refuse_limits(terms, self.config.kind, equal.rho)
        power_w = self.config.power_share * terms.power_w
        least_w = self.config.least_share * power_w / state.users
        noise_w = equal.b_hz * terms.noise_over_gain_w_per_hz
        # With p_least given out, its top is the new floor, and the rest is plain water-filling.
        floor_w, rest_w = noise_w + least_w, power_w - state.users * least_w
        return replace(equal, p_w=least_w + np.maximum(0.0, _level(floor_w, rest_w) - floor_w))


def _level(floor: Array, volume: float) -> Array:
    """Return ``[..., 1]``, how high ``volume`` stands over the floors ``[..., N]`` of a vessel."""
    rising = np.sort(floor, axis=-1)
    # If it stood over the k lowest floors only; it does over as many as are below that.
    level = (volume + rising.cumsum(axis=-1)) / np.arange(1, floor.shape[-1] + 1)
    wet = np.maximum((level > rising).sum(axis=-1, keepdims=True), 1)
    return np.take_along_axis(level, wet - 1, axis=-1)


class ProportionalFair:
    """The largest sum of logarithms of rates, over bandwidth and power.

        max  Σ ln(b log2(1 + p/(b c)))   s.t. Σb <= b_max,   Σp <= P,

    P being the power to spend. Nobody's rate can then rise by some percent without the others
    losing as many in all. With X = ln(1 + p/(b c)), the rate rises with b to the power
    η = 1 - (1 - e^-X)/X, and with p to the power 1 - η. So at prices μ and ν of a hertz and a watt

        b = η/μ,   p = (1 - η)/ν,   c (X e^X - e^X + 1) = μ/ν = P/b_max · Ση/Σ(1 - η),

    where the last equation, one unknown a drop, has one solution.

    Args:
        config: ρ, and the power to spend.
        problem: what is shared.
        rng: not used; every allocator is built from the same three arguments.

    Raises:
        AllocationError: if ``config.rho`` is above ρ_[2,2].
    """

    Config = ProportionalFairConfig

    def __init__(
        self, config: ProportionalFairConfig, problem: Problem, rng: np.random.Generator
    ) -> None:
        self.config, self.problem = config, problem
        self._equal = Equal(EqualConfig(rho=config.rho), problem, rng)

    def allocate(self, state: DownlinkState) -> Allocation:
        """Share in every drop.

        Raises:
            AllocationError: if ``state`` has no users, or a user has a limit that is not kept.
        """
        equal = self._equal.allocate(state)
        terms = self.problem.terms(state.gain)
        refuse_limits(terms, self.config.kind, equal.rho)
        c, bandwidth_hz = terms.noise_over_gain_w_per_hz, terms.bandwidth_hz
        power_w = self.config.power_share * terms.power_w

        # ln μ/ν, had each user the cell for itself; that of all is in between.
        x = np.log1p(power_w / (bandwidth_hz * c))
        alone = np.log(c * excess(x)) + x
        low, high = alone.min(axis=-1, keepdims=True), alone.max(axis=-1, keepdims=True)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            x = nats_per_hz(np.exp(middle) / c)
            eta = excess(x) / x
            asked = eta.sum(axis=-1, keepdims=True) / (1 - eta).sum(axis=-1, keepdims=True)
            dear = middle > np.log(power_w / bandwidth_hz * asked)
            low, high = np.where(dear, low, middle), np.where(dear, middle, high)
        return replace(
            equal,
            b_hz=bandwidth_hz * eta / eta.sum(axis=-1, keepdims=True),
            p_w=power_w * (1 - eta) / (1 - eta).sum(axis=-1, keepdims=True),
        )
