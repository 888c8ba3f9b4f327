"""Training a codec end to end: mean squared error after a channel."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import nn

from semsim.errors import ScenarioError
from semsim.training.config import ReconstructionConfig
from semsim.types import Product, Rate, Source, Trainable, Transmit, Update


class Reconstruction:
    """MSE between what was sent and what arrived, at SNRs drawn by the recipe.

    Raises:
        ScenarioError: if the codec does not learn.
    """

    Config = ReconstructionConfig

    def __init__(
        self, config: ReconstructionConfig, transmit: Transmit, device: str = "cpu"
    ) -> None:
        self._config = config
        self._transmit = transmit
        codec = config.codec.build(device=device)
        if not isinstance(codec, nn.Module) or not isinstance(codec, Trainable):
            raise ScenarioError(
                f"objective.codec: {config.codec.kind!r} does not learn through a channel; name "
                "another"
            )
        self.models: dict[str, nn.Module] = {"codec": codec}

    @property
    def _codec(self) -> Trainable:
        codec = self.models["codec"]
        if not isinstance(codec, Trainable):
            raise TypeError("the model is no codec")
        return codec

    def updates(self, source: Source, generator: torch.Generator) -> Iterator[Update]:
        """One update a batch, or as many as the configuration says."""
        for _ in range(self._config.updates):
            image = self._transmit(self._codec, source, self._rate(source, generator)).image
            if image is None:
                raise ScenarioError(
                    f"objective.codec: {self._config.codec.kind!r} delivers no images to compare "
                    "with those sent; name another"
                )
            loss = F.mse_loss(image, source.image)
            yield Update("codec", loss, of_loss={"psnr_db": lambda mse: -10.0 * mse.log10()})

    def _rate(self, source: Source, generator: torch.Generator) -> Rate:
        rates = self._codec.rates(source.shape)
        if self._config.rates == "highest":
            return rates[-1]
        drawn = torch.randint(len(rates), (), generator=generator, device=generator.device)
        return rates[int(drawn)]

    def evaluate(self, source: Source) -> dict[str, float]:
        """PSNR on held-out images."""
        return self._transmit.judge(self._codec, source)

    def products(self) -> tuple[Product, ...]:
        """The codec's weights."""
        config = self._config.codec
        options = config.model_dump(mode="json", exclude_defaults=True, exclude={"model"})
        named = {**options, "kind": config.kind, "weights": "WEIGHTS"}
        return (Product("codec", self._codec.sizes(), named),)
