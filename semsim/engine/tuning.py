"""Fine-tuning between the slots of a downlink, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semsim.adaptation.adaptive import AdaptiveFtsc
from semsim.adaptation.radio import Radio
from semsim.engine.config import AdaptConfig
from semsim.engine.traffic import ImageSource
from semsim.errors import NothingArrivedError, SemsimError
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
        images: that the decoder was tuned on; 0 where none had arrived, so that it stays as it
            was; ``None`` without a round of fine-tuning.
    """

    channel_uses: int = 0
    flops: float = 0.0
    steps: int = 0
    images: int | None = None


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

    A round in which nothing arrives has failed: what was sent is charged, and that is all.

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
        SemsimError: if the modem cannot tell what arrived, or the ends' embedding spaces differ.
    """
    codec = link.codec
    if not isinstance(codec, AdaptiveFtsc):
        return TuningCost()
    lsdft = config.mode == "lsdft"
    told = _LOSS_USES if lsdft else 0
    if (slot + 1) % config.every_slots:
        return TuningCost(told)
    if lsdft:
        images = codec.remembered.get(rate.name, 0)
        steps = codec.tune_on_memory(rate.name)
        flops = steps * min(config.batch, images) * (3 * rate.flops_decode + 2 * rate.flops_encode)
        return TuningCost(told, flops, steps, images)
    modem = link.modem(device)
    radio = Radio(link.channel, modem, snr_db, fading=link.fading, power=link.power)
    image = source.sample(config.originals, rng).image.to(device)
    try:
        adapted = codec.tune_on_originals(rate.name, image, radio)
    except NothingArrivedError:
        return TuningCost(radio.ledger.channel_uses, images=0)
    except SemsimError as error:
        raise SemsimError(f"slot {slot}: {error}") from error
    steps, batch = len(adapted.steps), min(config.batch, adapted.images)
    flops = steps * batch * (3 * rate.flops_decode + rate.flops_encode)
    return TuningCost(radio.ledger.channel_uses, flops, steps, adapted.images)
