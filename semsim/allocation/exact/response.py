"""What a user does at given prices, and how that moves with them.

At prices μ of a hertz and ν of a watt and with T given, user n is worth

    φ(ρ) = l ln ρ + ε ρ - ψ,    ψ = s h(A, μ),    h = min over X <= X_max of [A c (e^X - 1) + μ]/X,

with τ = t + κρ the time on the air, s = ρ D ln 2/τ the rate in nats, A = λ_3 τ + ν the price of a
watt for as long as it is needed, and ε = λ_3 P_c κ the computing energy that a unit of ρ saves.
The user takes b = s/X and p = b c (e^X - 1).

The optimum of P1 is a saddle point of μ b_max + ν p_max - λ_2 T + Σ φ: highest in (ρ, T), lowest in
(μ, ν). Here are the gradient and the Hessian of the sum, with every ρ already moved by one Newton
step of its own: what remains is a system of three unknowns, whatever N is.
"""

from __future__ import annotations

from dataclasses import dataclass

from semsim.allocation.exact.drops import Drops
from semsim.arrays import Values, namespace


@dataclass(frozen=True)
class Prices:
    """The unknowns of a batch of drops, each ``[M]``: T, μ and ν."""

    slowest_s: Values
    per_hz: Values
    per_w: Values


@dataclass(frozen=True)
class Shares:
    """What users take: ``[N, M]`` each."""

    x: Values
    b_hz: Values
    p_w: Values


def shares(drops: Drops, rho: Values, prices: Prices) -> Shares:
    """Return bandwidth and power of users who send ``rho`` at least cost."""
    tau = drops.time_on_air_s(rho, prices.slowest_s)
    x = drops.nats_per_hz(prices.per_hz / ((drops.lambda_energy * tau + prices.per_w) * drops.c))
    b_hz = rho * drops.nats / (tau * x)
    return Shares(x, b_hz, b_hz * drops.c * namespace(x).expm1(x))


@dataclass(frozen=True)
class Reduced:
    """The three equations that are left, and how every ρ follows their solution.

    Attributes:
        gradient: dL/dT, dL/dμ, dL/dν, ``[M]`` each.
        hessian: TT, Tμ, Tν, μμ, μν, νν, ``[M]`` each.
        log_rho: the move of ln ρ at prices that stand still, ``[N, M]``.
        by: how that move changes by T, μ and ν, ``[N, M]`` each.
        below: a bound on how far φ lies below its maximum over ρ nearby, ``[N, M]``.
        slope: dφ/dT with ρ moved, ``[N, M]``.
        marginal: dφ/d ln ρ, ``[N, M]``.
    """

    gradient: tuple[Values, Values, Values]
    hessian: tuple[Values, Values, Values, Values, Values, Values]
    log_rho: Values
    by: tuple[Values, Values, Values]
    below: Values
    slope: Values
    marginal: Values


def reduce(drops: Drops, log_rho: Values, prices: Prices) -> Reduced:
    """Return gradient and Hessian of the saddle function at ``log_rho [N, M]`` and ``prices``."""
    xp = namespace(log_rho)
    l3, c, mu = drops.lambda_energy, drops.c, prices.per_hz
    rho = xp.exp(log_rho)
    tau = drops.time_on_air_s(rho, prices.slowest_s)
    a = l3 * tau + prices.per_w
    x = drops.nats_per_hz(mu / (a * c))
    s = rho * drops.nats / tau
    power = c * xp.expm1(x)
    h_a, h_mu = power / x, 1 / x
    h = a * h_a + mu * h_mu
    # h has the Hessian -(1, -q)(1, -q)ᵀ/(A c X³ e^X) in (μ, A), and is flat where X is held.
    q = mu / a
    bend = xp.where(x < drops.x_max, s / (a * (c + power) * x * x * x), 0.0)
    # By u = ln ρ, T, μ and ν in turn. τ has the slope κρ in u and 1 in T.
    # A later T is of no use to those whose deadline comes first.
    moved = xp.astype(~xp.isfinite(drops.deadline), rho.dtype)
    tau_u = drops.kappa * rho
    a_u, a_t = l3 * tau_u, l3 * moved
    share = tau_u / tau
    s_u, s_t = s * (1 - share), -s / tau * moved
    s_uu, s_ut, s_tt = s_u * (1 - 2 * share), s_t * (1 - 2 * share), -2 * s_t / tau
    v_u, v_t, v_n = -q * a_u, -q * a_t, -q
    psi_uu = s_uu * h + (2 * s_u + s) * h_a * a_u - bend * v_u * v_u
    psi_ut = s_ut * h + (s_u * a_t + s_t * a_u) * h_a - bend * v_u * v_t
    psi_um, psi_un = s_u * h_mu - bend * v_u, s_u * h_a - bend * v_u * v_n
    psi_tt = s_tt * h + 2 * s_t * h_a * a_t - bend * v_t * v_t
    psi_tm, psi_tn = s_t * h_mu - bend * v_t, s_t * h_a - bend * v_t * v_n
    psi_mn, psi_nn = -bend * v_n, -bend * v_n * v_n

    saved = drops.saving * rho
    phi_u = drops.worth + saved - s_u * h - s * h_a * a_u
    phi_t = -(s_t * h + s * h_a * a_t)
    at_bound = ((log_rho >= drops.log_rho_max) & (phi_u > 0)) | (
        (log_rho <= drops.log_rho_min) & (phi_u < 0)
    )
    # Far from the optimum φ may bend upwards; the curvature of l ln ρ in 1/ρ stands in.
    bent = psi_uu - saved
    scale = drops.worth + s * h
    least = 0.05 * scale
    inverse = xp.where(at_bound, 0.0, 1 / xp.where(bent > least, bent, scale))
    step = phi_u * inverse
    slope = phi_t - psi_ut * step
    return Reduced(
        gradient=(
            slope.sum(0) - drops.lambda_delay,
            drops.bandwidth_hz - (s * h_mu + psi_um * step).sum(0),
            drops.power_w - (s * h_a + psi_un * step).sum(0),
        ),
        hessian=(
            (psi_ut * psi_ut * inverse - psi_tt).sum(0),
            (psi_ut * psi_um * inverse - psi_tm).sum(0),
            (psi_ut * psi_un * inverse - psi_tn).sum(0),
            (psi_um * psi_um * inverse + bend).sum(0),
            (psi_um * psi_un * inverse - psi_mn).sum(0),
            (psi_un * psi_un * inverse - psi_nn).sum(0),
        ),
        log_rho=step,
        by=(-psi_ut * inverse, -psi_um * inverse, -psi_un * inverse),
        below=xp.where(at_bound, 0.0, phi_u * phi_u / least),
        slope=slope,
        marginal=phi_u,
    )
