"""Robust knowledge distillation, Algorithm 2 of RKD-SC."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsim.codecs.learning import Sources, product_of, task_loss
from semsim.codecs.pairs import to_symbols
from semsim.codecs.rkd_sc.codec import RkdSc, ratio_name
from semsim.codecs.rkd_sc.config import RkdFeaturesConfig, RkdJointConfig, RkdSender
from semsim.codecs.rkd_sc.teachers import Teacher, teacher
from semsim.errors import ScenarioError
from semsim.types import (
    Csi,
    ImageShape,
    Output,
    Product,
    Rate,
    Received,
    ReceivedBits,
    Source,
    SymbolPayload,
    Transmit,
    Update,
)


class RkdFeatures:
    """Stage 1: the mean squared error between a sender's features and a teacher's (eq. 23-25)."""

    Config = RkdFeaturesConfig

    def __init__(
        self,
        config: RkdFeaturesConfig,
        transmit: Transmit | None,  # noqa: ARG002
        device: str = "cpu",
    ) -> None:
        self._config = config
        self._teacher = teacher(config.teacher, device)
        self.models: dict[str, nn.Module] = {"codec": config.codec.build(device=device)}

    @property
    def _codec(self) -> RkdSc:
        return _rkd_sc(self.models["codec"])

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:  # noqa: ARG002
        """Lines 8 to 11 of Algorithm 2 for one batch."""
        wanted = self._teacher(source.image)
        yield Update("codec", F.mse_loss(self._codec.describe(source.image).float(), wanted))

    def evaluate(self, source: Source) -> dict[str, float]:
        """Share of the variance of the teacher's features that the sender's explain."""
        wanted = self._teacher(source.image)
        spread = (wanted - wanted.mean(dim=0)).square().mean()
        error = F.mse_loss(self._codec.describe(source.image).float(), wanted)
        return {"explained": float(1.0 - error / spread)}

    def products(self) -> tuple[Product, ...]:
        """The whole codec, of which the semantic encoder has learnt."""
        return (product_of(self._config.codec, self._codec),)


class RkdJoint:
    """Stage 2: all senders and their receiver at once, through the channel (eq. 26).

    The receiver's channel decoder is one for all senders (φ_c of Algorithm 2, line 21), so that
    their channel coders must be of like sizes; a sender's ``ratio`` says how much of them it uses.
    Every sender gets a batch of its own data, and the loss is the mean over senders.

    Raises:
        ScenarioError: if two senders have one name, channel coders of several sizes, or a ratio
            that the channel coder lacks.
    """

    Config = RkdJointConfig

    def __init__(self, config: RkdJointConfig, transmit: Transmit, device: str = "cpu") -> None:
        self._config = config
        self._transmit = transmit
        codecs = {
            sender.name: _rkd_sc(sender.codec.build(device=device)) for sender in self.senders
        }
        if len(codecs) < len(self.senders):
            raise ScenarioError("objective.senders: two senders have the same name")
        self._teachers: dict[str, Teacher] = {}
        known: list[tuple[object, Teacher]] = []
        for sender in self.senders:
            found = next((made for of, made in known if of == sender.teacher), None)
            if found is None:
                found = teacher(sender.teacher, device)
                known.append((sender.teacher, found))
            self._teachers[sender.name] = found
            self._check(sender, codecs)
        first, *others = codecs.values()
        for codec in others:
            codec.channel_coder.hear_by(first.channel_coder)
        self.models: dict[str, nn.Module] = {"system": nn.ModuleDict(codecs)}
        self._sources = {sender.name: sender.source.build() for sender in self.senders}

    @property
    def senders(self) -> tuple[RkdSender, ...]:
        """What the configuration says of each."""
        return self._config.senders

    def _check(self, sender: RkdSender, codecs: dict[str, RkdSc]) -> None:
        first, own = next(iter(codecs.values())).model, codecs[sender.name].model
        if own.channel_coder != first.channel_coder:
            raise ScenarioError(
                f"objective.senders: the channel coder of {sender.name!r} differs from the first "
                "one's; there is one receiver: give all the same, with the ratios of all in "
                "'compression', and each sender its 'ratio'"
            )
        if sender.ratio is not None and sender.ratio not in own.channel_coder.compression:
            raise ScenarioError(
                f"objective.senders: {sender.name!r} has the ratio {sender.ratio:g}, its channel "
                f"coder {', '.join(f'{ratio:g}' for ratio in own.channel_coder.compression)}"
            )

    def _codec(self, name: str) -> RkdSc:
        system = self.models["system"]
        return _rkd_sc(system.get_submodule(name))

    def draw(self, count: int, rng: np.random.Generator) -> Sources:
        """Draw ``count`` images for every sender."""
        return Sources(tuple(source.sample(count, rng) for source in self._sources.values()))

    def held_out(self, count: int) -> Sources:
        """Return ``count`` held-out images of every sender."""
        return Sources(tuple(sender.held_out.build().take(count) for sender in self.senders))

    def updates(self, source: Sources, generator: torch.Generator) -> Iterator[Update]:
        """Lines 20 and 21 of Algorithm 2 for a batch of every sender."""
        losses: list[Tensor] = []
        figures: dict[str, float] = {}
        for sender, part in zip(self.senders, source.parts, strict=True):
            terms = self._terms(sender, part, generator)
            losses.append(sum(terms.values(), torch.zeros((), device=part.image.device)))
            figures |= {f"{sender.name}_{k}": float(term.detach()) for k, term in terms.items()}
        yield Update("system", torch.stack(losses).mean(), figures)

    def _terms(
        self, sender: RkdSender, source: Source, generator: torch.Generator
    ) -> dict[str, Tensor]:
        config, codec = self._config, self._codec(sender.name)
        sent = codec.describe(source.image)
        rate = self._rate(sender, codec, source, generator)
        output = self._transmit(Described(codec, sent), source, rate)
        if output.features is None or output.logits is None:
            raise TypeError("rkd_sc delivers features and classes")
        wanted = self._teachers[sender.name](source.image)
        return {
            "knowledge": config.knowledge * F.mse_loss(output.features, wanted),
            "recovery": config.recovery * F.mse_loss(output.features, sent.float()),
            "task": config.task * task_loss(output.logits, source),
        }

    def _rate(
        self, sender: RkdSender, codec: RkdSc, source: Source, generator: torch.Generator
    ) -> Rate:
        rates = codec.rates(source.shape)
        if sender.ratio is not None:
            return next(rate for rate in rates if rate.name == ratio_name(sender.ratio))
        drawn = torch.randint(len(rates), (), generator=generator, device=generator.device)
        return rates[int(drawn)]

    def evaluate(self, source: Sources) -> dict[str, float]:
        """Accuracy of every sender, at its codec's highest rate, after their mean."""
        judged = [
            self._transmit.judge(self._codec(sender.name), part)
            for sender, part in zip(self.senders, source.parts, strict=True)
        ]
        if len(judged) == 1:
            return judged[0]
        shown = {name: sum(j[name] for j in judged) / len(judged) for name in judged[0]}
        for sender, figures in zip(self.senders, judged, strict=True):
            shown |= {f"{sender.name}: {name}": value for name, value in figures.items()}
        return shown

    def products(self) -> tuple[Product, ...]:
        """The codec of every sender, each with the receiver's channel decoder."""
        return tuple(
            product_of(sender.codec, self._codec(sender.name), "system", sender.name)
            for sender in self.senders
        )


class Described:
    """A codec whose images have been described before, so that they need not be again.

    Args:
        codec: what sends and receives.
        sent: its features h of the images to come, ``[B, 512]``.
    """

    def __init__(self, codec: RkdSc, sent: Tensor) -> None:
        self._codec = codec
        self._sent = sent
        self.config = codec.config

    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """As the codec's."""
        return self._codec.rates(shape)

    def encode(self, source: Source, csi: Csi, rate: Rate) -> SymbolPayload:  # noqa: ARG002
        """Turn the features into symbols."""
        return SymbolPayload(to_symbols(self._codec.values(self._sent, csi, rate)))

    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:
        """As the codec does."""
        return self._codec.decode(received, csi, rate)


def _rkd_sc(module: nn.Module) -> RkdSc:
    if not isinstance(module, RkdSc):
        raise TypeError("the model is no RKD-SC")
    return module
