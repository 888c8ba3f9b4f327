"""What all codecs share that are one trained network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, ClassVar

from pydantic import ValidationError
from torch import nn

from semsim.codecs import checkpoints
from semsim.codecs.weights_config import LearnedConfig
from semsim.config import Strict
from semsim.errors import CheckpointError
from semsim.types import (
    Csi,
    ImageShape,
    Output,
    Payload,
    Rate,
    Received,
    ReceivedBits,
    Source,
)


class LearnedCodec(nn.Module, ABC):
    """One network whose weights know its sizes.

    A subclass names its ``Config`` and the ``Model`` of its sizes, and makes its layers in
    :meth:`_build`.

    Args:
        config: whose weights, or the sizes of a new network.
        device: where the network lives.

    Raises:
        CheckpointError: if weights are missing, damaged, or of another codec.
    """

    Config: ClassVar[type[LearnedConfig]]
    Model: ClassVar[type[Strict]]

    def __init__(self, config: Any, device: str = "cpu") -> None:
        super().__init__()
        self.config = config
        self.checkpoint = checkpoints.named(config.weights)
        self.model = self._read_sizes()
        self._build(self.model)
        if self.checkpoint is not None:
            checkpoints.load_into(self, self.checkpoint)
        self.eval().to(device)
        self._rates: dict[ImageShape, tuple[Rate, ...]] = {}

    def sizes(self) -> dict[str, Any]:
        """Configuration of the network as plain data, which its weights carry."""
        sizes: dict[str, Any] = self.model.model_dump(mode="json")
        return sizes

    def _read_sizes(self) -> Any:
        if self.checkpoint is None:
            return self.config.model or self.Model()
        try:
            return self.Model.model_validate(self.checkpoint.model)
        except ValidationError as error:
            raise CheckpointError(
                f"{self.checkpoint.origin}: holds no {self.config.kind}: {error}"
            ) from error

    @abstractmethod
    def _build(self, model: Any) -> None:
        """Make the layers for the sizes in ``model``, in single precision on the CPU."""

    @abstractmethod
    def rates(self, shape: ImageShape) -> tuple[Rate, ...]:
        """Return the operating points for images of ``shape``."""

    @abstractmethod
    def encode(self, source: Source, csi: Csi, rate: Rate) -> Payload:
        """Turn a batch into one payload an image."""

    @abstractmethod
    def decode(self, received: Received | ReceivedBits, csi: Csi, rate: Rate) -> Output:
        """Make of what arrived what the receiver wants."""

    @cached_property
    def weight_hashes(self) -> dict[str, str]:
        """SHA-256 of the weights, for the manifest."""
        if self.checkpoint is None:
            return {}
        return {self.checkpoint.name: self.checkpoint.sha256}
