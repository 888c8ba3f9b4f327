"""Frequency-flat channels: white noise, Rayleigh and Rician block fading."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from semsim.channels.base import Equalised, SionnaChannel, power, white
from semsim.channels.config import AwgnConfig, BlockFadingConfig, RayleighConfig, RicianConfig
from semsim.channels.correlated import gauss_markov, jakes


class Awgn(SionnaChannel):
    """``y = x + w``: white Gaussian noise, no fading.

    The numbers are those of Sionna's ``phy.channel.AWGN``.
    """

    Config = AwgnConfig

    def __init__(
        self, config: AwgnConfig, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        super().__init__(device, generator)
        self.config = config

    def _receive(self, x: Tensor, noise: Tensor, n0: Tensor) -> Equalised:
        return Equalised(noise.add_(x), n0.expand(x.shape), n0.new_ones(()).expand(x.shape))


class _BlockFading(SionnaChannel):
    """``y = h x + w`` with ``h`` constant over a block; the receiver knows it and divides by it.

    With N antennas at the sender, ``y = Σ_a h_a s_a + w``. It knows their gains and sends
    ``s_a = h_a* x / ‖h‖`` (maximum-ratio transmission, unit power in all), so that the receiver
    sees the real gain ``h = ‖h‖``. Each antenna has E|h_a|² = 1 and the SNR is that of one
    antenna: the array gain shows in ``gain = ‖h‖²``, whose mean is N.
    """

    def __init__(
        self, config: BlockFadingConfig, device: str, generator: torch.Generator | None
    ) -> None:
        super().__init__(device, generator)
        self.config = config

    def _draw(self, batch: int, blocks: int) -> Tensor:
        """Return ``[batch, blocks, antennas]`` gains, CN(0, 1) each."""
        antennas, doppler = self.config.antennas, self.config.doppler_per_block
        if doppler is None:
            return white(batch * blocks, antennas, self._generator).reshape(batch, blocks, antennas)
        process = jakes if self.config.fading == "jakes" else gauss_markov
        h = process(batch * antennas, blocks, doppler, self._generator)
        return h.reshape(batch, antennas, blocks).transpose(1, 2)

    def _receive(self, x: Tensor, noise: Tensor, n0: Tensor) -> Equalised:
        batch, symbols = x.shape
        block = symbols if self.config.block == "image" else min(self.config.block, symbols)

        def spread(value: Tensor) -> Tensor:  # [B, blocks] to [B, n]
            repeated = value.unsqueeze(2).expand(-1, -1, block)
            return repeated.reshape(batch, -1)[:, :symbols]

        h = self._draw(batch, math.ceil(symbols / block))
        gain = power(h).sum(dim=2)  # [B, blocks]
        h = h.squeeze(2) if self.config.antennas == 1 else gain.sqrt()
        y = noise.addcmul_(spread(h), x)
        return Equalised(y * spread(h.reciprocal()), spread(n0 / gain), spread(gain))


class Rayleigh(_BlockFading):
    """Rayleigh block fading: h is CN(0, 1), so that |h|² is exponential with mean 1.

    ``y = h x + w`` with the gains of Sionna's ``phy.channel.GenerateFlatFadingChannel``, one a
    block, or, where ``fading`` ties the blocks together, of :mod:`semsim.channels.correlated`. With
    N antennas ``‖h‖²`` is a Gamma variable of shape N: mean N, variance N.
    """

    Config = RayleighConfig

    def __init__(
        self, config: RayleighConfig, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        super().__init__(config, device, generator)


class Rician(_BlockFading):
    """Rician block fading: a line of sight of uniformly random phase, and Gaussian scatter.

    ``h = √(K/(K+1)) e^{jφ} + √(1/(K+1)) g`` with ``g`` the ``h`` of :class:`Rayleigh`, so that
    E|h|² = 1 and ``Var|h|² = (2K+1)/(K+1)²``; K = 0 is Rayleigh fading. φ is drawn anew for every
    block and antenna; where ``fading`` ties the blocks together it keeps still, as of a line of
    sight across the way of the user.
    """

    Config = RicianConfig

    def __init__(
        self, config: RicianConfig, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        super().__init__(config, device, generator)
        self._sight = math.sqrt(config.k / (config.k + 1))
        self._spread = math.sqrt(1 / (config.k + 1))

    def _draw(self, batch: int, blocks: int) -> Tensor:
        phases = blocks if self.config.fading == "independent" else 1
        turn = torch.rand(
            (batch, phases, self.config.antennas), device=self.device, generator=self._generator
        )
        sight = torch.polar(torch.full_like(turn, self._sight), 2 * math.pi * turn)
        return sight + self._spread * super()._draw(batch, blocks)
