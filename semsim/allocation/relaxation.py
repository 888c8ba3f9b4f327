"""What one user is worth at given prices of bandwidth and power: the parts of P1's Lagrangian dual.

Let μ, ν >= 0 be the prices of bandwidth and power, and A = λ_3 τ + ν what a watt costs through a
time τ on the air. A user who needs the rate ρD/τ takes the bandwidth that makes it cheapest,

    ψ(ρ, τ) = min over b of A p + μ b = ρ w(τ),   w = (D ln2/τ) min over X > 0 of [A c E(X) + μ/X]

with X = ρD ln2/(τb), E = (e^X - 1)/X and p = b c (e^X - 1). The minimum is where
X e^X - e^X + 1 = m = μ/(A c). By the envelope theorem

    s(τ) = -w'(τ) = (D ln2/τ²) (ν c E + μ/X) > 0.

From X e^X dX = -(m/A) λ_3 dτ follows d ln X/d ln τ = -(λ_3 τ/A) (X - 1 + e^-X)/X², which lies in
[-1/2, 0] for every X > 0, for all constants. Hence d ln s/d ln τ <= -3/2: *w falls and is convex*,
and w'' >= 3s/(2τ). Two bounds follow, neither of which needs the problem to be concave:

*In T.* With ρ held, ψ is convex in τ = T - t_0 + κρ, so that its tangent at the right end of an
interval of T bounds it from below within: ψ(ρ, τ - h) >= ρ w(τ) + h ρ s(τ).

*In ρ.* With T held, what the user brings, F(ρ) = l ln ρ + λ_3 P_c κρ - ρ w(t + κρ), has

    F'' = -l/ρ² + 2κs - κ²ρw'' <= -l/ρ² + κs (2 - 3κρ/(2τ)),

where s falls with ρ and κρ/τ is monotone. That bounds F'' over an interval of ρ, and F itself by a
parabola through its midpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import lambertw

from semsim.types import Array

Index: TypeAlias = NDArray[np.intp]
Mask: TypeAlias = NDArray[np.bool_]

#: The first intervals of ρ shrink by halves towards the least ρ, where F may fall off.
_FIRST = np.concatenate([[0.0], 0.5 ** np.arange(12, -1, -1)])
#: Where an interval is cut that must be looked at more closely.
_PARTS = np.linspace(0, 1, 5)
#: An interval that has been divided so often is a point.
_ROUNDS = 30
#: First step of prices at most, as logarithms, and how exact they are in the end.
_STEP, _ACCURACY = 1.0, 1e-10
#: What falls faster than this, demand over price, both as logarithms, is a jump.
_STEEP = 1e4
#: Newton's method takes a handful of steps, and more where it must come from afar.
_NEWTON = 50
#: Logarithms of prices in units that matter: below, a thing is as good as free; above, there is
#: not enough of it.
FREE, _MOST = -50.0, 600.0


def exponent(m: Array) -> Array:
    """Solve X e^X - e^X + 1 = m for X >= 0, elementwise.

    Lambert's W has a branch point at m = 0, near which only its series is accurate.

    >>> exponent(np.array([0.0, 1.0, 1 + np.exp(2)])).tolist()
    [0.0, 1.0, 2.0]
    """
    r = np.sqrt(2 * np.minimum(m, 1e-4))
    near = r * (1 + r * (-1 / 3 + r * (11 / 72 + r * (-43 / 540 + r * 769 / 17280))))
    x: Array = np.where(m < 1e-4, near, 1 + lambertw((m - 1) / np.e).real)
    return x


@dataclass(frozen=True)
class Users:
    """Users at prices, one element each; all arrays ``[K]``.

    Attributes:
        worth: l.
        saving: λ_3 P_c κ, what a unit of ρ saves in computing energy.
        kappa_s: κ.
        left_s: t = min(T, deadline) - t_0, the time that computing at ρ = 0 leaves for the air.
        nats: D ln2.
        noise_over_gain: c.
        lambda_energy: λ_3.
        mu: price of a hertz.
        nu: price of a watt.
    """

    worth: Array
    saving: Array
    kappa_s: Array
    left_s: Array
    nats: Array
    noise_over_gain: Array
    lambda_energy: float
    mu: Array
    nu: Array

    def __getitem__(self, index: Index) -> Users:
        return Users(
            self.worth[index],
            self.saving[index],
            self.kappa_s[index],
            self.left_s[index],
            self.nats[index],
            self.noise_over_gain[index],
            self.lambda_energy,
            self.mu[index],
            self.nu[index],
        )

    def demand(self, rho: Array) -> tuple[Array, Array]:
        """Return the bandwidth and the power that users with ``rho [K]`` buy."""
        tau = self.left_s + self.kappa_s * rho
        x = exponent(self.mu / ((self.lambda_energy * tau + self.nu) * self.noise_over_gain))
        b_hz = rho * self.nats / (tau * x)
        return b_hz, b_hz * self.noise_over_gain * np.expm1(x)

    def charge(self, rho: Array) -> tuple[Array, Array, Array]:
        """Return w, s and w''; all infinite where no time is left."""
        tau = self.left_s + self.kappa_s * rho
        on = tau > 0
        tau = np.where(on, tau, 1.0)
        watt = self.lambda_energy * tau + self.nu
        x = exponent(self.mu / (watt * self.noise_over_gain))
        noise, width = self.noise_over_gain * np.expm1(x) / x, self.mu / x
        scale = self.nats / tau
        w = scale * (watt * noise + width)
        s = scale / tau * (self.nu * noise + width)
        change = (self.lambda_energy / watt) ** 2 * (x + np.expm1(-x)) / x**2
        bend = 2 * s / tau - scale * width * change
        charges = (np.where(on, value, np.inf) for value in (w, s, bend))
        return next(charges), next(charges), next(charges)

    def payoff(self, rho: Array, w: Array) -> Array:
        """Return F; minus infinity at ρ = 0 and where no time is left."""
        f: Array = self.worth * np.log(rho) + self.saving * rho - rho * w
        return f

    def best(
        self, low: Array, high: Array, tolerance: Array | float, lead_s: Array | float = 0.0
    ) -> tuple[Array, Array]:
        """Maximise G(ρ) = F(ρ) - lead · ρ s over ``low <= ρ <= high``, by interval subdivision.

        Args:
            low: ``[K]`` least ρ.
            high: ``[K]`` largest ρ.
            tolerance: ``[K]`` by how much the bound may exceed the maximum.
            lead_s: ``[K]`` by how much T may lie before the T of ``left_s``.

        Returns:
            an upper bound of the maximum, ``[K]``, and the best ρ that was seen, ``[K]``. The bound
            is minus infinity where no ρ leaves time for the air.
        """
        tolerance, lead_s = (np.broadcast_to(value, low.size) for value in (tolerance, lead_s))
        least = np.maximum(low, np.where(self.kappa_s > 0, -self.left_s / self.kappa_s, 0.0))
        least = np.minimum(least, high)
        a, b = _cut(least, high, _FIRST)
        row = np.repeat(np.arange(low.size), _FIRST.size - 1)
        top, bound = np.full(low.size, -np.inf), np.full(low.size, -np.inf)
        arg = high.copy()
        for _ in range(_ROUNDS):
            upper, points, values = self[row]._over(a, b, lead_s[row])
            _raise_to(top, arg, row, points, values)
            alive = upper > top[row] + tolerance[row]
            np.maximum.at(bound, row[~alive], upper[~alive])
            if not alive.any():
                return np.maximum(bound, top), arg
            a, b = _cut(a[alive], b[alive], _PARTS)
            row = np.repeat(row[alive], _PARTS.size - 1)
        np.maximum.at(bound, row, np.repeat(upper[alive], _PARTS.size - 1))
        return np.maximum(bound, top), arg

    def climb(self, rho: Array, low: Array, high: Array) -> Array:
        """Follow F from ``rho`` to a local maximum in ``low <= ρ <= high``, by Newton's method."""
        edge = np.where(self.kappa_s > 0, -self.left_s / self.kappa_s, 0.0)
        for _ in range(_NEWTON):
            w, s, bend = self.charge(rho)
            rise = self.worth + (self.saving - w + self.kappa_s * rho * s) * rho  # dF/d ln ρ
            turn = rise - self.worth + (2 * s - self.kappa_s * rho * bend) * self.kappa_s * rho**2
            step = np.where(turn < 0, np.clip(-rise / turn, -1, 1), np.sign(rise))
            new = np.clip(rho * np.exp(step), np.maximum(low, (rho + edge) / 2), high)
            done = np.abs(new - rho) <= 1e-13 * rho
            rho = new
            if done.all():
                break
        return rho

    def _over(self, a: Array, b: Array, lead_s: Array) -> tuple[Array, Array, Array]:
        """Bound G over ``[a, b]``, and evaluate it at the middle and at b, ``[2, K]``."""
        middle = (a + b) / 2
        rho = np.stack([a, middle, b])
        (_, w, w_b), (s_a, s, s_b), _ = self.charge(rho)
        points = rho[1:]
        f = self.payoff(points, np.stack([w, w_b]))
        values = f - lead_s * points * np.stack([s, s_b])
        # To first order: what rises with ρ is taken at b, what falls at a.
        first = self.worth * np.log(b) + self.saving * b - a * w_b
        # To second order: a parabola through the middle.
        tau_a, tau_b = self.left_s + self.kappa_s * a, self.left_s + self.kappa_s * b
        bend = 2 - 1.5 * self.kappa_s * np.minimum(a / tau_a, b / tau_b)
        bend *= self.kappa_s * np.where(bend > 0, s_a, s_b)
        curvature = bend - self.worth / b**2
        slope = self.worth / middle + self.saving - w + self.kappa_s * middle * s
        reach = (b - a) / 2
        step = np.copysign(reach, slope)
        step = np.where(curvature < 0, np.clip(-slope / curvature, -reach, reach), step)
        second = f[0] + (slope + curvature * step / 2) * step
        upper = np.fmin(first, second) - lead_s * a * s_b
        return np.where(tau_b > 0, upper, -np.inf), points, np.where(tau_b > 0, values, -np.inf)


def _cut(a: Array, b: Array, at: Array) -> tuple[Array, Array]:
    """Return both ends of the parts of the intervals ``[a, b]``, cut ``at`` shares of them."""
    edges = a[:, None] + (b - a)[:, None] * at
    edges[:, -1] = b  # exactly
    return edges[:, :-1].ravel(), edges[:, 1:].ravel()


def _raise_to(top: Array, arg: Array, row: Index, points: Array, values: Array) -> None:
    """Note in ``top`` and ``arg [K]`` the best of ``values [2, J]``, where it is better.

    ``row [J]``, to which element each column belongs, does not fall.
    """
    column = values.argmax(axis=0), np.arange(row.size)
    points, values = points[column], values[column]
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    peak = np.repeat(np.maximum.reduceat(values, starts), np.diff(starts, append=row.size))
    better = np.flatnonzero((values == peak) & (values > top[row]))
    top[row[better]], arg[row[better]] = values[better], points[better]


#: Demand for something at a price, over its supply: (ln price ``[J]``, which rows ``[J]``) -> [J].
Excess: TypeAlias = Callable[[Array, Index], Array]


def falling_root(excess: Excess, start: Array) -> Array:
    """Find where functions ``excess`` that fall cross zero, one a row, by bracketing and Illinois.

    Args:
        excess: values (they may be infinite) at points of some rows; jumps are allowed.
        start: ``[K]`` where to begin.

    Returns:
        the points, ``[K]``, at least -50 and at most 600. Each is where its function was evaluated
        last.
    """
    b = start.copy()
    f_b = _finite(excess(b, np.arange(b.size)))
    a, f_a = b.copy(), f_b.copy()
    stride = np.clip(2 * f_b, -_STEP, _STEP)  # demand falls about as fast as prices rise
    rows = np.flatnonzero(np.abs(f_b) > _ACCURACY)
    while rows.size:
        a[rows], f_a[rows] = b[rows], f_b[rows]
        b[rows] = np.clip(b[rows] + stride[rows], FREE, _MOST)
        f_b[rows] = _finite(excess(b[rows], rows))
        stride *= 2
        rows = rows[(f_a[rows] * f_b[rows] > 0) & (b[rows] > FREE) & (b[rows] < _MOST)]
    rows = np.flatnonzero((f_a * f_b < 0) & (np.abs(f_b) > _ACCURACY))
    while rows.size:
        x = b[rows] - f_b[rows] * (b[rows] - a[rows]) / (f_b[rows] - f_a[rows])
        f = _finite(excess(x, rows))
        crossed = f * f_b[rows] < 0
        a[rows] = np.where(crossed, b[rows], a[rows])
        f_a[rows] = np.where(crossed, f_b[rows], f_a[rows] / 2)
        b[rows], f_b[rows] = x, f
        bracket = np.abs(b[rows] - a[rows])
        rows = rows[(np.abs(f) > _ACCURACY) & (bracket > np.maximum(_ACCURACY, np.abs(f) / _STEEP))]
    return b


def _finite(values: Array) -> Array:
    # Far from the root only the sign matters.
    return np.clip(np.nan_to_num(values, nan=_MOST), -_MOST, _MOST)
