"""A training recipe: everything that a shipped checkpoint needs to be made again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from semsim.config import PluginConfig, PluginField, Strict


class Optimizer(Strict):
    """AdamW with linear warm-up and cosine decay to zero."""

    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup_steps: int = Field(200, ge=0)
    clip_norm: float = Field(1.0, gt=0)
    """Largest norm of the gradient."""
    average: float = Field(0.999, ge=0, lt=1)
    """Decay of the running average of the weights, which is what is kept; 0 keeps the last."""


class Evaluation(Strict):
    """A fixed held-out batch that is measured while training."""

    source: Annotated[PluginConfig, PluginField("sources")]
    count: int = Field(8, ge=1)


class Recipe(Strict):
    """One training run."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    objective: Annotated[PluginConfig, PluginField("objectives")]
    sources: tuple[Annotated[PluginConfig, PluginField("sources")], ...] = Field(min_length=1)
    """Where images come from; each is drawn as often as it has images."""
    batch: int = Field(16, ge=1)
    steps: int = Field(ge=1)
    seed: int = Field(0, ge=0)
    optimizer: Optimizer = Optimizer()
    evaluation: Evaluation | None = None
    evaluate_every_steps: int = Field(500, ge=1)
    checkpoint_every_steps: int = Field(500, ge=1)
    needs: str = ""
    """What must be installed for the sources, in words (for instance Debian packages)."""
