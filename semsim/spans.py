"""Numbers that a configuration gives as one value or as a range to draw from."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Discriminator, Tag, model_validator

from semsim.config import Strict


class Span(Strict):
    """A value drawn uniformly for every image."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Span:
        if self.high < self.low:
            raise ValueError(f"'high' ({self.high:g}) lies below 'low' ({self.low:g})")
        return self


#: One value for all images, or ``{low, high}``.
Level: TypeAlias = Annotated[
    Annotated[Span, Tag("mapping")] | Annotated[float, Tag("number")],
    Discriminator(lambda value: "mapping" if isinstance(value, dict | Strict) else "number"),
]
