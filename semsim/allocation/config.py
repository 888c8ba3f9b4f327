"""Configuration of the utility and of the built-in allocators (no numpy, no cvxpy here)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from semsim.config import PluginConfig, Strict


class CurveFile(Strict):
    """A quality curve that `semsim calibrate` measured."""

    path: Path
    """A curve file, or a folder of them, where every user's codec finds its own; relative paths
    start at the working directory."""


class CurveLine(Strict):
    """A quality curve by its two numbers, the same for all users."""

    offset_db: float
    """a_q of FTSC eq. (8): the PSNR at ρ = 1."""
    slope_db: float = Field(gt=0)
    """b_q of FTSC eq. (8): PSNR that a factor e in ρ brings."""


def _form(value: object) -> str:
    """Tell the ways to write a curve apart, so that a mistake is reported for one of them."""
    if isinstance(value, CurveFile) or (isinstance(value, dict) and "path" in value):
        return "file"
    return "line" if isinstance(value, dict | CurveLine) else "word"


CurveConfig = Annotated[
    Annotated[Literal["paper", "calibrated"], Tag("word")]
    | Annotated[CurveFile, Tag("file")]
    | Annotated[CurveLine, Tag("line")],
    Discriminator(_form),
]


class UtilityConfig(Strict):
    """What a slot is worth: U of FTSC eq. (24). The factors A, B and C printed there are 1."""

    lambda_quality: float = Field(0.33, ge=0)
    """λ_1, per dB."""
    lambda_delay: float = Field(0.33, ge=0)
    """λ_2, per second of the slowest user."""
    lambda_energy: float = Field(0.33, ge=0)
    """λ_3, per joule of all users together."""
    quality: Literal["sum", "mean"] = "sum"
    """Q over the users: their sum, as eq. (29) has it, or their mean, as eq. (24) can be read."""
    quality_curve: CurveConfig = "paper"
    """Q over ρ: ``paper``, the constants of eq. (8), fitted to faces; ``calibrated``, the curve
    that ships for each user's codec, weights and images; `{path: …}`, curves of `semsim calibrate`;
    or `{offset_db: …, slope_db: …}`."""


class AllocatorConfig(PluginConfig):
    """Base of every allocator."""

    room: ClassVar[str] = "allocators"
    label: str | None = None
    """Name in tables and figures; the default is the kind."""


class EqualConfig(AllocatorConfig):
    """Equal bandwidth, equal power and one compression rate for all."""

    kind: Literal["equal"] = "equal"
    rho: float | None = Field(None, gt=0)
    """ρ of every user; the default is the largest, ρ_[2,2]."""


class RandomConfig(AllocatorConfig):
    """Shares of bandwidth and power uniform on the simplex, ρ log-uniform."""

    kind: Literal["random"] = "random"
    rho_min: float | None = Field(None, gt=0)
    """Least ρ; the default is that of scaling [16, 2]."""


class AlternatingConfig(AllocatorConfig):
    """Algorithm 1 of FTSC."""

    kind: Literal["alternating"] = "alternating"
    tolerance: float = Field(1e-4, gt=0)
    """ϵ of Algorithm 1: stop when an iteration changes the utility by less."""
    max_iterations: int = Field(200, ge=1)
    """Stop after so many iterations in any case."""
    solver: str = "CLARABEL"
    """Any solver for exponential cones that CVXPY finds on this machine."""
    start: Literal["equal", "random"] = "equal"
    """Where to begin: the allocation of the rule of that name, with its defaults."""
    start_power_share: float = Field(1.0, gt=0, le=1)
    """Share of the power that the start uses; the paper's setting needs 0.001 or so to come near
    the optimum (see :mod:`semsim.allocation.alternating`)."""
