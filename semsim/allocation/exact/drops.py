"""A batch of drops as the exact solver wants it: users first, so that sums run along memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from semsim.allocation.exact.spectral import nats_per_hz
from semsim.allocation.terms import Terms
from semsim.arrays import Values, namespace

#: λ_3 p_max over the larger of λ_1 b_q and λ_2, where λ_3 is zero or less than that.
_NOTHING = 1e-11


@dataclass(frozen=True)
class Drops:
    """M drops of N users: ``[N, M]`` where users and drops differ, ``[N, 1]`` where users do.

    Attributes:
        c: noise power spectral density over gain, W/Hz.
        worth: l, what a factor e in ρ brings.
        nats: D ln 2, the nats on the air at ρ = 1.
        t0: computing time as ρ → 0, seconds.
        kappa: κ, seconds that a unit of ρ saves; negative where it takes more.
        saving: ε = λ_3 P_c κ, what computing a unit of ρ less is worth.
        log_rho_min: ln ρ_min, minus infinity where there is none.
        log_rho_max: ln ρ_max.
        deadline: when the image must be there, in seconds; infinity where T alone decides.
        lambda_delay: λ_2.
        lambda_energy: λ_3, or a trifle where it is zero.
        trifle: what that adds to it.
        bandwidth_hz: b_max.
        power_w: p_max.
        x_max: the largest X, infinity where the rate is Shannon's.
    """

    c: Values
    worth: Values
    nats: Values
    t0: Values
    kappa: Values
    saving: Values
    log_rho_min: Values
    log_rho_max: Values
    deadline: Values
    lambda_delay: float
    lambda_energy: float
    trifle: float
    bandwidth_hz: float
    power_w: float
    x_max: float = math.inf

    @classmethod
    def of(cls, terms: Terms, convert: Any = np.asarray) -> Drops:
        """Lay out ``terms`` of any leading shape; ``convert`` makes arrays of the library wanted.

        All leading dimensions become one. Where energy costs nothing, whatever power is not needed
        would have no price; it gets one too small to matter, so that the least is used.
        """
        users = terms.shape[-1]
        least = _NOTHING * max(terms.lambda_delay, float(terms.worth.max())) / terms.power_w

        def column(value: Any) -> Values:
            wide = np.broadcast_to(value, (*terms.shape[:-1], users)) if value.ndim > 1 else value
            return convert(np.ascontiguousarray(wide.reshape(-1, users).T))

        with np.errstate(divide="ignore"):
            log_min, log_max = np.log(terms.rho_min), np.log(terms.rho_max)
        return cls(
            c=convert(np.ascontiguousarray(terms.noise_over_gain_w_per_hz.reshape(-1, users).T)),
            worth=column(terms.worth),
            nats=column(terms.bits * math.log(2)),
            t0=column(terms.t0_s),
            kappa=column(terms.kappa_s),
            saving=column(terms.lambda_energy * terms.compute_power_w * terms.kappa_s),
            log_rho_min=column(log_min),
            log_rho_max=column(log_max),
            deadline=column(terms.deadline_s),
            lambda_delay=terms.lambda_delay,
            lambda_energy=max(terms.lambda_energy, least),
            trifle=max(0.0, least - terms.lambda_energy),
            bandwidth_hz=terms.bandwidth_hz,
            power_w=terms.power_w,
            x_max=terms.nats_per_hz_max,
        )

    def nats_per_hz(self, m: Values) -> Values:
        """Return the best X at ``m`` = μ/(A c), which the modem may hold down."""
        return nats_per_hz(m).clip(None, self.x_max)

    def time_on_air_s(self, rho: Values, slowest_s: Values) -> Values:
        """Return τ for ``rho [N, M]`` where the slowest user is done after ``slowest_s [M]``."""
        xp = namespace(rho)
        return xp.minimum(slowest_s, self.deadline) - self.t0 + self.kappa * rho

    @cached_property
    def computes_more(self) -> bool:
        """Whether some user takes longer to compute, the less it compresses: κ < 0."""
        return bool(namespace(self.c).any(self.kappa < 0))

    @cached_property
    def soonest_s(self) -> Values:
        """The T ``[M]`` before which some user cannot even have computed."""
        saved_s = self.kappa.clip(0.0, None) * namespace(self.c).exp(self.log_rho_max)
        return namespace(self.c).max(self.t0 - saved_s + 0 * self.c, axis=0)

    def concave_share(self) -> Values:
        """Return (1 - ε̄)/(1 + ε̄): the share of t/κ up to which 2κρ/τ + ερ/l <= 1 for all ρ.

        It is negative where computing energy outweighs quality.
        """
        xp = namespace(self.c)
        spent = (self.saving * xp.exp(self.log_rho_max)).clip(0.0, None)
        total = self.worth + spent
        return (self.worth - spent) / xp.where(total > 0, total, 1.0)

    def before(self, slowest_s: Values) -> Drops:
        """Return the drops with no deadlines but those not after ``slowest_s [M]``."""
        xp = namespace(self.c)
        met = self.deadline <= slowest_s
        return replace(self, deadline=xp.where(met, self.deadline, xp.inf))

    def take(self, index: Any) -> Drops:
        """Return some of the drops."""
        picked = {
            field.name: value[:, index]
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
            and getattr(value, "ndim", 0) == 2
            and value.shape[1] > 1
        }
        return replace(self, **picked)
