"""The allocation problem P1 of FTSC: its utility (eq. 24) and its constraints (eq. 25)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semsim.allocation.config import UtilityConfig
from semsim.allocation.quality import QualityCurve
from semsim.allocation.terms import Terms, Worst
from semsim.engine.budget import Budget, Values
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState

#: Relative excess over a budget that passes as rounding.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Utility:
    """U of eq. (24) and all that it is made of: ``total = quality - delay - energy``.

    Attributes:
        total: ``[...]`` U.
        quality: ``[...]`` λ_1 Q.
        delay: ``[...]`` λ_2 T.
        energy: ``[...]`` λ_3 ΣE.
        qualities: ``[..., N]`` what the quality curves (eq. 8) predict of each user.
        delay_s: ``[..., N]`` delay of each user, eq. (18).
        slowest_s: ``[...]`` T, the largest of them.
        energy_j: ``[..., N]`` transmission and computing, eq. (20) and (21).
    """

    total: Array
    quality: Array
    delay: Array
    energy: Array
    qualities: Array
    delay_s: Array
    slowest_s: Array
    energy_j: Array


def pooled(quality: str, values: Array) -> Array:
    """Return the users' qualities ``[..., N]`` as one: their ``sum``, ``mean`` or ``min``."""
    if quality == "min":
        return np.asarray(values.min(-1))
    return np.asarray(values.sum(-1) if quality == "sum" else values.mean(-1))


def _weighted(weight: float, value: Array) -> Array:
    # A weight of zero switches a term off, even an infinite one.
    return weight * value if weight > 0 else np.zeros_like(value)


@dataclass(frozen=True)
class Problem:
    """max U over (ρ, b, p) subject to Σb <= b_max, Σp <= p_max and 0 < ρ <= ρ_[2,2].

    A user of labels gets no ρ above the end of the quality curve.

    The delay constraints C4 of eq. (25) only define T, which is therefore no variable here but
    the largest delay.

    Attributes:
        budget: time and energy of one image, and what the cell has to share.
        config: the weights of the utility.
        curve: the PSNR expected at ρ, one curve for all users or one a user.
        offers: the ρ that every user's codec offers, rising; empty where nobody has said.
    """

    budget: Budget
    config: UtilityConfig
    curve: QualityCurve
    offers: tuple[tuple[float, ...], ...] = ()

    @property
    def rho_max(self) -> Values:
        """The largest ρ: ρ_[2,2], or where a user's curve ends; one for all, or ``[N]``."""
        highest = np.minimum(self.budget.rho_max, self.curve.highest)
        return float(highest) if highest.ndim == 0 else highest

    def utility(self, gain: Array, allocation: Allocation) -> Utility:
        """Return the utility of ``allocation`` where the power gains are ``gain [..., N]``.

        Raises:
            AllocationError: if the quality curves are those of another number of users.
        """
        rho, b_hz, p_w = allocation.rho, allocation.b_hz, allocation.p_w
        config, budget = self.config, self.budget
        qualities = self.curve.quality(rho)
        delay_s = budget.delay_s(rho, gain, b_hz, p_w)
        energy_j = budget.transmit_energy_j(rho, gain, b_hz, p_w) + budget.compute_energy_j(rho)
        slowest_s = delay_s.max(axis=-1)
        weighted = qualities * self._for_users("weight", config.weight, qualities.shape[-1])
        summed_up = pooled(config.quality, weighted)
        quality = _weighted(config.lambda_quality, summed_up)
        delay = _weighted(config.lambda_delay, slowest_s)
        energy = _weighted(config.lambda_energy, energy_j.sum(axis=-1))
        return Utility(
            total=quality - delay - energy,
            quality=quality,
            delay=delay,
            energy=energy,
            qualities=qualities,
            delay_s=delay_s,
            slowest_s=slowest_s,
            energy_j=energy_j,
        )

    def terms(self, gain: Array) -> Terms:
        """Return the numbers of the problem where the power gains are ``gain [..., N]``.

        Raises:
            AllocationError: if curves, weights or limits are those of another number of users, or
                a promised quality is beyond the codec.
        """
        budget, config, users = self.budget, self.config, gain.shape[-1]
        self._check_computing(users)
        share = self._for_users("weight", config.weight, users) * config.lambda_quality
        if config.quality == "mean":
            share /= users
        slopes = self.curve.slopes(users)
        offsets = np.broadcast_to(self.curve.offset, users)

        worst = None
        if config.quality == "min":
            worst = Worst(config.lambda_quality, offsets, slopes)
            share = np.zeros(users)

        def each(value: Values) -> Array:
            return np.array(np.broadcast_to(value, users), dtype=np.float64)

        levels = budget.levels
        gap, per_shannon, most = 1.0, 1.0, math.inf
        if levels is not None:
            gap, per_shannon = levels.gap, levels.share
            most = levels.bits_per_hz[-1] * math.log(2) / per_shannon
        return Terms(
            noise_over_gain_w_per_hz=gap * budget.noise_psd_w_per_hz / gain,
            worth=share * slopes,
            constant=float((share * offsets).sum()),
            bits=each(budget.image_bits / per_shannon),
            t0_s=each(budget.t0_s),
            kappa_s=each(budget.kappa_s),
            compute_power_w=each(budget.compute_power_w),
            rho_min=self._rho_min(users),
            rho_max=each(self.rho_max),
            deadline_s=self._for_users("deadline_s", config.deadline_s or math.inf, users),
            lambda_delay=config.lambda_delay,
            lambda_energy=config.lambda_energy,
            bandwidth_hz=budget.cell.bandwidth_hz,
            power_w=budget.cell.power_w,
            worst=worst,
            nats_per_hz_max=most,
            levels=levels,
        )

    def grid(self, users: int) -> list[Array]:
        """Return the offers of every user that the budget's model holds for, ρ <= ρ_[2,2].

        Raises:
            AllocationError: if the users' codecs, or their rates, are not known.
        """
        if len(self.offers) != users:
            raise AllocationError(
                f"the rates of {len(self.offers)} users' codecs are known, but there are {users} "
                "users; leave out 'rates: grid', or run a scenario with these users"
            )
        highest = self.budget.rho_max * (1 + TOLERANCE)
        grid = [np.array([rho for rho in offers if rho <= highest]) for offers in self.offers]
        for user, rho in enumerate(grid):
            if not rho.size:
                raise AllocationError(
                    f"user {user}'s codec offers no ρ up to {self.budget.rho_max:g}; leave out "
                    "'rates: grid'"
                )
        return grid

    def _rho_min(self, users: int) -> Array:
        """Return the ρ ``[N]`` of the promised quality, or of a codec's only rate, else 0."""
        slopes, rho_max = self.curve.slopes(users), np.broadcast_to(self.rho_max, users)
        only: Array = np.where(slopes == 0, rho_max, 0.0)
        if self.config.least_quality is None:
            return only
        promised = self._for_users("least_quality", self.config.least_quality, users)
        missing = promised - self.curve.offset
        with np.errstate(divide="ignore", invalid="ignore"):
            rho = np.exp(missing / slopes)
        rho = np.where(slopes == 0, np.where(missing > 0, math.inf, only), rho)
        beyond = np.flatnonzero(rho > rho_max)
        if beyond.size:
            user = int(beyond[0])
            best = self.curve.quality(rho_max)[user]
            raise AllocationError(
                f"utility.least_quality: user {user} is promised {promised[user]:g} dB, but "
                f"its codec has {best:.1f} dB at the largest ρ; promise less"
            )
        return rho

    @staticmethod
    def _for_users(name: str, value: float | tuple[float, ...], users: int) -> Array:
        if np.size(value) not in (1, users):
            raise AllocationError(
                f"utility.{name} has {np.size(value)} values for {users} users; give one number, "
                "or one a user"
            )
        return np.array(np.broadcast_to(value, users), dtype=np.float64)

    def _check_computing(self, users: int) -> None:
        codecs = len(self.budget.computing)
        if codecs > 1 and codecs != users:
            raise AllocationError(
                f"the computing of {codecs} users' codecs is known, but there are {users} users"
            )

    def violation(self, allocation: Allocation) -> float:
        """Return by how much the worst constraint is broken, over all drops and users.

        The figure is relative to b_max, p_max or ρ_[2,2]; 0 where all hold, infinity for NaN.
        """
        worst = 0.0
        for values, limit, total in (
            (allocation.b_hz, self.budget.cell.bandwidth_hz, True),
            (allocation.p_w, self.budget.cell.power_w, True),
            (allocation.rho / self.rho_max, 1.0, False),
        ):
            if np.isnan(values).any():
                return math.inf
            most = (values.sum(axis=-1) if total else values).max(initial=0.0)
            least = values.min(initial=0.0)
            worst = max(worst, float(most / limit - 1), float(-least / limit))
        return worst

    def check(self, allocation: Allocation, state: DownlinkState) -> None:
        """Refuse what is not an allocation for ``state``.

        Raises:
            AllocationError: naming the user and the constraint, for wrong shapes, values that
                are not positive and finite, ρ above ρ_[2,2], or shares that sum to more than the
                budget (by more than 1e-6 of it).
        """
        check_gain(state)
        fields = {"rho": allocation.rho, "b_hz": allocation.b_hz, "p_w": allocation.p_w}
        for name, values in fields.items():
            if values.shape != state.gain.shape:
                raise AllocationError(
                    f"{name} has shape {values.shape}, but the state's gain has "
                    f"{state.gain.shape}; allocate one value a user"
                )
            wrong = ~(np.isfinite(values) & (values > 0))
            if wrong.any():
                raise AllocationError(
                    f"{name} of {_where(wrong)} is {values[wrong][0]:g}; it must be positive and "
                    "finite"
                )
        most = np.broadcast_to(self.rho_max, allocation.rho.shape)
        high = allocation.rho > most * (1 + TOLERANCE)
        if high.any():
            at = "scaling [2,2]" if most[high][0] == self.budget.rho_max else "its highest rate"
            raise AllocationError(
                f"rho of {_where(high)} is {allocation.rho[high][0]:g}, above the codec's largest "
                f"({most[high][0]:g}, {at}); lower it"
            )
        for name, limit, key in (
            ("b_hz", self.budget.cell.bandwidth_hz, "bandwidth_hz"),
            ("p_w", self.budget.cell.power_w, "power_w"),
        ):
            total = fields[name].sum(axis=-1)
            over = total > limit * (1 + TOLERANCE)
            if over.any():
                raise AllocationError(
                    f"the users' {name} sum to {total[over][0]:g}{_in_drop(over)}, above the "
                    f"cell's {key} ({limit:g}); the largest share has user "
                    f"{int(fields[name][over][0].argmax())}"
                )


def check_gain(state: DownlinkState) -> None:
    """Refuse a state that nobody can allocate for.

    Raises:
        AllocationError: if there are no users, or a gain is not positive and finite.
    """
    if state.gain.ndim == 0 or state.users == 0:
        raise AllocationError(
            f"the state has no users: gain has shape {state.gain.shape}; give [..., N] with N >= 1"
        )
    wrong = ~(np.isfinite(state.gain) & (state.gain > 0))
    if wrong.any():
        raise AllocationError(
            f"the gain of {_where(wrong)} is {state.gain[wrong][0]:g}; it must be positive and "
            "finite"
        )


def _where(wrong: NDArray[np.bool_]) -> str:
    """Name the first user that ``wrong [..., N]`` marks."""
    *drop, user = (int(i) for i in np.argwhere(wrong)[0])
    return f"user {user}" + (f" of drop {tuple(drop)}" if drop else "")


def _in_drop(over: NDArray[np.bool_]) -> str:
    return f" in drop {tuple(int(i) for i in np.argwhere(over)[0])}" if over.ndim else ""
