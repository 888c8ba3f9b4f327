"""Latents over the radio: what both the fine-tuning and the transmission phase do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from semsim.adaptation.ledger import Entry
from semsim.adaptation.radio import Radio
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.transport import Arrived, Transport
from semsim.types import BitPayload, ImageShape


@dataclass(frozen=True)
class Arrival:
    """What the receiver has of a batch.

    Attributes:
        arrived: looked-up entries of every level, noisy or not, and the outages.
        lost: ``[B]`` bool, which images the receiver knows to be damaged; all outages are.
    """

    arrived: Arrived
    lost: Tensor


def send_latents(
    network: QuantizedAutoencoder, image: Tensor, radio: Radio, transport: Transport
) -> Arrival:
    """Encode ``[B, 3, H, W]`` at the sender, send, and look up at the receiver.

    Both ends' encoders and embedding spaces are those of ``network``.
    """
    _, channels, height, width = image.shape
    shape: ImageShape = (channels, height, width)
    payload = transport.send(network, image)
    if isinstance(payload, BitPayload):
        bits, uses = radio.bits(payload.bits, payload.lengths)
        arrived = transport.arrive(network, bits, shape)
        lost = bits.failed
        count = payload.bits.numel() if payload.lengths is None else int(payload.lengths.sum())
    else:
        symbols, uses = radio.symbols(payload.x)
        arrived = transport.arrive(network, symbols, shape)
        lost, count = None, 0
    if lost is None:
        lost = torch.zeros(len(image), dtype=torch.bool, device=image.device)
    if arrived.outage is not None:
        lost = lost | arrived.outage
    whole = int((~lost).sum())
    radio.ledger.entries.append(Entry("latents", len(image), whole, count, uses))
    return Arrival(arrived, lost)
