"""Quality over compression, Q = a + b ln ρ (FTSC eq. 8), and its least-squares fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from semsim.engine.budget import Values
from semsim.errors import AllocationError
from semsim.types import Array


@dataclass(frozen=True)
class QualityCurve:
    """The quality that every user's codec is expected to deliver at its ρ, in the user's own unit.

    That is dB of PSNR for images and top-1 accuracy, 0 to 1, for labels; the weights of the utility
    put them on one scale.

    Attributes:
        offset: a, the quality at ρ = 1: one for all users, or ``[N]``.
        slope: b, what a factor e in ρ brings: one for all users, or ``[N]``.
        origin: where the curve comes from, for reports.
        highest: the ρ beyond which quality rises no more, one for all or ``[N]``. Accuracy is 1 at
            most, and a line would pass that: its curve ends at the codec's highest rate. A user
            whose codec has one rate has no slope, and its curve begins and ends at that rate.

    Raises:
        ValueError: if the two have different shapes or a value is not finite, or a slope is not
            positive, but for one rate: Algorithm 1 needs a quality that is concave and rises with
            ρ.
    """

    offset: Values
    slope: Values
    origin: str = ""
    highest: Values = math.inf

    def __post_init__(self) -> None:
        shape = np.shape(self.slope)
        if np.shape(self.offset) != shape or len(shape) > 1:
            raise ValueError(
                f"offset and slope must both be one number or [N], got shapes "
                f"{np.shape(self.offset)} and {shape}"
            )
        if not (np.isfinite(self.offset).all() and np.isfinite(self.slope).all()):
            raise ValueError("offset and slope must be finite")
        flat = np.equal(self.slope, 0) & np.isfinite(self.highest)
        if not (np.greater(self.slope, 0) | flat).all():
            raise ValueError(
                f"slope must be positive, got {np.min(self.slope):g}: a codec whose quality "
                "does not rise with ρ leaves nothing to allocate"
            )

    def quality(self, rho: Array) -> Array:
        """Return Q for ``rho [..., N]``; minus infinity where nothing is sent.

        Raises:
            AllocationError: if the curves are those of another number of users.
        """
        self._check(rho.shape[-1])
        with np.errstate(divide="ignore", invalid="ignore"):
            gained = self.slope * np.log(np.minimum(rho, self.highest))
        predicted: Array = self.offset + np.where(rho > 0, gained, -np.inf)
        return predicted

    def slopes(self, users: int) -> Array:
        """Return b of every user, ``[N]``.

        Raises:
            AllocationError: if the curves are those of another number of users.
        """
        self._check(users)
        return np.array(np.broadcast_to(self.slope, users), dtype=np.float64)

    def _check(self, users: int) -> None:
        curves = np.size(self.slope)
        if np.ndim(self.slope) and curves != users:
            raise AllocationError(
                f"there are quality curves for {curves} users, but {users} to allocate for; give "
                "one curve a user, or one for all"
            )


def line(offset: float, slope: float) -> str:
    """Write a curve down.

    >>> line(41.22, 3.035)
    'Q = 41.22 + 3.035 ln ρ'
    >>> line(41.22, 0.0)
    'Q = 41.22'
    """
    if slope == 0:
        return f"Q = {offset:.2f}"
    return f"Q = {offset:.2f} {'-' if slope < 0 else '+'} {abs(slope):.3f} ln ρ"


@dataclass(frozen=True)
class Fit:
    """A fitted curve and how well it fits.

    Attributes:
        offset: a.
        slope: b.
        rmse: √(SSE/(n - 2)), as Matlab's ``fit`` has it: per degree of freedom, not per point.
            ``None`` where there are only two points.
        r2: 1 - SSE/SST; ``None`` where there are only two points, or all have the same quality.
    """

    offset: float
    slope: float
    rmse: float | None = None
    r2: float | None = None

    def quality(self, rho: float) -> float:
        """Return Q at ``rho``."""
        return self.offset + self.slope * math.log(rho)


#: FTSC, below eq. (8), on FFHQ: by what was on the channel.
PAPER_FITS = {
    "no noise": Fit(41.22, 3.035, 0.4959, 0.9904),
    "20 dB": Fit(41.03, 3.073, 0.4582, 0.9920),
}
_NOISELESS = PAPER_FITS["no noise"]
#: What the paper allocates by.
PAPER = QualityCurve(
    _NOISELESS.offset,
    _NOISELESS.slope,
    f"{line(_NOISELESS.offset, _NOISELESS.slope)}, the paper's fit to faces",
)


def fit(rho: Sequence[float], quality: Sequence[float]) -> Fit:
    """Fit Q = a + b ln ρ by least squares.

    Two points give an exact line, of which neither RMSE nor R² means anything.

    Raises:
        ValueError: if fewer than two values of ρ differ, or a value is not finite.
    """
    x, y = np.log(rho), np.asarray(quality, dtype=np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("every ρ must be positive, and every quality finite")
    if np.unique(x).size < 2:
        raise ValueError("a curve over ρ needs two different ρ or more")
    dx, dy = x - x.mean(), y - y.mean()
    slope = float(dx @ dy / (dx @ dx))
    offset = float(y.mean() - slope * x.mean())
    if x.size == 2:
        return Fit(offset, slope)
    errors, total = float(((dy - slope * dx) ** 2).sum()), float(dy @ dy)
    return Fit(
        offset,
        slope,
        rmse=math.sqrt(errors / (x.size - 2)),
        r2=1 - errors / total if total > 0 else None,
    )
