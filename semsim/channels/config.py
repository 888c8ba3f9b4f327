"""Configuration of the built-in channels (neither torch nor sionna here)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from semsim.config import PluginConfig

Antennas = Annotated[int, Field(ge=1, le=256)]


class ChannelConfig(PluginConfig):
    """Base of every channel."""

    room: ClassVar[str] = "channels"


class AwgnConfig(ChannelConfig):
    """Additive white Gaussian noise."""

    kind: Literal["awgn"] = "awgn"


class BlockFadingConfig(ChannelConfig):
    """What the flat fading channels share."""

    block: Literal["image"] | PositiveInt = "image"
    """``image``: one gain an image; a number: another gain every so many symbols."""
    fading: Literal["independent", "jakes", "gauss_markov"] = "independent"
    """How the gains of consecutive blocks belong together; ``jakes`` has the autocorrelation
    J0(2π·f_d·T·k) of a moving user, ``gauss_markov`` is the first-order process that agrees with
    it at k = 1."""
    doppler_per_block: float | None = Field(None, gt=0, le=0.5)
    """Normalised Doppler f_d·T: greatest Doppler shift times the duration of one block."""
    antennas: Antennas = 1
    """Antennas of the sender, fading independently; several send with maximum ratio."""

    @model_validator(mode="after")
    def _correlation(self) -> BlockFadingConfig:
        if self.fading == "independent":
            if self.doppler_per_block is not None:
                raise ValueError("'doppler_per_block' needs fading: jakes or gauss_markov")
        elif self.doppler_per_block is None:
            raise ValueError(
                f"fading '{self.fading}' needs 'doppler_per_block' (f_d·T of one block)"
            )
        elif self.block == "image":
            raise ValueError(
                f"fading '{self.fading}' needs a number as 'block'; an image is one gain"
            )
        return self


class RayleighConfig(BlockFadingConfig):
    """Flat Rayleigh block fading with a coherent receiver."""

    kind: Literal["rayleigh"] = "rayleigh"


class RicianConfig(BlockFadingConfig):
    """Flat Rician block fading with a coherent receiver."""

    kind: Literal["rician"] = "rician"
    k: float = Field(10.0, ge=0)
    """Rician factor K: power of the line of sight over power of the scatter, linear."""


class OfdmConfig(ChannelConfig):
    """What the OFDM channels share.

    The defaults are a pedestrian on a 10 MHz carrier at 3.5 GHz: 24 resource blocks of 12
    subcarriers (TS 38.101-1, table 5.3.2-1) and slots of 14 symbols.
    """

    model: Literal["A", "B", "C", "D", "E"] = "C"
    """Delay profile of TR 38.901, section 7.7; D and E have a line of sight."""
    delay_spread_s: float = Field(100e-9, gt=0, le=10e-6)
    """RMS delay spread; 100 ns is the nominal one of TR 38.901, table 7.7.3-1."""
    speed_m_per_s: float = Field(1.5, ge=0)
    """Speed of the user, which sets the Doppler spread."""
    carrier_hz: float = Field(3.5e9, ge=0.5e9, le=100e9)
    """Carrier frequency, within the range of TR 38.901."""
    subcarrier_spacing_hz: float = Field(30e3, gt=0)
    subcarriers: int = Field(288, ge=1, le=4096)
    """Subcarriers (the FFT size); none is left empty."""
    symbols_per_slot: int = Field(14, ge=1, le=14)
    """OFDM symbols of one slot, after which the pilot pattern repeats."""
    antennas: Antennas = 1
    """Antennas of the sender; several send with maximum ratio on each resource element."""
    csi: Literal["perfect", "ls", "lmmse"] = "perfect"
    """What the receiver knows of the channel: all, or what it makes of noisy pilots by least
    squares with linear interpolation, or by linear minimum mean square error."""
    pilot_symbols: tuple[int, ...] = (2, 11)
    """OFDM symbols of a slot, counted from 0, whose subcarriers all carry pilots; perfect
    knowledge needs and has none."""

    @model_validator(mode="after")
    def _pilots(self) -> OfdmConfig:
        if self.csi == "perfect":
            return self
        symbols, slot = self.pilot_symbols, self.symbols_per_slot
        if not symbols or list(symbols) != sorted(set(symbols)):
            raise ValueError(f"'pilot_symbols' must be rising numbers, got {list(symbols)}")
        if symbols[0] < 0 or symbols[-1] >= slot:
            raise ValueError(f"'pilot_symbols' must be in 0..{slot - 1}, got {list(symbols)}")
        if len(symbols) == slot:
            raise ValueError("'pilot_symbols' leave no symbol of the slot for data")
        return self


class OfdmTdlConfig(OfdmConfig):
    """OFDM over a tapped delay line of 3GPP TR 38.901, section 7.7.2."""

    kind: Literal["ofdm_tdl"] = "ofdm_tdl"


class OfdmCdlConfig(OfdmConfig):
    """OFDM over a clustered delay line of 3GPP TR 38.901, section 7.7.1, with its angles.

    The antennas of the sender are a horizontal row at half a wavelength.
    """

    kind: Literal["ofdm_cdl"] = "ofdm_cdl"
