"""Training one codec end to end through the recipe's channel; what to lower is a subclass's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from semsim.codecs.learning import GivesLessons, Lesson, product_of
from semsim.errors import ScenarioError
from semsim.training.config import EndToEndConfig
from semsim.types import (
    Output,
    Product,
    Rate,
    Source,
    Trainable,
    Transmit,
    Update,
)


class EndToEnd(ABC):
    """One update a batch, or as many as the configuration says, at SNRs drawn by the recipe.

    Raises:
        ScenarioError: if the codec does not learn.
    """

    def __init__(self, config: EndToEndConfig, transmit: Transmit, device: str = "cpu") -> None:
        self._config = config
        self._transmit = transmit
        codec = config.codec.build(device=device)
        if not isinstance(codec, nn.Module) or not isinstance(codec, Trainable):
            raise ScenarioError(
                f"objective.codec: {config.codec.kind!r} does not learn through a channel; name "
                "another"
            )
        self.models: dict[str, nn.Module] = {"codec": codec}

    @abstractmethod
    def _loss(self, output: Output, source: Source) -> Tensor:
        """Return a mean over the batch."""

    def _shown(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Return figures of the loss, to show while training."""
        return {}

    @property
    def _codec(self) -> Trainable:
        codec = self.models["codec"]
        if not isinstance(codec, Trainable):
            raise TypeError("the model is no codec")
        return codec

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """Send the batch, compare."""
        for _ in range(self._config.updates):
            rate = self._rate(source, generator)
            codec = self._codec
            if isinstance(codec, GivesLessons):
                yield self._taught(codec.lesson(source, generator), source, rate)
            else:
                loss = self._loss(self._transmit(codec, source, rate), source)
                yield Update("codec", loss, of_loss=self._shown())

    def _taught(self, lesson: Lesson, source: Source, rate: Rate) -> Update:
        loss = self._loss(self._transmit(lesson.codec, source, rate), source)
        shown = {name: float(figure(loss.detach())) for name, figure in self._shown().items()}
        return Update("codec", loss + lesson.loss, {**shown, **lesson.figures})

    def _rate(self, source: Source, generator: torch.Generator) -> Rate:
        rates = self._codec.rates(source.shape)
        if self._config.rates == "highest":
            return rates[-1]
        drawn = torch.randint(len(rates), (), generator=generator, device=generator.device)
        return rates[int(drawn)]

    def evaluate(self, source: Source) -> dict[str, float]:
        """PSNR or accuracy on held-out images."""
        return self._transmit.judge(self._codec, source)

    def products(self) -> tuple[Product, ...]:
        """The codec's weights."""
        return (product_of(self._config.codec, self._codec),)
