"""The channel of a training recipe."""

from __future__ import annotations

import torch
from torch import Tensor

from semsim.errors import ScenarioError
from semsim.link.air import PowerRule
from semsim.link.link import Link
from semsim.link.metrics import psnr_db, top1
from semsim.link.modem import DigitalModem
from semsim.rng import Streams
from semsim.spans import Span
from semsim.training.gang import Part, PartOfChannel
from semsim.training.recipe import LinkSettings
from semsim.types import Channel, Codec, Output, Rate, Source


class Transmission:
    """Sends batches through a recipe's channel; gradients flow through it.

    Everything random here comes from one generator, which the loop seeds anew for every step, so
    that a step does not depend on the ones before.

    Args:
        settings: channel and SNRs.
        device: where to compute.
        judged_db: SNRs at which codecs are judged.
    """

    def __init__(
        self, settings: LinkSettings, device: str = "cpu", judged_db: tuple[float, ...] = ()
    ) -> None:
        self._settings = settings
        self._generator = torch.Generator(device)
        self._channel: Channel = settings.channel.build(device=device, generator=self._generator)
        self._power = PowerRule(settings.power_constraint, settings.snr_convention)
        self._modem = DigitalModem(settings.modem, device, self._generator)
        self._judged_db = judged_db
        self._part: Part | None = None

    def seed(self, streams: Streams, part: Part | None = None) -> None:
        """Start the numbers of one step; a worker among several keeps those of its ``part``."""
        self._part = part
        self._generator.set_state(streams.torch("link", self._generator.device).get_state())

    def draw(self, count: int) -> Tensor:
        """Draw SNRs in dB, ``[count]``: one for each image."""
        law, device = self._settings.snr_db, self._generator.device
        part = self._part
        if part is not None and count != part.count:
            raise ValueError(f"SNRs are drawn for all {part.count} images of a part, not {count}")
        if not isinstance(law, Span):
            return torch.full((count,), law, device=device)
        whole = count if part is None else part.whole
        share = torch.rand(whole, generator=self._generator, device=device)
        share = share if part is None else share[part.rows]
        return law.low + (law.high - law.low) * share

    def __call__(
        self, codec: Codec, source: Source, rate: Rate | None = None, snr_db: Tensor | None = None
    ) -> Output:
        """Send a batch, at the codec's highest rate and at SNRs just drawn unless given."""
        channel = self._channel
        if self._part is not None:
            channel = PartOfChannel(channel, self._part)
        link = Link(codec, channel, self._modem, power=self._power)
        return link.transmit(
            source, self.draw(len(source)) if snr_db is None else snr_db, rate
        ).output

    def judge(self, codec: Codec, source: Source) -> dict[str, float]:
        """Return the mean PSNR, the accuracy or both at each judged SNR, at the highest rate."""
        link = Link(codec, self._channel, self._modem, power=self._power)
        figures = {}
        for snr in self._judged_db:
            output = link.transmit(source, snr).output
            if output.image is not None:
                quality = psnr_db(source.image, output.image)
                figures[f"psnr_db at {snr:g} dB"] = float(quality.mean())
            if output.logits is not None and source.label is not None:
                right = top1(source.label, output.logits)
                figures[f"accuracy at {snr:g} dB"] = float(right.mean())
        if self._judged_db and not figures:
            raise ScenarioError(
                "evaluation.source: the codec delivers no images, and there are no labels to "
                "compare classes with; choose a source that has (scenes, collection, torchvision)"
            )
        return figures
