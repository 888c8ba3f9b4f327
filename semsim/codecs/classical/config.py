"""Configuration of the classical codecs (no torch here)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, field_validator

from semsim.config import PluginConfig

#: ``avif`` is AV1 intra; ``hevc`` is HEVC intra, in the role of BPG, and needs the extra ``hevc``.
ClassicalFormat: TypeAlias = Literal["jpeg", "webp", "avif", "hevc"]


class ClassicalConfig(PluginConfig):
    """JPEG, WebP, AVIF or HEVC, each image compressed to fit its bit budget."""

    room: ClassVar[str] = "codecs"
    kind: Literal["classical"] = "classical"
    format: ClassicalFormat = "jpeg"
    """The strongest is ``avif`` or ``hevc`` (the codec of BPG; it needs the extra ``hevc``)."""
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
