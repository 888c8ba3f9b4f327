"""``linear``: the best linear analog code, on the air."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from semsim.codecs.linear.config import LinearConfig, PhotosStatistics
from semsim.codecs.linear.klt import Klt, make_klt
from semsim.codecs.linear.powers import component_powers
from semsim.types import (
    Array,
    Csi,
    ImageShape,
    Output,
    Rate,
    Received,
    ReceivedBits,
    Source,
    SymbolPayload,
)

#: Energies of no and of unlimited size have the phases ∓0.75 π: noise must turn a phase by a
#: quarter of the circle to turn one end into the other.
_TURN = 1.5
#: Times the standard deviation of the logarithm of the energy: where the phase has gone half of
#: the way to its end. For a normal distribution 3^¼ leaves the least mean squared error.
_HALF_WAY = 3.0**0.25
#: Mean square of the phase for a normal distribution.
_USUAL_PHASE = 0.73
#: Energies (over their mean) below this are sent as this.
_LEAST_ENERGY = 1e-20


def scale_symbols(payload: int) -> int:
    """Return how many of ``payload`` channel uses carry the scale of an image.

    >>> scale_symbols(2048)
    16
    """
    return max(8, payload // 128)


@dataclass(frozen=True)
class _Plan:
    """What both ends know of a transmission, from the rate and the SNR that was fed back.

    Attributes:
        gains: ``[B, 2n]`` amplitude in each real channel use, for an image of mean energy.
        slots: ``[2n]`` the component that travels in each real channel use.
        deviations: ``[K]`` of the components that may be sent.
        centre: ``[B, 1]`` mean of the logarithm of an image's energy over the mean energy.
        width: ``[B, 1]`` how far from there the phase has gone half of the way to its end.
    """

    gains: Tensor
    slots: Tensor
    deviations: Tensor
    centre: Tensor
    width: Tensor

    def phase(self, log_energy: Tensor) -> Tensor:
        """Return the phase ``[B, 1]`` that tells the receiver this energy."""
        return _TURN * torch.atan((log_energy - self.centre) / self.width)

    def log_energy(self, phase: Tensor) -> Tensor:
        """Undo :meth:`phase`; phases beyond the ends are taken as the ends."""
        end = 0.5 * math.pi * 0.99
        return self.centre + self.width * torch.tan((phase / _TURN).clamp(-end, end))


class Linear(torch.nn.Module):
    """Independent components, scaled and sent as they are (Lee and Petersen 1976).

    ::

        image ─► KLT ─► σ_i² components ─► powers from the mean SNR ─► scale s ─► symbols
                                                                        └─► phase of symbols

    The components of largest variance travel, two to a complex symbol, each with the energy of
    :mod:`semsim.codecs.linear.powers`; where there are more real channel uses than components,
    components travel several times. The receiver's estimate is the linear one of least mean
    squared error, from the noise variance of every symbol.

    *The scale.* The powers hold on average, but the energy of a single image differs from its
    mean, relatively by √(2/N') with N' = (Σp)²/Σp² components that matter, and every image must
    leave at unit power. A receiver that did not know the factor s would add an error of 1/(2N')
    of the signal: with the default covariance and 1/2 channel uses per value 0.7 dB for 64×64
    pixels at 10 dB and 4 dB at 20 dB; 2 and 8 dB for 32×32. So s is sent, in band and counted:
    as the phase of one symbol in 128 (at least eight). Noise on it costs less than 0.1 dB from
    0 dB on (measured; 0.3 dB for photographs of 64×64 pixels, whose energies spread more).
    Nothing is taken as arrived.

    Args:
        config: the covariance, and how many channel uses.
        device: where the transforms live; images must be there too.
    """

    Config = LinearConfig

    def __init__(self, config: LinearConfig, device: str = "cpu") -> None:
        super().__init__()
        self.config = config
        self._device = device
        self._klts: dict[ImageShape, Klt] = {}

    def klt(self, shape: ImageShape) -> Klt:
        """Return the transform for images of ``shape``, made once."""
        if shape not in self._klts:
            self._klts[shape] = make_klt(self.config.statistics, shape, self._device)
        return self._klts[shape]

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """Return one rate for each CBR, of ⌊CBR·C·H·W⌋ channel uses.

        Raises:
            ValueError: if the covariance does not fit ``shape``, or there is no channel use left
                beside those for the scale.
        """
        self.klt(shape)
        values = math.prod(shape)
        statistics = self.config.statistics
        if isinstance(statistics, PhotosStatistics):
            flops = 2.0 * values * 3 * statistics.patch**2
        else:
            flops = 2.0 * values * sum(shape)
        rates = []
        for name in self.config.cbrs:
            payload = math.floor(Fraction(name) * values)
            if payload <= scale_symbols(payload):
                raise ValueError(
                    f"{name} channel uses per value are {payload} for (C, H, W) = {shape}: too "
                    "few; take larger images or more channel uses"
                )
            rates.append(Rate(name, shape, "symbols", payload, payload / values, flops, flops))
        return tuple(rates)

    @torch.no_grad()
    def encode(self, source: Source, csi: Csi, rate: Rate) -> SymbolPayload:
        """``[B, 3, H, W]`` images to ``[B, payload]`` symbols of unit mean power.

        Raises:
            ValueError: if ``rate`` is not one of this image shape.
        """
        if rate.shape != source.shape or rate.unit != "symbols":
            raise ValueError(f"rate {rate} is not one of images of shape {source.shape}")
        plan = self._plan(csi, rate)
        components = self.klt(rate.shape).analyse(source.image)
        values = plan.gains * components[:, plan.slots]
        uses = values.shape[1] / 2
        energy = (values.square().sum(dim=1, keepdim=True) / uses).clamp_min(_LEAST_ENERGY)
        phase = plan.phase(energy.log()).expand(-1, scale_symbols(rate.payload))
        scale = torch.polar(torch.ones_like(phase), phase)
        values = values * energy.rsqrt()
        symbols = torch.complex(values[:, ::2], values[:, 1::2])
        return SymbolPayload(torch.cat([scale, symbols], dim=1))

    @torch.no_grad()
    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:
        """``[B, payload]`` symbols to ``[B, 3, H, W]`` images in 0..1, by linear MMSE estimation.

        Raises:
            TypeError: if bits are given, not symbols.
        """
        if not isinstance(received, Received):
            raise TypeError("the linear code decodes symbols; it takes no modem")
        plan = self._plan(csi, rate)
        first = scale_symbols(rate.payload)
        precision = received.noise_variance.reciprocal()
        phase = (received.x * precision)[:, :first].sum(dim=1, keepdim=True).angle()
        # Half of the noise turns the sum; a poor phase counts less than what is usual.
        turned = 0.5 / precision[:, :first].sum(dim=1, keepdim=True)
        phase = phase / (1.0 + turned / _USUAL_PHASE)
        gains = plan.gains * (-0.5 * plan.log_energy(phase)).exp()
        values = torch.view_as_real(received.x[:, first:].contiguous()).flatten(1)
        # Half of the complex noise is in each real dimension.
        precision = 2.0 * precision[:, first:].repeat_interleave(2, dim=1)
        seen = self._per_component(plan, gains * values * precision)
        known = self._per_component(plan, gains.square() * precision)
        variances = plan.deviations.square()
        components = variances * seen / (1.0 + variances * known)
        rest = math.prod(rate.shape) - components.shape[1]
        components = torch.nn.functional.pad(components, (0, rest))
        return Output(image=self.klt(rate.shape).synthesise(components).clamp(0, 1))

    def _plan(self, csi: Csi, rate: Rate) -> _Plan:
        uses = rate.payload - scale_symbols(rate.payload)
        klt = self.klt(rate.shape)
        deviations = klt.deviations[: 2 * uses]
        powers = component_powers(deviations, uses, csi.snr.cpu().numpy())
        centre, spread = klt.energy_spread(powers)
        slots = np.arange(2 * uses) % deviations.size
        times = np.bincount(slots)
        gains = np.sqrt(powers / times) / deviations

        def tensor(values: Array) -> Tensor:
            return torch.from_numpy(values).to(csi.snr)

        return _Plan(
            gains=tensor(gains[:, slots]),
            slots=torch.from_numpy(slots).to(csi.snr.device),
            deviations=tensor(deviations),
            centre=tensor(centre[:, None]),
            width=tensor(_HALF_WAY * spread[:, None]),
        )

    @staticmethod
    def _per_component(plan: _Plan, values: Tensor) -> Tensor:
        """Sum ``[B, 2n]`` over the slots of each component: ``[B, K]``."""
        sums = values.new_zeros(len(values), len(plan.deviations))
        return sums.index_add_(1, plan.slots, values)
