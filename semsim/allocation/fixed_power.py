"""Equal power, and for it the best bandwidth and compression: what power control is worth.

With p given, P1 is, over u = ln ρ, v = ln b and θ = ln T,

    min  Σ {-l u + λ_3 (p τ - P_c κ e^u)} + λ_2 e^θ
    s.t. ln d <= θ,   d = τ + t_0 - κ e^u,   u <= ln ρ_max,   ln Σ e^v = ln b_max,

where τ = e^u D ln 2/(b X), X = ln(1 + p/(b c)), is the time on the air. ln τ is convex in v: with
φ = (1 - e^-X)/X, its slope is -η, η = 1 - φ, and its curvature φ (φ - e^-X). So all of this is
convex but the computing time that ρ saves. The problem is convex all the same, in (u, b) and with
d in place of its logarithm, while no user's κρ is more than τ/2 and little energy goes into
computing: what is found is then the optimum of P1 for this p. Where the air is so fast that
computing sets the pace, it is a stationary point.

An interior-point method solves all drops at once: s = θ - ln d has the price a, z = ln ρ_max - u
the price β, and the bandwidth the price m, all per nat. Users share nothing but θ and m, so a step
solves two equations a user and two a drop, and memory grows with the number of users only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semsim.allocation.baselines import Equal
from semsim.allocation.config import BestRateFixedPowerConfig, EqualConfig
from semsim.allocation.exact.spectral import excess
from semsim.allocation.limits import refuse_levels, refuse_limits, refuse_worthless
from semsim.allocation.problem import Problem
from semsim.allocation.terms import Terms
from semsim.types import Allocation, Array, DownlinkState

#: A drop is done where slack times price and all residuals are below this share of l.
_DONE = 1e-11
_ITERATIONS = 100
#: The longest step of a logarithm, and how much of the way to a limit a step may go.
_LONGEST, _SHORT_OF = 2.0, 0.995
#: The least share of their usual size at which slacks, prices and determinants are taken.
_LEAST = 0.05


class BestRateFixedPower:
    """The optimum of P1 over ρ, b and T, where every user sends with p = ``power_share`` p_max/N.

    ``Allocation.info`` holds ``status``, strings ``[...]``: ``converged`` or, seen only where
    computing sets the pace, ``max_iterations``.

    Args:
        config: the power to spend.
        problem: utility and budget.
        rng: not used; every allocator is built from the same three arguments.
    """

    Config = BestRateFixedPowerConfig

    def __init__(
        self, config: BestRateFixedPowerConfig, problem: Problem, rng: np.random.Generator
    ) -> None:
        self.config, self.problem = config, problem
        self._equal = Equal(EqualConfig(), problem, rng)

    def allocate(self, state: DownlinkState) -> Allocation:
        """Share in every drop.

        Raises:
            AllocationError: if ``state`` has no users, a user has a limit that is not kept,
                the modem has levels, or sending nothing is best.
        """
        p_w = self.config.power_share * self._equal.allocate(state).p_w
        terms = self.problem.terms(state.gain)
        refuse_limits(terms, self.config.kind)
        refuse_levels(terms, self.config.kind)
        refuse_worthless(terms)
        cell = _Cell(terms, p_w)
        point, done = cell.start(), np.zeros(state.gain.shape[:-1], dtype=np.bool_)
        for _ in range(_ITERATIONS):
            point, done = cell.step(point)
            if done.all():
                break
        status = np.where(done, "converged", "max_iterations")
        rho = terms.rho_max * np.exp(-point.room)
        return Allocation(rho, np.exp(point.log_b), p_w, {"status": status})


@dataclass(frozen=True)
class _Point:
    """An iterate, or a move of one: ``[..., N]``, but ``[..., 1]`` where users share.

    Attributes:
        log_b: v; all bandwidth is spent, always.
        log_t: θ, shared.
        band: m, shared.
        late: s.
        late_price: a.
        room: z; ρ is e^-z ρ_max.
        room_price: β.
    """

    log_b: Array
    log_t: Array
    band: Array
    late: Array
    late_price: Array
    room: Array
    room_price: Array


@dataclass(frozen=True)
class _Air:
    """Physics of an iterate, ``[..., N]``: τ, κρ, d, η and η² + φ (φ - e^-X)."""

    tau: Array
    saved_s: Array
    delay: Array
    eta: Array
    curve: Array


@dataclass(frozen=True)
class _Model:
    """The problem about an iterate, to second order.

    Attributes:
        missed: ln d - θ + s, which is to become 0.
        slope: gradient of ln d in (u, v).
        pull: minus the gradient of the Lagrangian in (u, v).
        shared_pull: the same in θ, ``[..., 1]``.
        hessian: of the Lagrangian, in uu, uv and vv, but for multiples of ``slope slopeᵀ``.
        off: the largest residual, ``[..., 1]``, relative to l.
        target: what slack times price is to become, ``[..., 1]``.
    """

    missed: Array
    slope: tuple[Array, Array]
    pull: tuple[Array, Array]
    shared_pull: Array
    hessian: tuple[Array, Array, Array]
    off: Array
    target: Array


def _total(values: Array) -> Array:
    total: Array = values.sum(axis=-1, keepdims=True)
    return total


def _largest(*parts: Array) -> Array:
    """Return the largest magnitude, ``[..., 1]``, of arrays ``[..., N or 1]``."""
    largest: Array = np.max([np.abs(part).max(axis=-1, keepdims=True) for part in parts], axis=0)
    return largest


def _length(*moves: tuple[Array, Array]) -> Array:
    """Return how much, ``[..., 1]``, of some moves leaves positive what must be so."""
    shrink = np.max(
        [np.max(-move / value, axis=-1, keepdims=True) for value, move in moves], axis=0
    )
    length: Array = _SHORT_OF / np.maximum(shrink, _SHORT_OF)
    return length


@dataclass(frozen=True)
class _Cell:
    """Drops ``[..., N]`` whose users send with ``p_w``."""

    terms: Terms
    p_w: Array

    @property
    def _unit(self) -> float:
        """The mean of l, in which utility is counted."""
        return float(self.terms.worth.mean())

    @property
    def _lambda_delay(self) -> float:
        # Where T costs nothing, next to nothing keeps it finite.
        return max(self.terms.lambda_delay, 1e-3 * _DONE * self._unit)

    def start(self) -> _Point:
        """Share evenly, and send what neither energy nor delay makes dearer than it is worth."""
        terms, users = self.terms, self.terms.shape[-1]
        log_b = np.full(terms.shape, math.log(terms.bandwidth_hz / users))
        most = self._air(log_b, np.zeros(terms.shape))
        cost = terms.lambda_energy * self.p_w / terms.worth + self._lambda_delay / terms.worth.sum()
        room = np.log1p(0.1 + cost * most.tau)
        log_delay = np.log(self._air(log_b, room).delay)
        log_t = log_delay.max(axis=-1, keepdims=True) + 0.1
        late, product = log_t - log_delay, 0.1 * self._unit
        band = np.full_like(log_t, users * self._unit)
        return _Point(log_b, log_t, band, late, product / late, room, product / room)

    def step(self, point: _Point) -> tuple[_Point, NDArray[np.bool_]]:
        """Return the next iterate, and which drops ``[...]`` are done."""
        terms, model = self.terms, self._model(point)
        move = self._direction(point, model)
        longest = _largest(move.log_b, move.log_t, move.room)
        length = np.minimum(
            _length((point.late, move.late), (point.room, move.room)),
            _LONGEST / np.maximum(longest, _LONGEST),
        )
        price = _length((point.late_price, move.late_price), (point.room_price, move.room_price))
        log_b = point.log_b + length * move.log_b
        log_b = log_b - np.log(_total(np.exp(log_b)) / terms.bandwidth_hz)
        log_t, room = point.log_t + length * move.log_t, point.room + length * move.room
        # The slack that there really is, where there is one.
        late = log_t - np.log(self._air(log_b, room).delay)
        new = _Point(
            log_b=log_b,
            log_t=log_t,
            band=np.maximum(point.band + move.band, _LEAST * point.band),
            late=np.maximum(late, _LEAST * (point.late + length * move.late)),
            late_price=point.late_price + price * move.late_price,
            room=room,
            room_price=point.room_price + price * move.room_price,
        )
        return new, (model.off < _DONE)[..., 0]

    def _air(self, log_b: Array, room: Array) -> _Air:
        terms = self.terms
        b_hz, rho = np.exp(log_b), terms.rho_max * np.exp(-room)
        x = np.log1p(self.p_w / (b_hz * terms.noise_over_gain_w_per_hz))
        eta, phi = excess(x) / x, -np.expm1(-x) / x
        tau, saved_s = rho * terms.bits * math.log(2) / (b_hz * x), terms.kappa_s * rho
        delay = tau + terms.t0_s - saved_s
        return _Air(tau, saved_s, delay, eta, eta**2 + phi * (phi - np.exp(-x)))

    def _model(self, point: _Point) -> _Model:
        terms, unit, air = self.terms, self._unit, self._air(point.log_b, point.room)
        energy = terms.lambda_energy * self.p_w * air.tau
        saved = terms.lambda_energy * terms.compute_power_w * air.saved_s
        priced = point.band * np.exp(point.log_b) / terms.bandwidth_hz
        slope = (air.tau - air.saved_s) / air.delay, -air.tau * air.eta / air.delay
        missed = np.log(air.delay) - point.log_t + point.late
        pull = (
            terms.worth - energy + saved - point.late_price * slope[0] - point.room_price,
            energy * air.eta - point.late_price * slope[1] - priced,
        )
        shared_pull = _total(point.late_price) - self._lambda_delay * np.exp(point.log_t)
        products = point.late * point.late_price, point.room * point.room_price
        parts = *pull, shared_pull / terms.shape[-1], *products
        off = _largest(missed, *(part / unit for part in parts))

        seconds = energy + point.late_price * air.tau / air.delay
        bent = saved + point.late_price * air.saved_s / air.delay
        # A concave part that is not small is better taken for a straight line.
        h_uu = seconds - np.where(bent > seconds / 2, 0.0, bent)
        return _Model(
            missed=missed,
            slope=slope,
            pull=pull,
            shared_pull=shared_pull,
            hessian=(h_uu, -seconds * air.eta, seconds * air.curve + priced),
            off=off,
            target=unit * np.maximum(0.1 * off * np.minimum(1, np.sqrt(off)), 0.1 * _DONE),
        )

    def _direction(self, point: _Point, model: _Model) -> _Point:
        """Return the move that Newton's method would make."""
        (g_u, g_v), (h_uu, h_uv, h_vv) = model.slope, model.hessian
        share = np.exp(point.log_b) / self.terms.bandwidth_hz
        # Slacks eliminated, the matrix of a user is h + steep g gᵀ: steep = a/s, of which the
        # curvature of the logarithm of d takes back a.
        stiff, soft = point.late_price / point.late, point.room_price / point.room
        back = np.minimum(point.late_price, stiff)
        steep = stiff - back
        h_uu = h_uu + soft
        det = np.maximum(h_uu * h_vv - h_uv**2, _LEAST * h_uu * h_vv)

        def solve(u: Array | float, v: Array) -> tuple[Array, Array]:
            return (h_vv * u - h_uv * v) / det, (h_uu * v - h_uv * u) / det

        k_u, k_v = solve(g_u, g_v)
        k_g = k_u * g_u + k_v * g_v
        damp = 1 / (1 + steep * k_g)
        push = model.target / point.late - point.late_price + stiff * model.missed
        pull_u = model.pull[0] + point.room_price - model.target / point.room
        k_pull = k_u * pull_u + k_v * model.pull[1]

        # Moves of a user: while θ and m stand still, by a unit of m, and (times k) by a nat of θ.
        along, along_m = damp * (push + steep * k_pull), damp * steep * k_v * share
        (f_u, f_v), (m_u, m_v) = solve(pull_u, model.pull[1]), solve(0.0, share)
        f_u, f_v = f_u - along * k_u, f_v - along * k_v
        m_u, m_v = m_u - along_m * k_u, m_v - along_m * k_v
        by_t = damp * stiff

        # Σ over users of the stationarity in θ, and of what they take of the bandwidth, which is 0.
        a = self._lambda_delay * np.exp(point.log_t) + _total(by_t * (1 - back * k_g))
        rest = model.shared_pull + _total(damp * (push * (1 - back * k_g) + stiff * k_pull))
        q, c, taken = _total(share * by_t * k_v), _total(share * m_v), _total(share * f_v)
        log_t = (rest - q * taken / c) / (a + q**2 / c)
        band = (taken + q * log_t) / c
        u = f_u + log_t * by_t * k_u - band * m_u
        log_b = f_v + log_t * by_t * k_v - band * m_v
        late = log_t - model.missed - g_u * u - g_v * log_b
        return _Point(
            log_b=log_b,
            log_t=log_t,
            band=band,
            late=late,
            late_price=model.target / point.late - point.late_price - stiff * late,
            room=-u,
            room_price=model.target / point.room - point.room_price + soft * u,
        )
