"""Configuration of the classical codecs (no torch here)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from semsim.config import PluginConfig


class ClassicalConfig(PluginConfig):
    """JPEG or WebP, each image compressed to fit its bit budget."""

    room: ClassVar[str] = "codecs"
    kind: Literal["classical"] = "classical"
    format: Literal["jpeg", "webp"] = "jpeg"
    headers: Literal["sent", "agreed"] = "sent"
    """``sent``: the whole file travels; ``agreed``: without what both ends know beforehand."""
    rhos: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (0.00732421875, 0.029296875, 0.1171875), min_length=1
    )
    """Compression rates ρ to offer, rising; the defaults are FTSC's at [8,2], [4,2] and [2,2]."""

    @field_validator("rhos")
    @classmethod
    def _rising(cls, rhos: tuple[float, ...]) -> tuple[float, ...]:
        if any(low >= high for low, high in pairwise(rhos)):
            raise ValueError("compression rates must rise strictly")
        return rhos
