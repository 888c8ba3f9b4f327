"""Codec, modem and channel as one audited link."""

from __future__ import annotations

import torch
from torch import Tensor

from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.types import (
    Audit,
    BitPayload,
    Channel,
    Codec,
    Csi,
    Delivery,
    Output,
    Rate,
    Received,
    ReceivedBits,
    Source,
    SymbolPayload,
)
from semsim.units import db_to_linear


class Link:
    """One sender, one channel, one receiver.

    ::

        source ─► codec.encode ─► [modem] ─► unit power ─► channel ─► [modem] ─► codec.decode
                                                  └──────── audit ────────┘

    The link, not the codec, normalises: every image's symbols have unit mean power. SNR, power and
    channel uses are measured on what was sent and reported with every delivery.

    Args:
        codec: a semantic codec.
        channel: a channel.
        modem: for codecs that send bits; QPSK with rate-1/2 LDPC when not given.
        power_constraint: ``"unit"``, or ``"none"`` to reproduce papers that ignore it.
    """

    def __init__(
        self,
        codec: Codec,
        channel: Channel,
        modem: DigitalModem | None = None,
        *,
        power_constraint: str = "unit",
    ) -> None:
        if power_constraint not in ("unit", "none"):
            raise ValueError(f"power_constraint is 'unit' or 'none', got {power_constraint!r}")
        self.codec = codec
        self.channel = channel
        self._modem = modem
        self.power_constraint = power_constraint

    def _modem_on(self, device: torch.device) -> DigitalModem:
        if self._modem is None:
            self._modem = DigitalModem(ModemConfig(), device=str(device))
        return self._modem

    def transmit(
        self,
        source: Source | Tensor,
        snr_db: float | Tensor,
        rate: Rate | str | None = None,
    ) -> Delivery:
        """Send a batch and return what came out with the audit.

        Args:
            source: a source, or images ``[B, 3, H, W]`` in 0..1.
            snr_db: Es/N0 in dB, one for all or ``[B]``.
            rate: a rate that the codec offers, its name, or ``None`` for the highest.

        Raises:
            ValueError: for images out of range, an SNR that is not finite, an unknown rate.
        """
        if isinstance(source, Tensor):
            source = Source(image=source)
        _check_images(source.image)
        chosen = self.choose(source, rate)
        snr = self._snr(source, snr_db)
        csi = Csi(snr=snr)
        payload = self.codec.encode(source, csi, chosen)
        if isinstance(payload, BitPayload):
            return self._send_bits(source, payload, csi, chosen)
        return self._send_symbols(source, payload, csi, chosen)

    def choose(self, source: Source, rate: Rate | str | None) -> Rate:
        """Return the rate object for a rate, its name, or ``None`` (the highest offered)."""
        if isinstance(rate, Rate):
            return rate
        offered = self.codec.rates(source.shape)
        if rate is None:
            return offered[-1]
        for candidate in offered:
            if candidate.name == rate:
                return candidate
        names = ", ".join(candidate.name for candidate in offered)
        raise ValueError(f"the codec offers no rate {rate!r} for this image (offered: {names})")

    def _snr(self, source: Source, snr_db: float | Tensor) -> Tensor:
        value = torch.as_tensor(snr_db, dtype=torch.float32, device=source.image.device)
        if not torch.isfinite(value).all():
            raise ValueError(f"snr_db must be finite, got {snr_db}")
        return db_to_linear(value).expand(len(source)).contiguous()

    def _send_bits(self, source: Source, payload: BitPayload, csi: Csi, rate: Rate) -> Delivery:
        modem = self._modem_on(payload.bits.device)
        bits = payload.bits.shape[1]
        symbols = modem.modulate(payload.bits, csi)
        x, scale = self._normalize(symbols)
        received = self.channel.apply(x, csi.snr)
        # Both ends know the constellation, so the receiver undoes the normalisation exactly.
        rescaled = Received(
            x=received.x / scale,
            noise_variance=received.noise_variance / scale.square(),
            gain=received.gain,
            snr_measured=received.snr_measured,
            noise_samples=received.noise_samples,
        )
        decoded = modem.demodulate(rescaled, bits)
        errors, blocks = modem.block_errors(payload.bits, decoded)
        output = self.codec.decode(ReceivedBits(decoded, errors, blocks), csi, rate)
        return self._deliver(source, x, received, csi, rate, output, errors / blocks, 0)

    def _send_symbols(
        self, source: Source, payload: SymbolPayload, csi: Csi, rate: Rate
    ) -> Delivery:
        x, _ = self._normalize(payload.x)
        received = self.channel.apply(x, csi.snr)
        output = self.codec.decode(received, csi, rate)
        # Side information is charged as QPSK of rate 1/2: one bit a channel use.
        none = torch.zeros_like(csi.snr)
        return self._deliver(source, x, received, csi, rate, output, none, payload.side_bits)

    def _normalize(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scale each row of ``x [B, n]`` to unit mean power; also return the factor ``[B, 1]``."""
        power = x.abs().square().mean(dim=1, keepdim=True)
        if self.power_constraint == "none":
            return x, torch.ones_like(power)
        scale = power.clamp_min(torch.finfo(power.dtype).tiny).rsqrt()
        return x * scale, scale

    def _deliver(
        self,
        source: Source,
        x: Tensor,
        received: Received,
        csi: Csi,
        rate: Rate,
        output: Output,
        block_error_rate: Tensor,
        side_uses: int,
    ) -> Delivery:
        uses = torch.full_like(csi.snr, x.shape[1] + side_uses)
        values = source.image[0].numel()
        audit = Audit(
            snr_asked=csi.snr,
            snr_measured=received.snr_measured.detach(),
            noise_samples=received.noise_samples,
            power=x.detach().abs().square().mean(dim=1),
            channel_uses=uses,
            cbr=uses / values,
            block_error_rate=block_error_rate.to(csi.snr.dtype),
            power_constrained=self.power_constraint == "unit",
        )
        return Delivery(output=output, audit=audit, rate=rate)


def _check_images(image: Tensor) -> None:
    if image.dim() != 4 or not image.is_floating_point():
        raise ValueError(f"images are floats [B, C, H, W], got {image.dtype} {tuple(image.shape)}")
    if image.shape[0] == 0:
        raise ValueError("there are no images in the batch")
    low, high = float(image.detach().amin()), float(image.detach().amax())
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(f"images must lie in 0..1 and be finite, got {low:g}..{high:g}")
