"""P1 of FTSC in the few numbers that its solvers need, one column a user.

With t = T - t_0, τ = t + κρ and c = σ²/g the problem reads, in SI units,

    max   Σ l ln ρ - λ_2 T - λ_3 Σ [p τ + P_c (t_0 - κρ)]
    s.t.  b log2(1 + p/(b c)) τ >= ρD,   Σb <= b_max,   Σp <= p_max,
          ρ_min <= ρ <= ρ_max,   t_0 + τ - κρ <= min(T, deadline)

up to a constant. Users may differ in everything: codec, quality curve, image, weight, deadline.

A modem has levels, none of which is above a log2(1 + SNR/Γ), cut at the highest. Then c = Γσ²/g, D
is in units of a bits, and :meth:`Terms.relaxed` is the problem with that curve, which the solvers
take; its optimum bounds what the modem can do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsim.engine.levels import Levels
from semsim.types import Array


@dataclass(frozen=True)
class Worst:
    """Quality that counts as that of the worst user: ``weight * min(offset + slope ln ρ)``.

    Attributes:
        weight: λ_1.
        offset: ``[N]`` a_q.
        slope: ``[N]`` b_q.
    """

    weight: float
    offset: Array
    slope: Array


@dataclass(frozen=True)
class Terms:
    """One drop, or many: arrays are ``[N]`` or ``[..., N]``, and broadcast.

    Attributes:
        noise_over_gain_w_per_hz: ``[..., N]`` c = σ²/g, the noise as it would look at the sender;
            Γσ²/g where the modem has levels.
        worth: l = λ_1 b_q (divided by N where quality is averaged) times the user's weight: what a
            factor e in ρ brings.
        constant: the part of U that nothing changes, ``Σ λ_1 a_q`` in the same units.
        bits: D, the bits on the air at ρ = 1; over a where the modem has levels.
        t0_s: computing time as ρ → 0.
        kappa_s: κ, the computing time that a unit of ρ saves.
        compute_power_w: P_c = ω_c f³, drawn while computing.
        rho_min: least ρ, 0 where any will do.
        rho_max: largest ρ of the codec.
        deadline_s: the latest that the image may arrive; infinity without one.
        lambda_delay: λ_2.
        lambda_energy: λ_3.
        bandwidth_hz: b_max.
        power_w: p_max.
        worst: where quality is that of the worst user; every ``worth`` is 0 then.
        nats_per_hz_max: the modem's highest rate over a, in nats/s/Hz; infinity for Shannon's.
        levels: the modem's, which utility and delay go by; the solvers leave them out.
    """

    noise_over_gain_w_per_hz: Array
    worth: Array
    constant: float
    bits: Array
    t0_s: Array
    kappa_s: Array
    compute_power_w: Array
    rho_min: Array
    rho_max: Array
    deadline_s: Array
    lambda_delay: float
    lambda_energy: float
    bandwidth_hz: float
    power_w: float
    worst: Worst | None = None
    nats_per_hz_max: float = math.inf
    levels: Levels | None = None

    def relaxed(self) -> Terms:
        """Return the problem with the smooth rate that no level of the modem lies above."""
        return self if self.levels is None else replace(self, levels=None)

    @property
    def shape(self) -> tuple[int, ...]:
        """``(..., N)``."""
        return self.noise_over_gain_w_per_hz.shape

    def delay_s(self, rho: Array, b_hz: Array, p_w: Array) -> Array:
        """Return the delay ``[..., N]`` of each user; infinite where nothing arrives."""
        on_air_s = self._time_on_air_s(rho, b_hz, p_w)
        delay_s: Array = on_air_s + self.t0_s - self.kappa_s * rho
        return delay_s

    def utility(self, rho: Array, b_hz: Array, p_w: Array) -> Array:
        """Return U ``[...]`` of an allocation ``[..., N]``; minus infinity where nothing arrives.

        T is the largest delay; constraints are not looked at.
        """
        computing_s = self.t0_s - self.kappa_s * rho
        on_air_s = self._time_on_air_s(rho, b_hz, p_w)
        with np.errstate(divide="ignore", invalid="ignore"):
            quality = np.where(self.worth > 0, self.worth * np.log(rho), 0.0).sum(-1)
            if self.worst is not None:
                each = self.worst.offset + self.worst.slope * np.log(rho)
                quality = self.worst.weight * each.min(-1)
            energy_j = (p_w * on_air_s + self.compute_power_w * computing_s).sum(-1)
        slowest_s = (on_air_s + computing_s).max(-1)
        utility: Array = (
            self.constant
            + quality
            - (self.lambda_delay * slowest_s if self.lambda_delay > 0 else 0.0)
            - (self.lambda_energy * energy_j if self.lambda_energy > 0 else 0.0)
        )
        return utility

    def rate_bps(self, b_hz: Array, p_w: Array) -> Array:
        """Return each user's rate ``[..., N]``, in the unit of ``bits`` a second."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            snr = p_w / (b_hz * self.noise_over_gain_w_per_hz)  # over Γ
            if self.levels is None:
                bits_per_hz = np.minimum(np.log1p(snr), self.nats_per_hz_max) / np.log(2)
            else:
                bits_per_hz = self.levels.of(snr * self.levels.gap) / self.levels.share
            rate: Array = b_hz * bits_per_hz
        return rate

    def _time_on_air_s(self, rho: Array, b_hz: Array, p_w: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            rate_bps = self.rate_bps(b_hz, p_w)
            on_air_s: Array = np.where(rho > 0, rho * self.bits / rate_bps, 0.0)
        return on_air_s

    def flat(self) -> Terms:
        """Return the same drops under one leading dimension, ``[D, N]``."""
        users = self.shape[-1]
        wide: dict[str, Any] = {
            name: np.broadcast_to(value, self.shape).reshape(-1, users)
            for name, value in self._arrays()
            if value.ndim > 1 or name == "noise_over_gain_w_per_hz"
        }
        return replace(self, **wide)

    def rows(self, index: NDArray[Any] | slice) -> Terms:
        """Return some of the drops of flat terms."""
        some: dict[str, Any] = {
            name: value[index] for name, value in self._arrays() if value.ndim > 1
        }
        return replace(self, **some)

    def _arrays(self) -> list[tuple[str, Array]]:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return [(name, value) for name, value in values if isinstance(value, np.ndarray)]
