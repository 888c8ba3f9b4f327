"""OFDM over the tapped and the clustered delay lines of 3GPP TR 38.901."""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import cached_property

import torch
from torch import Tensor

from semsim.channels.base import Equalised, SionnaChannel, power
from semsim.channels.config import OfdmCdlConfig, OfdmConfig, OfdmTdlConfig
from semsim.channels.estimation import (
    Estimator,
    LeastSquares,
    MinimumMeanSquares,
    Pilots,
    Prior,
)
from semsim.channels.sionna_rng import draws_from, phy

#: Share of the normal cyclic prefix in the useful symbol, TS 38.211 section 5.3.1.
_CYCLIC_PREFIX = 144 / 2048
#: Slots from which the law of a channel is learnt where no formula gives it, and how many at once.
_SLOTS, _SLOTS_AT_ONCE = 512, 32


class Ofdm(SionnaChannel):
    """``y(t, f) = h(t, f) x(t, f) + w(t, f)`` on a grid of OFDM symbols t and subcarriers f.

    ::

        h_a(t, f) = Σ_m α_m,a(t) exp(-j 2π f τ_m),   h = h_1 (one antenna) or ‖(h_1 … h_N)‖

    Sionna's ``TDL`` or ``CDL`` draws the paths α and ``cir_to_ofdm_channel`` sums them. Data fills
    the grid subcarrier by subcarrier, then symbol by symbol. Every image sees its own draw of the
    channel, which goes on ageing through its slots. The channel acts on the frequency grid: echoes
    beyond the cyclic prefix and Doppler within one symbol (inter-symbol and inter-carrier
    interference) are not simulated. Each antenna has E|h_a|² = 1, and SNR is Es/N0 of a resource
    element from one antenna, averaged over fading.

    **Antennas.** The sender knows the channel and sends ``s_a = h_a* x / ‖h‖`` on every resource
    element (maximum-ratio transmission, unit power in all), pilots included; the array gain shows
    in ``gain = ‖h‖²``, whose mean is N. A single antenna sends x as it is.

    **Receiver.** ``x̂ = y / ĥ`` with noise ``(N0 + σ²) / |ĥ|²``, where σ² is the variance of the
    estimate's error (for symbols of unit power): for one stream this is what the unbiased LMMSE
    equaliser (Sionna's ``LMMSEEqualizer``) gives. With ``csi: perfect`` ĥ = h and σ² = 0; else see
    :class:`~semsim.channels.estimation.LeastSquares` and
    :class:`~semsim.channels.estimation.MinimumMeanSquares`.

    **Pilots.** Data goes to the OFDM symbols of a slot that have no pilots. Slots are sent whole
    as far as pilots go: every slot begun costs all its pilots, ``slots · len(pilot_symbols) ·
    subcarriers`` channel uses; resource elements that the data leaves empty in the last slot are
    not counted, nor are they with perfect knowledge. The audit measures the noise on the data.
    """

    config: OfdmConfig

    def __init__(self, config: OfdmConfig, device: str, generator: torch.Generator | None) -> None:
        super().__init__(device, generator)
        self.config = config
        prefix = round(_CYCLIC_PREFIX * config.subcarriers) / config.subcarriers
        self._symbol_s = (1 + prefix) / config.subcarrier_spacing_hz
        self._frequencies = phy.channel.subcarrier_frequencies(
            config.subcarriers,
            config.subcarrier_spacing_hz,
            precision="single",
            device=str(self.device),
        )

    @abstractmethod
    def _paths(self, batch: int, steps: int) -> tuple[Tensor, Tensor]:
        """Draw ``[batch, 1, 1, 1, N, paths, steps]`` coefficients, and their delays in seconds.

        The delays, ``[..., 1, 1, paths]``, are those of every draw.
        """

    def _draw(self, batch: int, steps: int, generator: torch.Generator) -> Tensor:
        """Draw ``[batch, steps, K]`` gains h of consecutive OFDM symbols."""
        with draws_from(generator):
            paths, delays = self._paths(batch, steps)
        h: Tensor = phy.channel.cir_to_ofdm_channel(self._frequencies, paths, delays[:1])
        h = h[:, 0, 0, 0]  # [batch, N, steps, K]
        return h[:, 0] if self.config.antennas == 1 else power(h).sum(dim=1).sqrt()

    def _receive(self, x: Tensor, noise: Tensor, n0: Tensor) -> Equalised:
        batch, symbols = x.shape
        if self.config.csi != "perfect":
            return self._receive_by_pilots(x, noise, n0)
        steps = math.ceil(symbols / self.config.subcarriers)
        h = self._draw(batch, steps, self._generator).reshape(batch, -1)[:, :symbols]
        return _equalise(noise.addcmul_(h, x), h, h, n0)

    def _receive_by_pilots(self, x: Tensor, noise: Tensor, n0: Tensor) -> Equalised:
        batch, symbols = x.shape
        pilots, estimate = self._receiver
        slots = math.ceil(symbols / (len(pilots.data) * self.config.subcarriers))
        steps = slots * self.config.symbols_per_slot
        h = self._draw(batch, steps, self._generator)
        h = h.reshape(batch, slots, -1, self.config.subcarriers)  # [B, G, S, K]
        faded = h[:, :, pilots.at] * pilots.symbols
        spent = faded[0].numel()
        seen = faded + self._noise(spent, n0).reshape(faded.shape)
        known, error = estimate(seen * pilots.symbols.conj(), n0)
        variance = (n0[:, :, None, None] + error).expand(known.shape)

        def row(grid: Tensor) -> Tensor:  # [B, G, D, K] to [B, n]
            return grid.reshape(batch, -1)[:, :symbols]

        h = row(h[:, :, pilots.data])
        return _equalise(noise.addcmul_(h, x), h, row(known), row(variance), spent)

    @cached_property
    def _receiver(self) -> tuple[Pilots, Estimator]:
        pilots = Pilots(self.config, self.device)
        kind = LeastSquares if self.config.csi == "ls" else MinimumMeanSquares
        return pilots, kind(pilots, self._prior())

    def _prior(self) -> Prior:
        """Return the law of the channel as seen in draws of the first symbols of transmissions.

        The draws come from a generator of their own, always the same, so that the receiver is no
        random variable and the channel's generator does not move.
        """
        steps = self.config.symbols_per_slot
        generator = torch.Generator(self.device).manual_seed(0)
        chunks = range(_SLOTS // _SLOTS_AT_ONCE)
        h = torch.cat([self._draw(_SLOTS_AT_ONCE, steps, generator) for _ in chunks])
        # One antenna's phase is uniform; ‖h‖ has none.
        mean = float(h.mean()) if self.config.antennas > 1 else 0.0
        h = h.to(torch.complex128) - mean  # [512, S, K]
        time = torch.einsum("btf,bsf->ts", h, h.conj()) / h[:, 0].numel()
        first = h[:, 0].T
        return Prior(mean, time, first / first.abs().square().sum(dim=1).mean().sqrt())


def _equalise(y: Tensor, h: Tensor, known: Tensor, variance: Tensor, pilots: int = 0) -> Equalised:
    """Divide ``y [B, n]`` by what is known of ``h``, with noise and error of ``variance``."""
    length = power(known)
    return Equalised(y * known.conj() / length, variance / length, power(h), pilots)


class OfdmTdl(Ofdm):
    """OFDM over a tapped delay line: see :class:`Ofdm`.

    Sionna's ``phy.channel.tr38901.TDL``: taps of Clarke's Doppler spectrum (autocorrelation
    ``J0(2π f_d τ)``, f_d = speed · carrier / c), by twenty sinusoids each, and in the models D and
    E a line of sight at 0.7 f_d of uniformly random phase. Several antennas fade independently,
    but for that phase. For one antenna the estimators take the covariances of the very model,
    Sionna's ``tdl_time_cov_mat`` and the delay profile (as in its ``tdl_freq_cov_mat``); for
    several they learn those of ``‖h‖`` from 512 draws.
    """

    Config = OfdmTdlConfig

    def __init__(
        self, config: OfdmTdlConfig, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        super().__init__(config, device, generator)
        self._tdl = phy.channel.tr38901.TDL(
            model=config.model,
            delay_spread=config.delay_spread_s,
            carrier_frequency=config.carrier_hz,
            min_speed=config.speed_m_per_s,
            num_tx_ant=config.antennas,
            precision="single",
            device=str(self.device),
        )

    def _paths(self, batch: int, steps: int) -> tuple[Tensor, Tensor]:
        paths, delays = self._tdl(batch, steps, 1 / self._symbol_s)
        return paths, delays

    def _prior(self) -> Prior:
        if self.config.antennas > 1:
            return super()._prior()
        time = phy.ofdm.tdl_time_cov_mat(
            self.config.model,
            self.config.speed_m_per_s,
            self.config.carrier_hz,
            self._symbol_s,
            self.config.symbols_per_slot,
            precision="double",
            device=str(self.device),
        )
        turns = torch.outer(self._frequencies.double(), self._tdl.delays.double())
        powers = self._tdl.mean_powers.double()
        return Prior(0.0, time, torch.polar(powers.sqrt().expand_as(turns), -2 * math.pi * turns))


class OfdmCdl(Ofdm):
    """OFDM over a clustered delay line: see :class:`Ofdm`.

    Sionna's ``phy.channel.tr38901.CDL``, downlink: clusters of twenty rays with angles at both
    ends, from a ``PanelArray`` of N columns at half a wavelength to one antenna, all vertically
    polarised and omnidirectional so that E|h_a|² = 1. The user moves in a random direction of
    space. Sionna starts the line of sight of the models D and E at phase zero; a uniformly random
    phase, common to all antennas, is put before each transmission, as TDL has it. The estimators
    learn the covariances from 512 draws.
    """

    Config = OfdmCdlConfig

    def __init__(
        self, config: OfdmCdlConfig, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        super().__init__(config, device, generator)
        self._cdl = phy.channel.tr38901.CDL(
            model=config.model,
            delay_spread=config.delay_spread_s,
            carrier_frequency=config.carrier_hz,
            ut_array=self._row(1),
            bs_array=self._row(config.antennas),
            direction="downlink",
            min_speed=config.speed_m_per_s,
            max_speed=config.speed_m_per_s,
            precision="single",
            device=str(self.device),
        )

    def _row(self, antennas: int) -> phy.channel.tr38901.PanelArray:
        return phy.channel.tr38901.PanelArray(
            num_rows_per_panel=1,
            num_cols_per_panel=antennas,
            polarization="single",
            polarization_type="V",
            antenna_pattern="omni",
            carrier_frequency=self.config.carrier_hz,
            precision="single",
            device=str(self.device),
        )

    def _paths(self, batch: int, steps: int) -> tuple[Tensor, Tensor]:
        paths, delays = self._cdl(batch, steps, 1 / self._symbol_s)
        turn = phy.utils.rand(
            (batch, 1, 1, 1, 1, 1, 1), dtype=torch.float32, device=str(self.device)
        )
        return paths * torch.polar(torch.ones_like(turn), 2 * math.pi * turn), delays
