"""What an image costs in time and energy: FTSC eq. (9)-(22), in SI units.

All functions are elementwise: they take arrays (or floats) of shapes that broadcast, usually
``[..., N]`` with one column a user, and return float64 arrays.

A user without bandwidth or without power is sent nothing: SNR 0, rate 0, infinite delay.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from semsim.engine.computing import PIXEL_BITS, Computing, FtscOperations
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.engine.levels import Levels
from semsim.types import Array, ImageShape
from semsim.units import dbm_to_w

Values: TypeAlias = Array | float


def ratio(top: ArrayLike, bottom: ArrayLike, otherwise: float) -> Array:
    """Divide where ``bottom`` is positive, and put ``otherwise`` elsewhere."""
    top, bottom = np.broadcast_arrays(top, bottom)
    quotient: Array = np.full(bottom.shape, otherwise)
    np.divide(top, bottom, out=quotient, where=bottom > 0)
    return quotient


@dataclass(frozen=True)
class Budget:
    """Time and energy of one image of ``shape`` in ``cell``, as functions of (ρ, b, p).

    Both ends of the trade-off are linear in ρ: a larger ρ costs more bits on the air
    (:meth:`transmit_time_s` grows) and fewer layers in FTSC (:meth:`compute_time_s` falls).

    Attributes:
        cell: bandwidth, power and noise.
        compute: speed and size of the codec's computer.
        shape: ``(C, H, W)`` of the images; the paper has C = 3.
        computing: what the users' codecs take, one for all or one a user; FTSC's where none is
            given.
        levels: the rates that the modem has; Shannon's, as FTSC has it, where none are given.

    Raises:
        ValueError: if ``shape`` is not three positive sizes, or the codec has fewer filters than
            the images have channels.
    """

    cell: CellConfig
    compute: ComputeConfig
    shape: ImageShape
    computing: tuple[Computing, ...] = ()
    levels: Levels | None = None

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise ValueError(f"shape must be (C, H, W) with positive sizes, got {self.shape}")
        if self.compute.filters < self.shape[0]:
            raise ValueError(
                f"compute.filters ({self.compute.filters}) is below the image's channels "
                f"({self.shape[0]}); raise it"
            )

    @property
    def image_bits(self) -> int:
        """D_0 of eq. (9), times 8: bits of the uncompressed image.

        Eq. (9) counts C·H·W values, one byte each. ρ in eq. (10) is a ratio of *sizes* (the bits
        of a value are in it already) and the rate of eq. (22) is in bit/s, so ρ·D_0/r is a time
        only if D_0 is in bits. With bytes taken literally the air would be eight times faster,
        and the largest ρ the best one at all the bandwidths that the paper looks at (quality
        summed): there would be nothing to decide.
        """
        return math.prod(self.shape) * PIXEL_BITS

    @property
    def noise_psd_w_per_hz(self) -> float:
        """σ² of eq. (16), in W/Hz."""
        return dbm_to_w(self.cell.noise_psd_dbm_per_hz)

    @cached_property
    def ftsc(self) -> FtscOperations:
        """What FTSC takes for these images."""
        return FtscOperations(self.shape, self.compute)

    @property
    def rho_max(self) -> float:
        """ρ_[2,2] of eq. (10), the largest that anybody may be given."""
        return self.ftsc.rho_max

    @cached_property
    def t0_s(self) -> Values:
        """t_0: the computing time as ρ → 0; (4/3 C_0 - C_Δ)/f for FTSC. One for all, or ``[N]``."""
        return self._of_users([each.base for each in self._computing])

    @cached_property
    def kappa_s(self) -> Values:
        """κ: the computing time that a unit of ρ saves; 4 C_0/(3 ρ_0 f) for FTSC."""
        return self._of_users([-each.slope for each in self._computing])

    @property
    def _computing(self) -> tuple[Computing, ...]:
        return self.computing or (self.ftsc.computing,)

    def _of_users(self, operations: list[float]) -> Values:
        if len(operations) == 1:
            return operations[0] / self.compute.frequency_hz
        return np.array(operations) / self.compute.frequency_hz

    @property
    def compute_power_w(self) -> float:
        """ω_c·f³: the power drawn while computing."""
        return self.compute.efficiency * self.compute.frequency_hz**3

    def snr(self, gain: Values, b_hz: Values, p_w: Values) -> Array:
        """Return the linear SNR p·g/(b·σ²) of eq. (16)."""
        noise_w = np.multiply(b_hz, self.noise_psd_w_per_hz)
        return ratio(np.multiply(p_w, gain), noise_w, otherwise=0.0)

    def shannon_bps(self, gain: Values, b_hz: Values, p_w: Values) -> Array:
        """Return the data rate r = b·log2(1 + SNR) of eq. (22), in bit/s."""
        return np.multiply(b_hz, np.log1p(self.snr(gain, b_hz, p_w)) / math.log(2))

    def rate_bps(self, gain: Values, b_hz: Values, p_w: Values) -> Array:
        """Return the data rate in bit/s: of :attr:`levels` where there are any, or eq. (22)."""
        if self.levels is None:
            return self.shannon_bps(gain, b_hz, p_w)
        return np.multiply(b_hz, self.levels.of(self.snr(gain, b_hz, p_w)))

    def transmit_time_s(self, rho: Values, gain: Values, b_hz: Values, p_w: Values) -> Array:
        """Return T_trans = ρ·D_0/r of eq. (16); infinite where the rate is zero."""
        bits = np.multiply(rho, self.image_bits)
        return ratio(bits, self.rate_bps(gain, b_hz, p_w), otherwise=math.inf)

    def compute_time_s(self, rho: Values) -> Array:
        """Return T_comp = t_0 - κρ of eq. (17)."""
        return np.asarray(self.t0_s - np.multiply(self.kappa_s, rho))

    def delay_s(self, rho: Values, gain: Values, b_hz: Values, p_w: Values) -> Array:
        """Return T_n of eq. (18): transmission and computing."""
        return self.transmit_time_s(rho, gain, b_hz, p_w) + self.compute_time_s(rho)

    def transmit_energy_j(self, rho: Values, gain: Values, b_hz: Values, p_w: Values) -> Array:
        """Return the user's term p·T_trans of eq. (20); zero without power."""
        return self.air_energy_j(self.transmit_time_s(rho, gain, b_hz, p_w), p_w)

    def air_energy_j(self, time_s: Array, p_w: Values) -> Array:
        """Return p·t for ``time_s`` on the air, as ``time_s``; zero without power."""
        energy_j: Array = np.zeros(time_s.shape)
        np.multiply(p_w, time_s, out=energy_j, where=np.greater(p_w, 0))
        return energy_j

    def compute_energy_j(self, rho: Values) -> Array:
        """Return the user's term ω_c·f²·C of eq. (21).

        C is in floating-point operations, which is f·T_comp; hence ω_c·f³·T_comp.
        """
        return self.compute_power_w * self.compute_time_s(rho)
