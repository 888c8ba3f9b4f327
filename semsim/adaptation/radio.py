"""The way between the two ends of a fine-tuning phase; nothing else passes between them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semsim.adaptation.ledger import Entry, Ledger
from semsim.errors import SemsimError
from semsim.link.air import Air, PowerRule
from semsim.link.modem import DigitalModem
from semsim.types import Channel, Csi, Received, ReceivedBits
from semsim.units import db_to_linear

#: How often a packet is begun again before its sender gives it up.
_ATTEMPTS = 8


class Radio:
    """Sends packets and symbols through a channel, and keeps a ledger of channel uses.

    Args:
        channel: between the two ends; ``None`` is the ideal channel of the paper, on which all
            arrives as it was sent. Bits are counted then, and channel uses as of QPSK without
            coding, two bits each, for want of an SNR that would say more.
        modem: of bits.
        snr_db: Es/N0; needed with a channel.
        fading: ``[D, m]`` draws of the channel's power gains, its law as both ends know it.
        power: how symbols are scaled.
    """

    def __init__(
        self,
        channel: Channel | None,
        modem: DigitalModem,
        snr_db: float | None = None,
        *,
        fading: Tensor | None = None,
        power: PowerRule | None = None,
    ) -> None:
        if channel is not None and snr_db is None:
            raise ValueError("a channel needs an SNR in dB; without a channel nothing is lost")
        self.snr_db = snr_db if channel is not None else None
        self.ledger = Ledger()
        self._channel = channel
        self._modem = modem
        self._fading = fading
        self._power = power or PowerRule()

    def deliver(self, item: str, packets: Sequence[NDArray[np.uint8]]) -> list[bool]:
        """Send each packet of bits until its CRC checks; return which arrived.

        A packet arrives as it is or not at all, so that the receiver's copy is the sender's.

        Args:
            item: what it is, for the ledger.
            packets: bits (0 or 1) of any length, each on its own.

        Raises:
            SemsimError: if the modem sends no CRC, so that nobody knows what arrived.
        """
        arrived, uses = [], 0
        for bits in packets:
            whole = False
            for _ in range(_ATTEMPTS):
                row = torch.from_numpy(bits).unsqueeze(0).to(self._modem.device)
                received, took = self.bits(row)
                uses += took
                if received.failed is None:
                    raise SemsimError("fine-tuning needs to know what arrived: set coding: ldpc")
                whole = not bool(received.failed[0])
                if whole:
                    break
            arrived.append(whole)
        sent = sum(len(bits) for bits in packets)
        self.ledger.entries.append(Entry(item, len(packets), sum(arrived), sent, uses))
        return arrived

    def bits(self, bits: Tensor, lengths: Tensor | None = None) -> tuple[ReceivedBits, int]:
        """Send ``[B, n]`` bits once; return what arrived and the channel uses that it took.

        Args:
            bits: one payload a row.
            lengths: ``[B]`` how many of each row are sent, where that is not all; the lengths
                travel beside them as QPSK of rate 1/2, as the link charges them.
        """
        told = 0 if lengths is None else len(bits) * bits.shape[1].bit_length()
        if self._channel is None:
            errors = torch.zeros(len(bits))
            whole = torch.zeros(len(bits), dtype=torch.bool, device=bits.device)
            sent = torch.full((len(bits),), bits.shape[1]) if lengths is None else lengths
            uses = int(((sent + 1) // 2).sum())
            return ReceivedBits(bits, errors, 1, whole), uses + told
        air, csi = self._air(len(bits), bits.device)
        received = self._modem.transmit(bits, csi, air, lengths)
        return received, self._uses(air, bits.shape[1]) + told

    def symbols(self, x: Tensor) -> tuple[Received, int]:
        """Send complex symbols ``[B, n]`` once, each row at unit power."""
        if self._channel is None:
            unit = torch.ones(x.shape, device=x.device)
            scale = self._power.scale(x)
            whole = Received(x * scale, 1e-12 * unit, unit, unit[:, 0] * 1e12, x.shape[1])
            return whole, x.numel()
        air, _ = self._air(len(x), x.device)
        return air.send(x), self._uses(air, x.shape[1])

    def _air(self, batch: int, device: torch.device) -> tuple[Air, Csi]:
        if self._channel is None or self.snr_db is None:
            raise ValueError("there is no channel")
        snr = db_to_linear(torch.full((batch,), self.snr_db, device=device))
        return Air(self._channel, snr, self._power), Csi(snr, self._fading)

    def _uses(self, air: Air, values: int) -> int:
        audit = air.audit(values, torch.zeros(()))
        return int(audit.channel_uses.sum())
