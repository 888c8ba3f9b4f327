"""Configuration of the classical codecs (no torch here)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from semsim.config import PluginConfig

#: ``avif`` is AV1 intra; ``hevc`` is HEVC intra, in the role of BPG, and needs the extra ``hevc``.
ClassicalFormat: TypeAlias = Literal["jpeg", "webp", "avif", "hevc"]


#: Qualities where they are not 0 to 100.
_QUALITIES: dict[ClassicalFormat, tuple[int, int]] = {"jpeg": (1, 100), "hevc": (0, 51)}


class ClassicalConfig(PluginConfig):
    """JPEG, WebP, AVIF or HEVC: each image compressed to its bit budget, or at one quality."""

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
    quality: int | None = Field(None, ge=0, le=100)
    """Instead of `rhos`: one quality for all images, however long their files become, with 4:2:0
    chroma as encoders have it by default. 0 to 100 as the format's encoder counts; for ``hevc`` the
    quantiser parameter, as BPG's ``-q``, 0 (best) to 51."""

    @model_serializer(mode="wrap")
    def _as_given(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What `quality` replaces is not written beside it, so that what is written can be read."""
        fields: dict[str, Any] = plain(self)
        fields.pop("quality" if self.quality is None else "rhos", None)
        return fields

    @model_validator(mode="after")
    def _budget_or_quality(self) -> ClassicalConfig:
        if self.quality is None:
            return self
        if "rhos" in self.model_fields_set:
            raise ValueError("'quality' leaves the length of a file open; leave out 'rhos'")
        low, high = _QUALITIES.get(self.format, (0, 100))
        if not low <= self.quality <= high:
            raise ValueError(f"'quality' of {self.format} goes from {low} to {high}")
        return self

    @field_validator("rhos")
    @classmethod
    def _rising(cls, rhos: tuple[float, ...]) -> tuple[float, ...]:
        if any(low >= high for low, high in pairwise(rhos)):
            raise ValueError("compression rates must rise strictly")
        return rhos
