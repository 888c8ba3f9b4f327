"""Frequency-flat channels: white noise, Rayleigh and Rician block fading."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from semsim.channels.base import Equalised, SionnaChannel, power
from semsim.channels.config import AwgnConfig, RayleighConfig, RicianConfig
from semsim.channels.sionna_rng import phy


class Awgn(SionnaChannel):
    """``y = x + w``: white Gaussian noise, no fading."""

    Config = AwgnConfig

    def __init__(
        self, config: AwgnConfig, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        super().__init__(device, generator)
        self.config = config

    def _receive(self, x: Tensor, noise: Tensor, n0: Tensor) -> Equalised:
        return Equalised(x + noise, n0.expand(x.shape), n0.new_ones(()).expand(x.shape))


class _BlockFading(SionnaChannel):
    """``y = h x + w`` with ``h`` constant over a block; the receiver knows it and divides by it."""

    def __init__(
        self,
        config: RayleighConfig | RicianConfig,
        device: str,
        generator: torch.Generator | None,
    ) -> None:
        super().__init__(device, generator)
        self.config = config
        self._scatter = phy.channel.GenerateFlatFadingChannel(
            1, 1, precision="single", device=str(self.device)
        )

    def _draw(self, count: int) -> Tensor:
        """Return ``[count]`` independent gains h with E|h|² = 1, here CN(0, 1)."""
        h: Tensor = self._scatter(count)
        return h.flatten()

    def _receive(self, x: Tensor, noise: Tensor, n0: Tensor) -> Equalised:
        batch, symbols = x.shape
        block = symbols if self.config.block == "image" else min(self.config.block, symbols)
        blocks = math.ceil(symbols / block)
        h = self._draw(batch * blocks).reshape(batch, blocks)
        h = h.repeat_interleave(block, dim=1)[:, :symbols]  # [B, n]
        gain = power(h)
        return Equalised((h * x + noise) / h, n0 / gain, gain)


class Rayleigh(_BlockFading):
    """Rayleigh block fading: h is CN(0, 1), so that |h|² is exponential with mean 1."""

    Config = RayleighConfig

    def __init__(
        self, config: RayleighConfig, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        super().__init__(config, device, generator)


class Rician(_BlockFading):
    """Rician block fading: a line of sight of uniformly random phase, and Gaussian scatter.

    ``h = √(K/(K+1)) e^{jφ} + √(1/(K+1)) g`` with ``g`` CN(0, 1), so that E|h|² = 1 and
    ``Var|h|² = (2K+1)/(K+1)²``; K = 0 is Rayleigh fading.
    """

    Config = RicianConfig

    def __init__(
        self, config: RicianConfig, device: str = "cpu", generator: torch.Generator | None = None
    ) -> None:
        super().__init__(config, device, generator)
        self._sight = math.sqrt(config.k / (config.k + 1))
        self._spread = math.sqrt(1 / (config.k + 1))

    def _draw(self, count: int) -> Tensor:
        turn = torch.rand(count, device=self.device, generator=self._generator)
        sight = torch.polar(torch.full_like(turn, self._sight), 2 * math.pi * turn)
        return sight + self._spread * super()._draw(count)
