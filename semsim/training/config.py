"""Configuration of the objectives that belong to no paper (no torch here)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from semsim.config import PluginConfig, PluginField


class EndToEndConfig(PluginConfig):
    """One codec, trained through the recipe's channel."""

    room: ClassVar[str] = "objectives"
    by_rows: ClassVar[bool] = True
    codec: Annotated[PluginConfig, PluginField("codecs")]
    """What to train; `weights: random` starts anew, a checkpoint is tuned further."""
    rates: Literal["highest", "uniform"] = "highest"
    """Send each batch at the codec's highest rate, or at one drawn among all that it offers."""
    updates: int = 1
    """Updates a batch, each with noise of its own."""


class ReconstructionConfig(EndToEndConfig):
    """A codec learns to rebuild its images after the recipe's channel."""

    kind: Literal["reconstruction"] = "reconstruction"
    loss: Literal["mse", "psnr"] = "mse"
    """`mse`: the mean squared error of a batch, which its hardest images dominate. `psnr`: minus
    the mean of its images' PSNRs, which counts a decibel of any image alike, as tables do."""


class ClassificationConfig(EndToEndConfig):
    """A codec learns to deliver the classes of its images after the recipe's channel."""

    kind: Literal["classification"] = "classification"
