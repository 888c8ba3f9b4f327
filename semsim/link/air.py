"""The channel as one batch sees it: unit power in, and an audit of what was really sent."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from semsim.link.config import PowerConstraint, SnrConvention
from semsim.types import Audit, Channel, Received, Transmitter


@dataclass(frozen=True)
class PowerRule:
    """How symbols are scaled, and which Es/N0 a nominal SNR stands for.

    Attributes:
        constraint: ``none`` sends symbols as they come.
        convention: ``es_n0`` is the contract of docs/physics.md. The others are definitions met in
            public codes: ``half_noise_power`` halves the noise once more (3 dB too good),
            ``unnormalised_power`` scales nothing, ``batch_power`` scales the batch instead of each
            image, ``variance_as_std`` takes 1/SNR for the standard deviation of the noise, so that
            γ dB become 2γ dB.
    """

    constraint: PowerConstraint = "unit"
    convention: SnrConvention = "es_n0"

    @property
    def constrained(self) -> bool:
        """Whether each image's power is held at one."""
        return self.constraint == "unit" and self.convention not in (
            "unnormalised_power",
            "batch_power",
        )

    def scale(self, x: Tensor) -> Tensor:
        """Return the factor ``[B, 1]`` for symbols ``x [B, n]``."""
        power = x.abs().square().mean(dim=1, keepdim=True)
        if self.constraint == "none" or self.convention == "unnormalised_power":
            return torch.ones_like(power)
        if self.convention == "batch_power":
            power = power.mean(dim=0, keepdim=True).expand_as(power)
        return power.clamp_min(torch.finfo(power.dtype).tiny).rsqrt()

    def es_n0(self, snr: Tensor) -> Tensor:
        """Return the linear Es/N0 (at unit power) that the nominal ``snr`` means."""
        if self.convention == "half_noise_power":
            return 2 * snr
        return snr.square() if self.convention == "variance_as_std" else snr


class Air:
    """One batch's way through a channel; sums up power, noise and channel uses as they occur.

    Args:
        channel: what to send through.
        snr: ``[B]`` nominal linear SNR.
        rule: how symbols are scaled and what the SNR means.
    """

    def __init__(self, channel: Channel, snr: Tensor, rule: PowerRule) -> None:
        self._channel = channel
        self._snr = snr
        self._rule = rule
        self._energy, self._symbols, self._extra = snr.new_zeros(3, len(snr))
        self._noise, self._samples = snr.new_zeros(2, len(snr))

    def send(self, x: Tensor, rows: Tensor | None = None, *, undo: bool = False) -> Received:
        """Scale and send symbols.

        Args:
            x: ``[b, n]`` complex symbols of any scale.
            rows: which of the batch send, ``[b]``; all when not given.
            undo: divide what arrives by the scale again. Only for constellations, which both ends
                know; the scale of an image's features is nobody's knowledge but the sender's.
        """
        if rows is None:
            rows = torch.arange(len(self._snr), device=self._snr.device)
        scale = self._rule.scale(x)
        x = x * scale
        received = self._channel.apply(x, self._rule.es_n0(self._snr[rows]))
        self._note(x.detach(), received, rows)
        if not undo:
            return received
        return Received(
            x=received.x / scale,
            noise_variance=received.noise_variance / scale.square(),
            gain=received.gain,
            snr_measured=received.snr_measured,
            noise_samples=received.noise_samples,
            extra_uses=received.extra_uses,
        )

    def _note(self, x: Tensor, received: Received, rows: Tensor) -> None:
        energy = x.abs().square().sum(dim=1).to(self._snr.dtype)
        power = energy / x.shape[1]
        noise = power / received.snr_measured.detach().to(self._snr.dtype)
        self._energy[rows] += energy
        self._noise[rows] += noise * received.noise_samples
        self._samples[rows] += received.noise_samples
        self._symbols[rows] += x.shape[1]
        self._extra[rows] += received.extra_uses

    def audit(self, values: int, block_error_rate: Tensor, side_uses: int = 0) -> Audit:
        """Return the audit of all that was sent so far.

        Args:
            values: source values of one image, for the CBR.
            block_error_rate: ``[B]``.
            side_uses: channel uses of side information, beside those sent here.
        """
        power = self._energy / self._symbols.clamp_min(1)
        uses = self._symbols + self._extra + side_uses
        return Audit(
            snr_asked=self._snr,
            snr_measured=power / (self._noise / self._samples.clamp_min(1)),
            noise_samples=self._samples.long(),
            power=power,
            channel_uses=uses,
            cbr=uses / values,
            block_error_rate=block_error_rate.to(self._snr.dtype),
            power_constrained=self._rule.constrained,
            snr_convention=self._rule.convention,
        )


@dataclass(frozen=True)
class AirPart:
    """Some of a batch in the air; rows are counted within the part."""

    air: Transmitter
    rows: Tensor

    def send(self, x: Tensor, rows: Tensor | None = None, *, undo: bool = False) -> Received:
        """As :meth:`Air.send`."""
        return self.air.send(x, self.rows if rows is None else self.rows[rows], undo=undo)


def send_by_length(air: Transmitter, x: Tensor, lengths: Tensor) -> Received:
    """Send the first ``lengths [B]`` symbols of each row of ``x [B, n]``, equal lengths together.

    Every row has unit mean power over the symbols that it sends. The rest of what arrives is zeros,
    with a noise variance of one and no gain; a row's measurement stands for its own symbols.

    Raises:
        ValueError: for a length that is not 1 to ``n``.
    """
    width = x.shape[1]
    if int(lengths.min()) < 1 or int(lengths.max()) > width:
        raise ValueError(f"lengths must be 1 to {width}, got {lengths.min()} to {lengths.max()}")
    rows, parts = [], []
    for length in sorted(set(lengths.tolist())):
        rows.append((lengths == length).nonzero().squeeze(1))
        parts.append(air.send(x[rows[-1], :length], rows[-1]))
    order = torch.cat(rows).argsort()

    def whole(name: str, fill: float) -> Tensor:
        padded = [
            pad(found, (0, width - found.shape[1]), value=fill)
            for found in (getattr(part, name) for part in parts)
        ]
        return torch.cat(padded)[order]

    return Received(
        x=whole("x", 0.0),
        noise_variance=whole("noise_variance", 1.0),
        gain=whole("gain", 0.0),
        snr_measured=torch.cat([part.snr_measured for part in parts])[order],
        noise_samples=min(part.noise_samples for part in parts),
        extra_uses=max(part.extra_uses for part in parts),
        lengths=lengths,
    )
