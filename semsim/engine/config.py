"""Configuration of the cell, its feedback, and the computer at its sender (no numpy here)."""

from __future__ import annotations

import math
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from semsim.codecs.ftsc.tuning.config import TuningConfig
from semsim.config import Strict
from semsim.units import NOISE_PSD_DBM_PER_HZ


class LogDistance(Strict):
    """Path loss by distance alone, FTSC eq. (23): every user in line of sight, no shadowing."""

    model: Literal["log_distance"] = "log_distance"
    reference_gain_db: float = -30.0
    """β_0 of FTSC eq. (23): the power gain at d_0 = 1 m (the paper gives no value)."""
    path_loss_exponent: float = Field(2.0, gt=0)
    """α of FTSC eq. (23)."""

    @property
    def reach_m(self) -> tuple[float, float]:
        """Least and largest distance that the model holds for."""
        return 0.0, math.inf

    @property
    def carriers_hz(self) -> tuple[float, float]:
        """Least and largest carrier frequency that the model holds for."""
        return 0.0, math.inf


class _Tr38901(Strict):
    """What the models of 3GPP TR 38.901 share.

    Distances are measured on the ground. Antennas have 0 dBi at both ends; users outdoors do not
    sit in cars. Users without line of sight have Rayleigh fading, whatever `fading.rician_k` is.
    """

    bs_height_m: float = Field(gt=0)
    user_height_m: float = Field(gt=0)
    line_of_sight: Literal["drawn", "always", "never"] = "drawn"
    """``drawn``: once a drop, by the probabilities of TR 38.901, table 7.4.2-1; ``always`` and
    ``never`` decide for all outdoor users."""
    shadowing: bool = True
    """Log-normal shadow fading, drawn once a drop; neighbours fade alike (section 7.4.4)."""
    indoor_share: float = Field(0.0, ge=0, le=1)
    """Probability of each user to be indoors, where no line of sight reaches."""

    @model_validator(mode="after")
    def _sender_on_top(self) -> _Tr38901:
        if self.bs_height_m <= self.user_height_m:
            raise ValueError(
                f"'bs_height_m' ({self.bs_height_m:g}) must be above 'user_height_m' "
                f"({self.user_height_m:g}); raise it"
            )
        return self

    @property
    def reach_m(self) -> tuple[float, float]:
        """Least and largest distance on the ground that the model holds for, table 7.4.1-1."""
        return 10.0, 5e3

    @property
    def carriers_hz(self) -> tuple[float, float]:
        """Least and largest carrier frequency that the model holds for."""
        return 0.5e9, 100e9


class _Urban(_Tr38901):
    user_height_m: float = Field(1.5, ge=1.5, le=22.5)
    """Height of the users' antennas."""
    walls: Literal["low", "high"] = "low"
    """Penetration loss of the buildings (section 7.4.3); below 6 GHz both are 20 dB."""


class UrbanMicro(_Urban):
    """UMi street canyon of 3GPP TR 38.901: the sender below the rooftops."""

    model: Literal["umi"] = "umi"
    bs_height_m: float = Field(10.0, gt=0)
    """Height of the sender's antenna; the standard's formulas were fitted at 10 m."""


class UrbanMacro(_Urban):
    """UMa of 3GPP TR 38.901: the sender above the rooftops."""

    model: Literal["uma"] = "uma"
    bs_height_m: float = Field(25.0, gt=0)
    """Height of the sender's antenna; the standard's formulas were fitted at 25 m."""


class RuralMacro(_Tr38901):
    """RMa of 3GPP TR 38.901: wide areas, up to 10 km."""

    model: Literal["rma"] = "rma"
    bs_height_m: float = Field(35.0, ge=10, le=150)
    """Height of the sender's antenna."""
    user_height_m: float = Field(1.5, ge=1, le=10)
    """Height of the users' antennas."""
    building_height_m: float = Field(5.0, ge=5, le=50)
    """h: average height of the buildings."""
    street_width_m: float = Field(20.0, ge=5, le=50)
    """W: average width of the streets."""

    @property
    def reach_m(self) -> tuple[float, float]:
        """From the 35 m of table 7.2-3 to 5 km, or to 10 km with line of sight."""
        return 35.0, 10e3 if self.line_of_sight == "always" else 5e3

    @property
    def carriers_hz(self) -> tuple[float, float]:
        """Least and largest carrier frequency that the model holds for."""
        return 0.5e9, 30e9


Propagation: TypeAlias = LogDistance | UrbanMicro | UrbanMacro | RuralMacro


class _Fading(Strict):
    rician_k: float = Field(10.0, ge=0)
    """K of FTSC eq. (23), linear, of users in line of sight; 0 is Rayleigh fading (the paper gives
    no value)."""


class IndependentFading(_Fading):
    """A new draw every slot."""

    model: Literal["independent"] = "independent"


class _Moving(_Fading):
    slot_s: float = Field(gt=0)
    """Time from one slot to the next."""
    speed_m_per_s: float = Field(1.5, ge=0)
    """Speed of the users; they move around the sender, so that distances stay."""


class GaussMarkovFading(_Moving):
    """Scatter of first order: each slot remembers the one before by J0(2π f_d T)."""

    model: Literal["gauss_markov"] = "gauss_markov"


class JakesFading(_Moving):
    """Scatter from all around (Clarke, Jakes): correlation J0(2π f_d k T) over k slots."""

    model: Literal["jakes"] = "jakes"


Fading: TypeAlias = IndependentFading | GaussMarkovFading | JakesFading


class CellConfig(Strict):
    """One downlink cell: what its users share, and what the air does to power."""

    bandwidth_hz: float = Field(gt=0)
    """b_max of FTSC eq. (25), C1: the bandwidth that all users share."""
    power_w: float = Field(gt=0)
    """p_max of FTSC eq. (25), C2: the transmit power that all users share."""
    noise_psd_dbm_per_hz: float = NOISE_PSD_DBM_PER_HZ
    """σ² of FTSC eq. (16): the power spectral density of the noise."""
    carrier_hz: float = Field(3.5e9, gt=0)
    """Carrier frequency, for the models of TR 38.901 and for the Doppler spread."""
    propagation: Annotated[Propagation, Field(discriminator="model")] = LogDistance()
    """Path loss and shadowing: fixed for a drop."""
    fading: Annotated[Fading, Field(discriminator="model")] = IndependentFading()
    """Small-scale fading: new every slot."""
    rate: Literal["shannon", "mcs"] = "shannon"
    """Which rate allocators plan with, and time and energy on the air are charged at: ``shannon``,
    as FTSC eq. (16), or ``mcs``, that of the modem. It is charged by the channel uses really taken,
    and planned from the SNR on at which each MCS keeps the modem's `target_bler` (Shannon's where
    the modem has no `mcs`)."""

    @model_validator(mode="after")
    def _carrier(self) -> CellConfig:
        low, high = self.propagation.carriers_hz
        if not low <= self.carrier_hz <= high:
            raise ValueError(
                f"'carrier_hz' is {self.carrier_hz:g}, but {self.propagation.model} holds from "
                f"{low:g} to {high:g}; change it or take another propagation model"
            )
        return self


class FeedbackConfig(Strict):
    """How well the sender knows the users' gains; the default is perfectly and at once."""

    error_db: float = Field(0.0, ge=0)
    """Standard deviation of a Gaussian error of each report in dB."""
    delay_slots: int = Field(0, ge=0)
    """Age of a report when it is used; in the first slots, the first slot's report."""


class ComputeConfig(Strict):
    """What one image costs to encode, from the size of the codec's convolutions."""

    frequency_hz: float = Field(1.35e9, gt=0)
    """f of FTSC eq. (17): floating-point operations a second, one a clock tick."""
    efficiency: float = Field(1e-38, ge=0)
    """ω_c of FTSC eq. (21). The paper's value makes computing free (2e-11 J an image); 1e-28 gives
    0.2 to 0.3 J."""
    kernel: int = Field(4, ge=1)
    """k of FTSC eq. (12): the side of a convolution kernel."""
    filters: int = Field(128, ge=1)
    """C_ch of FTSC eq. (12): the filters of a layer."""


class AdaptConfig(TuningConfig):
    """Fine-tuning of the users' FTSC decoders while the downlink runs.

    Its air time and transmit energy are charged to the slot in which it happens; the receiver
    computes beside its reception, which takes energy but delays nothing.
    """

    every_slots: int = Field(4, ge=1)
    """Slots between two rounds of fine-tuning."""
    users: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    """Which users tune, by their numbers from 0; the default is all."""
    originals: int = Field(4, ge=1)
    """DFT: images that the sender sends for each round, beside those of the slots."""
    remembered: int = Field(64, ge=1)
    """LSDFT: images whose latents a receiver keeps."""
    flops_per_s: float = Field(1e12, gt=0)
    """Speed of a receiver's processor."""
    power_w: float = Field(10.0, ge=0)
    """Power of a receiver's processor while it computes."""

    @model_validator(mode="after")
    def _no_floor(self) -> AdaptConfig:
        if self.floor != "none":
            raise ValueError("'floor' is for task adapt: receivers of a downlink keep no L_q")
        return self
