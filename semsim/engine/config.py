"""Configuration of the cell and of the computer at its sender (no numpy here)."""

from __future__ import annotations

from pydantic import Field

from semsim.config import Strict
from semsim.units import NOISE_PSD_DBM_PER_HZ


class CellConfig(Strict):
    """One downlink cell: what its users share, and how its channel fades with distance."""

    bandwidth_hz: float = Field(gt=0)
    """b_max of FTSC eq. (25), C1: the bandwidth that all users share."""
    power_w: float = Field(gt=0)
    """p_max of FTSC eq. (25), C2: the transmit power that all users share."""
    noise_psd_dbm_per_hz: float = NOISE_PSD_DBM_PER_HZ
    """σ² of FTSC eq. (16): the power spectral density of the noise."""
    reference_gain_db: float = -30.0
    """β_0 of FTSC eq. (23): the power gain at d_0 = 1 m (the paper gives no value)."""
    path_loss_exponent: float = Field(2.0, gt=0)
    """α of FTSC eq. (23)."""
    rician_k: float = Field(10.0, ge=0)
    """K of FTSC eq. (23), linear; 0 is Rayleigh fading (the paper gives no value)."""


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
