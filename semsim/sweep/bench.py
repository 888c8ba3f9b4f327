"""A link scenario with everything built, ready to measure any of its points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import torch

from semsim.assembly import (
    Codecs,
    fading_law,
    named_rate,
    offered_rates,
    power_rule,
    semantic_noise,
)
from semsim.config import PluginConfig
from semsim.errors import ScenarioError
from semsim.link.link import Link, LinkOptions
from semsim.link.metrics import ms_ssim, psnr_db, ssim, top1
from semsim.link.modem import DigitalModem
from semsim.link.separation import Separation
from semsim.link.spreading import WalshSpreading
from semsim.link.text_metrics import text_quality
from semsim.results import Pictures
from semsim.rng import Streams
from semsim.scenario import LinkScenario, LinkSystem
from semsim.sweep.limits import Limits
from semsim.types import Channel, Delivery, Rate, Source
from semsim.units import linear_to_db

#: Most images of one point that the report shows.
_SHOWN = 4


@dataclass(frozen=True)
class Point:
    """One thing to measure.

    Attributes:
        system: label of a system, or ``""`` for the limits.
        channel: name of the channel.
        rate: name of a rate of the codec whose channel uses it takes.
        snr_db: Es/N0.
    """

    system: str
    channel: str
    rate: str
    snr_db: float

    @property
    def key(self) -> str:
        """A name for files and progress."""
        return f"{self.system or 'limits'}|{self.channel}|{self.rate}|{self.snr_db:g}"


@dataclass(frozen=True)
class Measured:
    """What one point gave: rows of the sweep's table, and images worth a look."""

    rows: pd.DataFrame
    pictures: Pictures | None = None


class Bench:
    """Builds what a point needs when it needs it, and measures.

    Random numbers depend on the scenario's seed and the channel alone: at every SNR and rate all
    systems meet the same noise and fading, as far as they send as many symbols.

    Args:
        scenario: what to measure.
    """

    def __init__(self, scenario: LinkScenario) -> None:
        self.scenario = scenario
        self.codecs = Codecs(scenario.device)
        self._streams = Streams(scenario.seed)
        self._systems = {system.name: system for system in scenario.systems}
        self.channels = _named_channels(scenario)
        self._laws: dict[str, torch.Tensor | None] = {}

    @cached_property
    def source(self) -> Source:
        """The images, each as often as it is sent."""
        images: Source = self.scenario.source.build().take(self.scenario.images)
        images = images.to(self.scenario.device)
        return images.select([*range(len(images))] * self.scenario.draws)

    def points(self) -> list[Point]:
        """Return all points, those of one curve side by side.

        Raises:
            ScenarioError: for a rate that its codec does not offer, or images that it cannot take.
        """
        rates = {name: self._rate_names(system) for name, system in self._systems.items()}
        names = list(self._systems)
        if self._references is not None and self.scenario.limits is not None:
            names.append("")
            rates[""] = rates[self.scenario.limits.match]
        return [
            Point(name, channel, rate, snr_db)
            for channel in self.channels
            for name in names
            for rate in rates[name]
            for snr_db in self.scenario.snrs_db()
        ]

    def _rate_names(self, system: LinkSystem) -> list[str]:
        owner = self._systems[system.match] if system.match is not None else system
        if owner.codec is None:
            raise TypeError(f"{owner.name} has no codec")
        offered = offered_rates(self.codecs.get(owner.codec), self.source.shape, self.scenario.name)
        chosen = [named_rate(offered, name, self.scenario.name) for name in owner.rates]
        return [rate.name for rate in chosen or offered]

    def close(self) -> None:
        """Give back the memory of codecs; nothing can be measured any more."""
        self.codecs.close()

    @torch.no_grad()
    def measure(self, point: Point) -> Measured:
        """Measure one point."""
        if not point.system:
            return Measured(self._limits(point))
        system = self._systems[point.system]
        streams = self._streams.child(point.channel)
        link = self._link(system, point.channel, streams)
        rate = self._rate(system, point, link)
        reported = None
        if self.scenario.feedback_error_db > 0:
            error = torch.randn(len(self.source), generator=streams.torch("feedback"))
            reported = point.snr_db + self.scenario.feedback_error_db * error
            reported = reported.to(self.scenario.device)
        delivery = link.transmit(self.source, point.snr_db, rate, reported_db=reported)
        rows = _labelled(_rows(self.source, delivery), point)
        return Measured(rows, self._pictures(point, rows, delivery))

    def _link(self, system: LinkSystem, channel_name: str, streams: Streams) -> Link:
        scenario, device = self.scenario, self.scenario.device
        config = self.channels[channel_name]
        channel: Channel = config.build(device=device, generator=streams.torch("channel", device))
        if scenario.spreading is not None:
            spreading = scenario.spreading
            channel = WalshSpreading(channel, spreading.length, spreading.users)
        modem = DigitalModem(system.modem or scenario.modem, device, streams.torch("modem", device))
        options: LinkOptions = {
            "power": power_rule(scenario),
            "fading": self._symbol_law(channel_name),
            "semantic_noise": semantic_noise(scenario, streams.torch("semantic noise", device)),
        }
        if system.codec is not None:
            return Link(self.codecs.get(system.codec), channel, modem, **options)
        return Separation(
            self.codecs.classical(system.separation or "jpeg"), channel, modem, **options
        )

    def _law(self, channel: str) -> torch.Tensor | None:
        """Return draws of the gain of one channel use, the law that both ends know."""
        if channel not in self._laws:
            streams = self._streams.child(f"law of {channel}")
            config = self.channels[channel]
            self._laws[channel] = fading_law(config, streams, self.scenario.device)
        return self._laws[channel]

    def _symbol_law(self, channel: str) -> torch.Tensor | None:
        """Return the law after despreading, which collects the energy of all chips of a symbol."""
        law = self._law(channel)
        if self.scenario.spreading is None:
            return law
        one = torch.ones(1, 1, device=self.scenario.device)
        return self.scenario.spreading.length * (one if law is None else law)

    def _rate(self, system: LinkSystem, point: Point, link: Link) -> Rate:
        if system.match is None:
            return link.choose(self.source, point.rate)
        return Separation.rate(self.source.shape, self._uses(system.match, point))

    def _uses(self, match: str, point: Point) -> int:
        """Return the symbols that system ``match`` sends at a point's rate, channel and SNR."""
        link = self._link(self._systems[match], point.channel, self._streams.child("plan"))
        return link.channel_uses(link.choose(self.source, point.rate), point.snr_db)

    def _limits(self, point: Point) -> pd.DataFrame:
        if self._references is None or self.scenario.limits is None:
            raise ValueError("the scenario asks for no limits")
        uses = self._uses(self.scenario.limits.match, point)
        if self.scenario.spreading is not None:
            uses *= self.scenario.spreading.length
        return _labelled(self._references.at(uses, point.snr_db, self._law(point.channel)), point)

    @cached_property
    def _references(self) -> Limits | None:
        if self.scenario.limits is None:
            return None
        images = self.source.select([*range(self.scenario.images)])
        return Limits(self.scenario.limits, self.scenario.source, images, self.codecs)

    def _pictures(self, point: Point, rows: pd.DataFrame, delivery: Delivery) -> Pictures | None:
        snrs = sorted(self.scenario.snrs_db())
        image = delivery.output.image
        if image is None or point.snr_db not in (snrs[0], snrs[len(snrs) // 2], snrs[-1]):
            return None
        captions = tuple(f"{value:.1f} dB" for value in rows["psnr_db"][:_SHOWN])
        sent, arrived = (part[:_SHOWN].cpu().contiguous() for part in (self.source.image, image))
        among = delivery.output.candidates
        first = {} if among is None else {0: among[0].cpu().contiguous()}
        said, text = delivery.said, delivery.output.text
        told = () if said is None or text is None else tuple(zip(said, text, strict=True))
        return Pictures(sent, arrived, captions, candidates=first, sentences=told[:_SHOWN])


def _named_channels(scenario: LinkScenario) -> dict[str, PluginConfig]:
    """Return the channels by kind, told apart by what differs where a kind comes twice."""
    named: dict[str, PluginConfig] = {}
    for config in scenario.channels:
        kinds = [other.kind for other in scenario.channels]
        name = config.kind
        if kinds.count(name) > 1:
            changed = config.model_dump(exclude_defaults=True, exclude={"kind"})
            name += "".join(f" {key}={value}" for key, value in changed.items())
        count = 2
        base = name
        while name in named:
            name, count = f"{base} ({count})", count + 1
        named[name] = config
    return named


def _labelled(rows: pd.DataFrame, point: Point) -> pd.DataFrame:
    """Put the columns that name the point first."""
    labels = {"channel": point.channel, "rate": point.rate, "snr_db": point.snr_db}
    own = {"system": point.system, "kind": "measured"} if point.system else {}
    rows = rows.assign(**own, **labels)
    first = ["system", "kind", *labels]
    return rows[[*first, *(name for name in rows if name not in first)]]


def _quality(source: Source, delivery: Delivery) -> dict[str, torch.Tensor]:
    """Return what can be measured on what arrived, by name."""
    output, said = delivery.output, delivery.said
    image, logits = output.image, output.logits
    measured: dict[str, torch.Tensor] = {}
    if image is not None:
        measured |= {
            "psnr_db": psnr_db(source.image, image),
            "mse": (source.image - image).double().square().mean(dim=(1, 2, 3)),
            "ssim": ssim(source.image, image),
            "ms_ssim": ms_ssim(source.image, image),
        }
    if logits is not None and source.label is not None:
        try:
            measured["accuracy"] = top1(source.label, logits)
        except ValueError as error:
            raise ScenarioError(
                f"source and codec do not fit: {error}; train the codec for the source's classes"
            ) from error
    if output.text is not None and said is not None:
        measured |= text_quality(said, output.text, source.caption)
    elif output.text is not None and source.caption is not None:
        measured |= text_quality(source.caption, output.text)
    if not measured and output.text is not None:
        raise ScenarioError(
            "a codec delivers sentences, and the source has no captions to compare them with: "
            "choose one that has (scenes, sentences)"
        )
    if not measured and logits is not None:
        raise ScenarioError(
            "a codec delivers classes and no images, and the source has no labels to compare them "
            "with: choose one that has (scenes, collection, torchvision)"
        )
    if not measured:
        raise ScenarioError(
            "a codec delivers neither images nor classes nor sentences, which a link compares"
        )
    return measured


def _rows(source: Source, delivery: Delivery) -> pd.DataFrame:
    """One row an image."""
    audit, outage = delivery.audit, delivery.output.outage
    columns = {
        **_quality(source, delivery),
        "snr_measured_db": linear_to_db(audit.snr_measured),
        "transmit_power": audit.power,
        "channel_uses": audit.channel_uses.long(),
        "cbr": audit.cbr,
        "block_error_rate": audit.block_error_rate,
        "outage": torch.zeros(len(source), dtype=torch.bool) if outage is None else outage,
    }
    rows = pd.DataFrame({name: column.tolist() for name, column in columns.items()})
    rows.insert(0, "image", list(source.name) or [str(i) for i in range(len(source))])
    return rows
