"""OFDM over the tapped delay lines of 3GPP TR 38.901."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from semsim.channels.base import Equalised, SionnaChannel, power
from semsim.channels.config import OfdmTdlConfig
from semsim.channels.sionna_rng import phy

#: Share of the normal cyclic prefix in the useful symbol, TS 38.211 section 5.3.1.
_CYCLIC_PREFIX = 144 / 2048


class OfdmTdl(SionnaChannel):
    """One antenna each side, perfect channel knowledge, unbiased LMMSE equaliser.

    ::

        x [B, n] -> slots [B·G, symbols, subcarriers] -> · H(t, f) -> + w -> LMMSE -> [B, n]

    Symbols fill a slot subcarrier by subcarrier, then symbol by symbol; the last slot is filled
    up with zeros, which are cut off again. Every image sees its own draw of the channel, which
    goes on ageing through its slots. The channel acts on the frequency grid: echoes beyond the
    cyclic prefix and Doppler within one symbol (inter-symbol and inter-carrier interference) are
    not simulated. The power of the delay profile is one, so that E|h|² = 1, and SNR is Es/N0 of
    a resource element averaged over fading.
    """

    Config = OfdmTdlConfig

    def __init__(
        self, config: OfdmTdlConfig, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        super().__init__(device, generator)
        self.config = config
        name = str(self.device)
        self._tdl = phy.channel.tr38901.TDL(
            model=config.model,
            delay_spread=config.delay_spread_s,
            carrier_frequency=config.carrier_hz,
            min_speed=config.speed_m_per_s,
            precision="single",
            device=name,
        )
        self._frequencies = phy.channel.subcarrier_frequencies(
            config.subcarriers, config.subcarrier_spacing_hz, precision="single", device=name
        )
        self._apply_channel = phy.channel.ApplyOFDMChannel(precision="single", device=name)
        # The effective noise variance is a difference of numbers near one; single precision
        # would leave nothing of it at high SNR.
        self._grid = phy.ofdm.ResourceGrid(
            num_ofdm_symbols=config.symbols_per_slot,
            fft_size=config.subcarriers,
            subcarrier_spacing=config.subcarrier_spacing_hz,
            cyclic_prefix_length=round(_CYCLIC_PREFIX * config.subcarriers),
            precision="double",
            device=name,
        )
        self._equaliser = phy.ofdm.LMMSEEqualizer(
            self._grid,
            phy.mimo.StreamManagement(np.ones((1, 1)), 1),
            whiten_interference=False,
            precision="double",
            device=name,
        )

    def _receive(self, x: Tensor, noise: Tensor, n0: Tensor) -> Equalised:
        batch, symbols = x.shape
        slot = self.config.symbols_per_slot * self.config.subcarriers
        slots = math.ceil(symbols / slot)
        h = self._response(batch, slots)
        y = self._apply_channel(self._to_grid(x, slots), h) + self._to_grid(noise, slots)
        error_variance = n0.new_zeros(())
        x_hat, variance = self._equaliser(
            y, h, error_variance, n0.flatten().repeat_interleave(slots)
        )
        gain = power(h)
        return Equalised(
            x_hat.reshape(batch, -1)[:, :symbols].to(x.dtype),
            variance.reshape(batch, -1)[:, :symbols].to(n0.dtype),
            gain.reshape(batch, -1)[:, :symbols],
        )

    def _response(self, batch: int, slots: int) -> Tensor:
        """Return ``[B·slots, 1, 1, 1, 1, symbols, subcarriers]`` frequency responses."""
        steps = slots * self.config.symbols_per_slot
        taps, delays = self._tdl(batch, steps, 1 / self._grid.ofdm_symbol_duration)
        h: Tensor = phy.channel.cir_to_ofdm_channel(self._frequencies, taps, delays)
        return h.reshape(
            batch * slots, 1, 1, 1, 1, self.config.symbols_per_slot, self.config.subcarriers
        )

    def _to_grid(self, x: Tensor, slots: int) -> Tensor:
        """Lay ``[B, n]`` out as ``[B·slots, 1, 1, symbols, subcarriers]``."""
        size = slots * self.config.symbols_per_slot * self.config.subcarriers
        return pad(x, (0, size - x.shape[1])).reshape(
            x.shape[0] * slots, 1, 1, self.config.symbols_per_slot, self.config.subcarriers
        )
