"""The classical rival: source code and channel code apart, at given channel uses."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from semsim.codecs.classical.codec import Classical
from semsim.link.adaptation import best_for_quality, plan_uses
from semsim.link.air import Air, AirPart
from semsim.link.coder import Plan
from semsim.link.link import Link, LinkOptions, Sent
from semsim.link.modem import DigitalModem, grouped
from semsim.types import Channel, Csi, ImageShape, Output, Rate, Source


class Separation(Link):
    """A classical codec, 5G LDPC and the best MCS, in exactly as many channel uses as asked.

    ::

        SNR ─► best MCS ─► room in bits ─► highest quality that fits ─► modem ─► air

    The MCS is the one of highest expected quality for what both ends know, the SNR reported and
    the law of the fading (:func:`~semsim.link.adaptation.best_for_quality`). Every image is
    compressed into the bits that fit. An image of which any code block fails is an outage, shown
    as mid-grey: the receiver's CRC tells it to discard the file.

    Args:
        codec: JPEG, WebP, AVIF or HEVC.
        channel: a channel.
        modem: with LDPC; its MCS table is searched, its fixed choice not used.
        options: those of :class:`~semsim.link.link.Link`.
    """

    codec: Classical

    def __init__(
        self,
        codec: Classical,
        channel: Channel,
        modem: DigitalModem,
        **options: Unpack[LinkOptions],
    ) -> None:
        super().__init__(codec, channel, modem, **options)
        self._digital = modem

    @staticmethod
    def rate(shape: ImageShape, uses: int) -> Rate:
        """Return the rate of ``uses`` channel uses an image.

        Raises:
            ValueError: if ``uses`` is not positive.
        """
        if uses < 1:
            raise ValueError(f"an image needs at least one channel use, got {uses}")
        values = shape[0] * shape[1] * shape[2]
        return Rate(f"{uses} uses", shape, "symbols", uses, uses / values)

    def _send(self, source: Source, csi: Csi, rate: Rate, air: Air, mcs: int | None) -> Sent:
        if mcs is not None:
            raise ValueError(f"mcs is {mcs}, but separation takes the MCS of the best quality")
        image = torch.empty_like(source.image)
        outage = torch.empty(len(source), dtype=torch.bool, device=image.device)
        lost = torch.empty_like(csi.snr)
        for plan, rows in self._plans(csi, rate):
            part = source.select(rows.tolist())
            bits = self.codec.rate_of(source.shape, plan.segments.room)
            known = Csi(csi.snr[rows], csi.fading)
            coded = self.codec.encode(part, known, bits)
            received = self._digital.send(coded.bits, plan, AirPart(air, rows))
            output = self.codec.decode(received, known, bits)
            if output.image is None or output.outage is None:
                raise TypeError("a classical codec returns images and outages")
            image[rows], outage[rows] = output.image, output.outage
            lost[rows] = received.block_errors.to(lost.dtype) / received.blocks
        payload = torch.full((len(source),), rate.payload, device=lost.device)
        return Sent(Output(image=image, outage=outage), lost, 0, payload)

    def _plans(self, csi: Csi, rate: Rate) -> list[tuple[Plan, Tensor]]:
        table = self._digital.config.mcs_table
        pixels = rate.shape[1] * rate.shape[2]
        return grouped(
            csi,
            lambda snr: best_for_quality(
                lambda mcs: plan_uses(rate.payload, mcs), table, pixels, snr, csi
            ),
        )
