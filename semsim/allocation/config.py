"""Configuration of the utility and of the built-in allocators (no numpy, no cvxpy here)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from semsim.config import PluginConfig, Strict


class CurveFile(Strict):
    """A quality curve that `semsim calibrate` measured."""

    path: Path
    """A curve file, or a folder of them, where every user's codec finds its own; relative paths
    start at the working directory."""


class CurveLine(Strict):
    """A quality curve by its two numbers, the same for all users, who get images."""

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


_Positive = Annotated[float, Field(gt=0)]
#: One number for all users, or one a user.
ForUsers = _Positive | tuple[_Positive, ...]


class UtilityConfig(Strict):
    """What a slot is worth: U of FTSC eq. (24). The factors A, B and C printed there are 1."""

    lambda_quality: float = Field(0.33, ge=0)
    """λ_1, per unit of a user's quality: dB of PSNR, or accuracy (0 to 1) of who gets labels."""
    lambda_delay: float = Field(0.33, ge=0)
    """λ_2, per second of the slowest user."""
    lambda_energy: float = Field(0.33, ge=0)
    """λ_3, per joule of all users together."""
    quality: Literal["sum", "mean", "min"] = "sum"
    """Q over the users: their sum, as eq. (29) has it; their mean, as eq. (24) can be read; or that
    of the worst user, which `exact` and the rules take, and which has no weights."""
    weight: ForUsers = 1.0
    """What the quality of each user counts for, beside λ_1: one number for all, or one a user. It
    puts qualities of two kinds on one scale: with 1 for images and 30 for labels, all answers
    right instead of none are worth 30 dB."""
    deadline_s: ForUsers | None = None
    """When each image must be there at the latest, for all users or one a user; `exact`, `slsqp`
    and `branch_and_bound` keep it."""
    least_quality: ForUsers | None = None
    """The quality that each user is promised, by its curve and in its unit (dB, or accuracy from 0
    to 1); kept by the same allocators."""
    quality_curve: CurveConfig = "paper"
    """Q over ρ: ``paper``, the constants of eq. (8), fitted to faces; ``calibrated``, the curve
    that ships for each user's codec, weights and images; `{path: …}`, curves of `semsim calibrate`;
    or `{offset_db: …, slope_db: …}`."""

    @model_validator(mode="after")
    def _no_weights_of_the_worst(self) -> UtilityConfig:
        if self.quality == "min" and self.weight != 1.0:
            raise ValueError("'weight' has no meaning where 'quality' is 'min'; leave it out")
        return self


class AllocatorConfig(PluginConfig):
    """Base of every allocator."""

    room: ClassVar[str] = "allocators"
    label: str | None = None
    """Name in tables and figures; the default is the kind."""
    sees_all: ClassVar[bool] = False
    """Whether it decides by all that is known of a slot (who waits, since when, the battery) rather
    than by the gains of those who are active."""


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


class ExactConfig(AllocatorConfig):
    """The optimum of P1 itself, with a proof, thousands of drops at a time."""

    kind: Literal["exact"] = "exact"
    device: str | None = Field(None, pattern=r"^(cpu|mps|cuda(:\d+)?)$")
    """Where torch is to compute; the default is numpy."""
    rates: Literal["continuous", "grid"] = "continuous"
    """``grid``: only ρ that the users' codecs offer, so that nothing is lost when it is sent."""


class ClosedFormConfig(AllocatorConfig):
    """The optimum for a computing time that does not depend on ρ, in formulas."""

    kind: Literal["closed_form"] = "closed_form"


class _AlternationConfig(AllocatorConfig):
    """What both forms of FTSC's Algorithm 1 can be told."""

    tolerance: float = Field(1e-4, gt=0)
    """ϵ of Algorithm 1: stop when an iteration changes the utility by less."""
    max_iterations: int = Field(200, ge=1)
    """Stop after so many iterations in any case."""
    solver: str = "CLARABEL"
    """Any solver for exponential cones that CVXPY finds on this machine."""
    start: Literal["equal", "random"] = "equal"
    """Where to begin: the allocation of the rule of that name, with its defaults."""
    start_power_share: float = Field(1.0, gt=0, le=1)
    """Share of the power that the start uses; in the paper's setting `alternating` needs 0.001 or
    so to come near the optimum (see :mod:`semsim.allocation.alternating`)."""


class AlternatingConfig(_AlternationConfig):
    """Algorithm 1 of FTSC."""

    kind: Literal["alternating"] = "alternating"


class AlternatingJointConfig(_AlternationConfig):
    """Algorithm 1 of FTSC, repaired: the step that chooses ρ may move T as well."""

    kind: Literal["alternating_joint"] = "alternating_joint"


class SlsqpConfig(AllocatorConfig):
    """Many local searches by SLSQP: the independent check of other methods, for few users."""

    kind: Literal["slsqp"] = "slsqp"
    starts: int = Field(20, ge=1)
    """Searches a drop, each from a random point."""
    tolerance: float = Field(1e-12, gt=0)
    """A search ends where a step changes the utility by less, in units of what a factor e in all
    ρ brings, and breaks no constraint by more."""
    max_iterations: int = Field(500, ge=1)
    """End a search after so many steps in any case."""


class _PowerShareConfig(AllocatorConfig):
    power_share: float = Field(1.0, gt=0, le=1)
    """Share of the cell's power that is spent, all of it by default; where energy has a price,
    this matters more than who gets the power (the optimum of the paper's cell spends 0.001)."""


class WaterFillingConfig(_PowerShareConfig):
    """Equal bandwidth, and the power that gives the largest sum of rates."""

    kind: Literal["water_filling"] = "water_filling"
    rho: float | None = Field(None, gt=0)
    """ρ of every user; the default is the largest, ρ_[2,2]."""
    least_share: float = Field(0.01, gt=0, le=1)
    """Least power of a user, in shares of an equal split: water-filling alone would leave the
    users with poor channels without any, and their images would never arrive."""


class ProportionalFairConfig(_PowerShareConfig):
    """The bandwidth and power that give the largest sum of logarithms of rates."""

    kind: Literal["proportional_fair"] = "proportional_fair"
    rho: float | None = Field(None, gt=0)
    """ρ of every user; the default is the largest, ρ_[2,2]."""


class BestRateFixedPowerConfig(_PowerShareConfig):
    """Equal power, and the best bandwidth and ρ that there are for it."""

    kind: Literal["best_rate_fixed_power"] = "best_rate_fixed_power"


class BranchAndBoundConfig(AllocatorConfig):
    """Branch and bound: slow, and right in every regime; the check on faster solvers."""

    kind: Literal["branch_and_bound"] = "branch_and_bound"
    tolerance: float = Field(1e-6, gt=0)
    """Stop where the upper bound is so close to the utility, in units of U."""
    max_nodes: int = Field(20_000, ge=1)
    """Stop after so many nodes a drop in any case; the gap that is left is stated."""
