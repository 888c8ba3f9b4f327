"""Configuration of the memory (no torch here)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from semsim.config import Strict


class MemoryConfig(Strict):
    """What is remembered while learning goes on."""

    keep: Literal["novel", "paper", "none"] = "novel"
    """What moves from the short-term to the long-term memory: `novel`, samples that are *not* like
    those in it (R ≤ λ), as the paper's text says; `paper`, those that are (R > λ), as its eq. (16)
    and Algorithm 1 say; `none`, nothing: there is no long-term memory."""
    short: int = Field(500, ge=1)
    """Most sentences in the short-term memory."""
    long: int = Field(1000, ge=1)
    """Most sentences in the long-term memory, which the paper does not say."""
    first: int = Field(50, ge=1)
    """Sentences that a long-term memory begins with, which the paper does not say."""
    tau: float = Field(10.0, gt=0)
    """Scale τ of the kernel."""
    threshold: float = Field(0.05, ge=0, le=1)
    """Mean kernel λ above which a sample is like what is remembered."""
