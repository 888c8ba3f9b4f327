"""How a configuration names weights (no torch here)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from semsim.config import PluginConfig, Strict

#: The name that stands for weights which nobody has trained.
RANDOM = "random"


class WeightsFile(Strict):
    """Weights of the user's own."""

    path: Path
    """A safetensors file that `semsim train` wrote."""
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    """Refuse the file unless it has this hash."""


#: A shipped checkpoint by name (`semsim zoo list`), ``random``, or a file.
Weights = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")] | WeightsFile


class LearnedConfig(PluginConfig):
    """Base of codecs that are one network; subclasses add ``model``, its sizes."""

    room: ClassVar[str] = "codecs"
    weights: Weights
    """Name of a shipped checkpoint (`semsim zoo list`), `{path, sha256}`, or `random`, to train."""
    model: Strict | None = None
    """Sizes of a network with `weights: random`; a checkpoint knows its own."""

    @model_validator(mode="after")
    def _sizes_of_untrained(self) -> LearnedConfig:
        if self.model is not None and self.weights != RANDOM:
            raise ValueError(
                "'model' goes with 'weights: random'; trained weights know the sizes of their model"
            )
        return self
