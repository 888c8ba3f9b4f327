"""Codec, modem and channel as one audited link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypedDict

import torch
from torch import Tensor

from semsim.link.air import Air, PowerRule, send_by_length
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem
from semsim.types import (
    BitPayload,
    Channel,
    Codec,
    Csi,
    Delivery,
    Output,
    Rate,
    Source,
)
from semsim.units import db_to_linear


class LinkOptions(TypedDict, total=False):
    """Options of :class:`Link`, for those who pass them on."""

    power: PowerRule | None
    fading: Tensor | None
    semantic_noise: Callable[[Source], Source] | None


@dataclass(frozen=True)
class Sent:
    """A batch after the air.

    Attributes:
        output: of the receiver.
        lost: ``[B]`` share of code blocks with an error.
        side_uses: channel uses of the side information of each.
        payload: ``[B]`` bits or symbols that were sent.
        said: the sentences that were sent, where a codec sends sentences.
    """

    output: Output
    lost: Tensor
    side_uses: int
    payload: Tensor
    said: tuple[str, ...] | None = None


class Link:
    """One sender, one channel, one receiver.

    ::

        source ─► [semantic noise] ─► codec.encode ─► [modem] ─► unit power ─► channel
                                                                      │           │
                          output ◄─ codec.decode ◄─ [modem] ◄─────────┼───────────┘
                                                                    audit

    The link, not the codec, normalises: every image's symbols have unit mean power. SNR, power and
    channel uses are measured on what was sent and reported with every delivery.

    Args:
        codec: a semantic codec.
        channel: a channel.
        modem: for codecs that send bits; QPSK with rate-1/2 LDPC when not given.
        power: how symbols are scaled and what the SNR means; change it only to reproduce a paper
            that departs from the contract.
        fading: ``[D, m]`` draws of the channel's power gains, its law as both ends know it.
        semantic_noise: what the sender's image suffers before it is encoded (FTSC, Section II).
            Quality is judged against the clean image.
    """

    def __init__(
        self,
        codec: Codec,
        channel: Channel,
        modem: DigitalModem | None = None,
        *,
        power: PowerRule | None = None,
        fading: Tensor | None = None,
        semantic_noise: Callable[[Source], Source] | None = None,
    ) -> None:
        self.codec = codec
        self.channel = channel
        self.power = power or PowerRule()
        self._modem = modem
        self.fading = fading
        self._semantic_noise = semantic_noise

    def transmit(
        self,
        source: Source | Tensor,
        snr_db: float | Tensor,
        rate: Rate | str | None = None,
        *,
        reported_db: float | Tensor | None = None,
        mcs: int | None = None,
    ) -> Delivery:
        """Send a batch and return what came out with the audit.

        Args:
            source: a source, or images ``[B, 3, H, W]`` in 0..1.
            snr_db: Es/N0 in dB, one for all or ``[B]``.
            rate: a rate that the codec offers, its name, or ``None`` for the highest.
            reported_db: the SNR that codec and modem believe, where the feedback is imperfect.
            mcs: an index of the modem's table at which to send bits; its own choice by default.

        Raises:
            ValueError: for images out of range, an SNR that is not finite, an unknown rate, an MCS
                that the modem does not have, or one for a codec that sends symbols.
        """
        if isinstance(source, Tensor):
            source = Source(image=source)
        _check_images(source.image)
        chosen = self.choose(source, rate)
        snr = _linear(source, snr_db)
        known = snr if reported_db is None else _linear(source, reported_db)
        air = Air(self.channel, snr, self.power)
        sent = source if self._semantic_noise is None else self._semantic_noise(source)
        done = self._send(sent, Csi(known, self.fading), chosen, air, mcs)
        audit = air.audit(source.image[0].numel(), done.lost, done.side_uses)
        return Delivery(done.output, audit, chosen, done.payload, done.said)

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

    def channel_uses(self, rate: Rate, snr_db: float) -> int:
        """Return the channel uses that one image is planned to take, retransmissions aside.

        Where a codec's streams differ in length, these are the most that one takes.
        """
        if rate.unit == "symbols":
            return rate.payload
        csi = Csi(torch.tensor([db_to_linear(snr_db)]), self.fading)
        ((plan, _),) = self.modem("cpu").plan(rate.payload, csi)
        return plan.uses

    def _send(self, source: Source, csi: Csi, rate: Rate, air: Air, mcs: int | None) -> Sent:
        """Encode, send and decode a batch."""
        whole = torch.full((len(source),), rate.payload, device=csi.snr.device)
        payload = self.codec.encode(source, csi, rate)
        if isinstance(payload, BitPayload):
            modem = self.modem(str(payload.bits.device))
            received = modem.transmit(payload.bits, csi, air, payload.lengths, mcs)
            lost = received.block_errors / received.blocks
            side_bits = 0 if payload.lengths is None else payload.bits.shape[1].bit_length()
            sent = whole if payload.lengths is None else payload.lengths
            received = replace(received, lengths=payload.lengths)
            output = self.codec.decode(received, csi, rate)
            return Sent(output, lost, side_bits, sent, payload.said)
        if mcs is not None:
            raise ValueError(f"mcs is {mcs}, but the codec sends symbols, which no modem codes")
        # Side information is charged as QPSK of rate 1/2: one bit a channel use.
        lengths = payload.lengths
        heard = air.send(payload.x) if lengths is None else send_by_length(air, payload.x, lengths)
        sent = whole if lengths is None else lengths + payload.side_bits
        output = self.codec.decode(replace(heard, side=payload.side), csi, rate)
        return Sent(output, torch.zeros_like(csi.snr), payload.side_bits, sent, payload.said)

    def modem(self, device: str) -> DigitalModem:
        """Return the modem of bits; without one given, QPSK with rate-1/2 LDPC on ``device``."""
        if self._modem is None:
            self._modem = DigitalModem(ModemConfig(), device=device)
        return self._modem


def _linear(source: Source, snr_db: float | Tensor) -> Tensor:
    value = torch.as_tensor(snr_db, dtype=torch.float32, device=source.image.device)
    if not torch.isfinite(value).all():
        raise ValueError(f"snr_db must be finite, got {snr_db}")
    return db_to_linear(value).expand(len(source)).contiguous()


def _check_images(image: Tensor) -> None:
    if image.dim() != 4 or not image.is_floating_point():
        raise ValueError(f"images are floats [B, C, H, W], got {image.dtype} {tuple(image.shape)}")
    if image.shape[0] == 0:
        raise ValueError("there are no images in the batch")
    low, high = float(image.detach().amin()), float(image.detach().amax())
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(f"images must lie in 0..1 and be finite, got {low:g}..{high:g}")
