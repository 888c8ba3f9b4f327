"""A recipe of continual learning (no torch here)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from semsim.codecs.vlm_csc.memory_config import MemoryConfig
from semsim.codecs.vlm_csc.text_config import DeepScTextConfig
from semsim.config import PluginConfig, PluginField, Strict
from semsim.training.recipe import LinkSettings, Optimizer


class Task(Strict):
    """One data set of a sequence."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    source: Annotated[PluginConfig, PluginField("sources")]
    """What the sentences to learn from are drawn from."""
    held_out: Annotated[PluginConfig, PluginField("sources")]
    """What the task is judged by."""


class ContinualRecipe(Strict):
    """A text transceiver that learns tasks one after another (MED, Section IV-C of VLM-CSC).

    A round fills the short-term memory with new sentences of the task, moves some of them on, and
    learns from both memories.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    codec: DeepScTextConfig
    """What learns; `weights: random` starts anew."""
    tasks: tuple[Task, ...] = Field(min_length=2)
    """In the order in which they are learnt."""
    link: LinkSettings
    """The channel to learn and to be judged through."""
    memory: MemoryConfig = MemoryConfig()
    rounds: int = Field(2, ge=1)
    """How often the short-term memory is filled in a task."""
    steps: int = Field(300, ge=1)
    """Batches a round."""
    batch: int = Field(64, ge=1)
    """Sentences a batch."""
    hidden: int = Field(128, ge=1)
    """Neurons of the statistics network's hidden layers."""
    seed: int = Field(0, ge=0)
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    optimizer: Optimizer = Optimizer()
    """Of every round, which begins with fresh moments."""
    judged: int = Field(500, ge=2)
    """Sentences by which each task is judged."""
    snr_db: float = 10.0
    """SNR at which tasks are judged."""

    @model_validator(mode="after")
    def _names(self) -> ContinualRecipe:
        if len({task.name for task in self.tasks}) < len(self.tasks):
            raise ValueError("two tasks have the same name")
        return self
