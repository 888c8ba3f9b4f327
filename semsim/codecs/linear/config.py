"""Configuration of the best linear analog code (no torch here)."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from semsim.config import PluginConfig, Strict


def _check_ratio(name: str) -> str:
    ratio = Fraction(name)
    if not 0 < ratio <= 4:
        raise ValueError("channel uses per source value must be above 0 and at most 4")
    return name


#: Complex channel uses per source value, written as a fraction: ``1/6``.
Ratio = Annotated[
    str, Field(pattern=r"^[1-9][0-9]{0,5}/[1-9][0-9]{0,5}$"), AfterValidator(_check_ratio)
]


class GaussMarkovStatistics(Strict):
    """The covariance of the source ``gaussian`` with the same options."""

    kind: Literal["gauss_markov"] = "gauss_markov"
    rho: float = Field(0.95, ge=0, le=0.999)
    """Correlation of neighbouring pixels, along rows and along columns."""
    colour_correlation: float = Field(0.8, ge=0, le=0.999)
    """Correlation of any two of the three colours of a pixel."""
    std: float = Field(0.1, gt=0, le=0.5)
    """Standard deviation of every value around 0.5."""


class PhotosStatistics(Strict):
    """The covariance of patches of the shipped photographs (their training split)."""

    kind: Literal["photos"] = "photos"
    patch: int = Field(8, ge=1, le=16)
    """Height and width of the patches, in pixels; they tile the image."""
    size: int = Field(64, ge=16, le=640)
    """Height and width of the crops from which the covariance is estimated, in pixels."""


class LinearConfig(PluginConfig):
    """The best linear analog code for a covariance that both ends know."""

    room: ClassVar[str] = "codecs"
    kind: Literal["linear"] = "linear"
    statistics: Annotated[GaussMarkovStatistics | PhotosStatistics, Field(discriminator="kind")] = (
        GaussMarkovStatistics()
    )
    """Whose covariance the code is made for."""
    cbrs: tuple[Ratio, ...] = Field(("1/12", "1/6", "1/3", "1/2"), min_length=1)
    """Complex channel uses per source value, rising; all that is sent is counted in them."""

    @field_validator("cbrs")
    @classmethod
    def _rising(cls, cbrs: tuple[str, ...]) -> tuple[str, ...]:
        if any(Fraction(low) >= Fraction(high) for low, high in pairwise(cbrs)):
            raise ValueError("channel uses per source value must rise strictly")
        return cbrs
