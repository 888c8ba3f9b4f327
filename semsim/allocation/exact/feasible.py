"""Deadlines that nobody can meet, refused before anything is solved."""

from __future__ import annotations

import math

import numpy as np

from semsim.allocation.exact.spectral import nats_per_hz
from semsim.allocation.terms import Terms
from semsim.errors import AllocationError
from semsim.types import Array


def check_deadlines(terms: Terms) -> None:
    """Refuse deadlines that the cell cannot meet, all users together.

    Raises:
        AllocationError: naming the users who cause it: whose computing alone takes too long, or
            who need most of the power that is missing.
    """
    if not np.isfinite(terms.deadline_s).any():
        return
    least_s = terms.t0_s - terms.kappa_s * _quickest(terms)
    late = np.broadcast_to(terms.deadline_s <= least_s, terms.shape)
    if late.any():
        *_, user = np.argwhere(late)[0]
        deadline_s, computing_s = np.broadcast_arrays(terms.deadline_s, least_s)
        raise AllocationError(
            f"user {user} has a deadline of {deadline_s[..., user].flat[0]:g} s, but its codec "
            f"alone computes for {computing_s[..., user].flat[0]:g} s at least; allow more time, "
            "or give compute.frequency_hz more speed"
        )
    rate = _needed_rate(terms)
    least_hz = (rate / terms.nats_per_hz_max).sum(-1)
    narrow = least_hz > terms.bandwidth_hz
    if narrow.any():
        drop = tuple(int(i) for i in np.argwhere(narrow)[0])
        raise AllocationError(
            f"the deadlines need {least_hz[drop]:.4g} Hz{_in(drop)} at the modem's highest rate, "
            f"but the cell has {terms.bandwidth_hz:g} Hz; user {int(rate[drop].argmax())} asks for "
            "most: allow more time, lower the least quality, or raise cell.bandwidth_hz"
        )
    needed_w = _least_power_w(terms, rate)
    total_w = needed_w.sum(-1)
    short = total_w > terms.power_w
    if short.any():
        drop = tuple(int(i) for i in np.argwhere(short)[0])
        dearest = np.argsort(-needed_w[drop])
        share = np.cumsum(needed_w[drop][dearest])
        # The fewest users without whom the others could all be served.
        count = int(np.searchsorted(share, total_w[drop] - terms.power_w)) + 1
        named = ", ".join(str(int(user)) for user in dearest[:count])
        raise AllocationError(
            f"the deadlines need {total_w[drop]:.3g} W{_in(drop)}, but the cell has "
            f"{terms.power_w:g} W; user {named} asks for too much: allow more time, lower the "
            "least quality, or raise cell.power_w or cell.bandwidth_hz"
        )


def _in(drop: tuple[int, ...]) -> str:
    return f" in drop {drop}" if drop else ""


def _needed_rate(terms: Terms) -> Array:
    """Return the least rate ``[..., N]`` in nats/s that meets all deadlines.

    The rate s = ρ D ln 2/τ rises with ρ where there is time beyond t_0, and falls where time comes
    only from computing less.
    """
    spare_s = terms.deadline_s - terms.t0_s
    rho = np.where(spare_s > 0, terms.rho_min, _quickest(terms))
    with np.errstate(invalid="ignore"):
        rate = rho * terms.bits * math.log(2) / (spare_s + terms.kappa_s * rho)
    wanted = np.where(np.isfinite(terms.deadline_s), rate, 0.0)
    needed: Array = np.broadcast_to(wanted, terms.shape)
    return needed


def _least_power_w(terms: Terms, rate: Array) -> Array:
    """Return the power ``[..., N]`` that carries ``rate`` with the least total.

    Σp is least where all users see the same y in X = W⁻¹(y/c), and Σ s/X = b_max.
    """
    c = terms.noise_over_gain_w_per_hz
    low = np.full(terms.shape[:-1], math.log(c.min()) - 40)
    high = np.full(terms.shape[:-1], math.log(c.max()) + 600)
    for _ in range(80):
        middle = (low + high) / 2
        x = _nats_per_hz(terms, middle)
        wide = (rate / x).sum(-1) > terms.bandwidth_hz
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    x = _nats_per_hz(terms, high)
    needed_w: Array = rate / x * c * np.expm1(np.minimum(x, 700.0))
    return needed_w


def _nats_per_hz(terms: Terms, log_y: Array) -> Array:
    x = nats_per_hz(np.exp(log_y[..., None]) / terms.noise_over_gain_w_per_hz)
    most: Array = np.minimum(x, terms.nats_per_hz_max)
    return most


def _quickest(terms: Terms) -> Array:
    """Return the ρ ``[N]`` at which computing takes least."""
    return np.where(terms.kappa_s > 0, terms.rho_max, terms.rho_min)
