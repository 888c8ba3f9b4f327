"""Configuration of the built-in channels (neither torch nor sionna here)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, PositiveInt

from semsim.config import PluginConfig


class ChannelConfig(PluginConfig):
    """Base of every channel."""

    room: ClassVar[str] = "channels"


class AwgnConfig(ChannelConfig):
    """Additive white Gaussian noise."""

    kind: Literal["awgn"] = "awgn"


class RayleighConfig(ChannelConfig):
    """Flat Rayleigh block fading with a coherent receiver."""

    kind: Literal["rayleigh"] = "rayleigh"
    block: Literal["image"] | PositiveInt = "image"
    """``image``: one gain an image; a number: an independent gain every so many symbols."""


class RicianConfig(ChannelConfig):
    """Flat Rician block fading with a coherent receiver."""

    kind: Literal["rician"] = "rician"
    k: float = Field(10.0, ge=0)
    """Rician factor K: power of the line of sight over power of the scatter, linear."""
    block: Literal["image"] | PositiveInt = "image"
    """``image``: one gain an image; a number: an independent gain every so many symbols."""


class OfdmTdlConfig(ChannelConfig):
    """OFDM over a tapped delay line of 3GPP TR 38.901, perfect CSI, LMMSE equaliser.

    The defaults are a pedestrian on a 10 MHz carrier at 3.5 GHz: 24 resource blocks of 12
    subcarriers (TS 38.101-1, table 5.3.2-1) and slots of 14 symbols.
    """

    kind: Literal["ofdm_tdl"] = "ofdm_tdl"
    model: Literal["A", "B", "C", "D", "E"] = "C"
    """Delay profile of TR 38.901, section 7.7.2; D and E have a line of sight."""
    delay_spread_s: float = Field(100e-9, gt=0, le=10e-6)
    """RMS delay spread; 100 ns is the nominal one of TR 38.901, table 7.7.3-1."""
    speed_m_per_s: float = Field(1.5, ge=0)
    """Speed of the user, which sets the Doppler spread."""
    carrier_hz: float = Field(3.5e9, ge=0.5e9, le=100e9)
    """Carrier frequency, within the range of TR 38.901."""
    subcarrier_spacing_hz: float = Field(30e3, gt=0)
    subcarriers: int = Field(288, ge=1, le=4096)
    """Subcarriers (the FFT size); all of them carry data."""
    symbols_per_slot: int = Field(14, ge=1, le=14)
    """OFDM symbols of one slot (one resource grid)."""
