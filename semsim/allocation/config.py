"""Configuration of the utility and of the built-in allocators (no numpy, no cvxpy here)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from semsim.config import PluginConfig, Strict


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
    quality_offset_db: float = 41.22
    """a_q of eq. (8): the fitted PSNR at ρ = 1; the paper's value for a noiseless channel."""
    quality_slope_db: float = Field(3.035, gt=0)
    """b_q of eq. (8): PSNR that a factor e in ρ brings."""


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
