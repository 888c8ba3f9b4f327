"""Fine-tuning between the slots of a downlink, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semsim.adaptation.adaptive import AdaptiveFtsc
from semsim.adaptation.radio import Radio
from semsim.engine.config import AdaptConfig
from semsim.engine.traffic import ImageSource
from semsim.errors import SemsimError
from semsim.link.link import Link
from semsim.types import Rate

#: Bits of one L_q, a single-precision number, sent as QPSK of rate 1/2.
_LOSS_USES = 32


@dataclass(frozen=True)
class TuningCost:
    """What one user's fine-tuning took in one slot.

    Attributes:
        channel_uses: beside those of the slot's image.
        flops: at the receiver.
        steps: iterations.
    """

    channel_uses: int = 0
    flops: float = 0.0
    steps: int = 0


def tune(
    link: Link,
    rate: Rate,
    snr_db: float,
    slot: int,
    config: AdaptConfig,
    source: ImageSource,
    rng: np.random.Generator,
    device: str,
) -> TuningCost:
    """Tune a user's decoder of the rate just used, where the schedule says so.

    Backward passes take twice the operations of a forward pass where weights learn and as many
    where only gradients pass through. LSDFT runs decoder and encoders on every image of a batch
    and learns the decoder; DFT runs the encoders forward only.

    Args:
        link: of the user.
        rate: at which the slot's image was sent.
        snr_db: Es/N0 that the user has in this slot.
        slot: its number, from 0.
        config: mode and schedule.
        source: where DFT's originals come from.
        rng: which they are.
        device: of codec and channel.

    Raises:
        SemsimError: if none of DFT's originals arrives.
    """
    codec = link.codec
    if not isinstance(codec, AdaptiveFtsc):
        return TuningCost()
    lsdft = config.mode == "lsdft"
    told = _LOSS_USES if lsdft else 0
    if (slot + 1) % config.every_slots:
        return TuningCost(told)
    if lsdft:
        batch = min(config.batch, codec.remembered.get(rate.name, 0))
        steps = codec.tune_on_memory(rate.name)
        flops = steps * batch * (3 * rate.flops_decode + 2 * rate.flops_encode)
        return TuningCost(told, flops, steps)
    modem = link.modem(device)
    radio = Radio(link.channel, modem, snr_db, fading=link.fading, power=link.power)
    image = source.sample(config.originals, rng).image.to(device)
    try:
        adapted = codec.tune_on_originals(rate.name, image, radio)
    except SemsimError as error:
        raise SemsimError(f"slot {slot}: {error}") from error
    steps, batch = len(adapted.steps), min(config.batch, adapted.images)
    flops = steps * batch * (3 * rate.flops_decode + rate.flops_encode)
    return TuningCost(radio.ledger.channel_uses, flops, steps)
