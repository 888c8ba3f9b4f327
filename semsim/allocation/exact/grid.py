"""The optimum where every ρ must be one that the user's codec offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from semsim.allocation.exact.optimum import with_rho
from semsim.allocation.exact.solution import Solution
from semsim.allocation.terms import Terms
from semsim.types import Array

#: Utility that a move on the grid must bring.
_BETTER = 1e-10


def on_grid(terms: Terms, grid: Sequence[Array], continuous: Solution) -> Solution:
    """Return the best allocation found whose ρ are all among those that the codecs offer.

    It starts at the offers next to the continuous optimum, and moves one user by one offer as long
    as that helps, bandwidth and power being optimal for each choice. What it loses is at most the
    gap to the bound of the continuous problem.

    Args:
        terms: the problem.
        grid: the offers of every user, rising, N arrays.
        continuous: the optimum without the grid.
    """
    flat = terms.flat()
    users = flat.shape[-1]
    offers = _padded(grid)
    last = np.array([len(rho) - 1 for rho in grid])
    log_rho = np.log(continuous.rho.reshape(-1, users))
    nearest = np.abs(np.log(offers) - log_rho[..., None]).argmin(-1)
    starts = [np.clip(nearest + step, 0, last) for step in (0, -1, 1)]
    values = np.stack([_worth(flat, offers, choice) for choice in starts])
    pick = values.argmax(0)
    rows = np.arange(len(nearest))
    choice, best = np.stack(starts)[pick, rows], values[pick, rows]
    moves = np.concatenate([np.eye(users, dtype=int), -np.eye(users, dtype=int)])
    open_ = rows
    while open_.size:
        tried = np.clip(choice[open_, None] + moves, 0, last)
        some = flat.rows(np.repeat(open_, len(moves)))
        value = _worth(some, offers, tried.reshape(-1, users)).reshape(len(open_), -1)
        move = value.argmax(-1)
        reached = value[np.arange(len(open_)), move]
        better = reached > best[open_] + _BETTER
        choice[open_[better]] = tried[better, move[better]]
        best[open_[better]] = reached[better]
        open_ = open_[better]
    found = with_rho(flat, _chosen(offers, choice))
    drops = terms.shape[:-1]
    return Solution(
        *(
            getattr(found, field.name).reshape((*drops, *getattr(found, field.name).shape[1:]))
            for field in fields(Solution)
        )
    )


def _padded(grid: Sequence[Array]) -> Array:
    """Return ``[N, K]``, short rows filled with their last offer."""
    most = max(len(rho) for rho in grid)
    return np.stack([np.pad(rho, (0, most - len(rho)), mode="edge") for rho in grid])


def _chosen(offers: Array, choice: Array) -> Array:
    rho: Array = offers[np.arange(offers.shape[0]), choice]
    return rho


def _worth(terms: Terms, offers: Array, choice: Array) -> Array:
    """Return U of the best allocation with the offers chosen, or minus infinity."""
    found = with_rho(terms, _chosen(offers, choice))
    utility = terms.utility(found.rho, found.b_hz, found.p_w)
    promised = (found.rho >= terms.rho_min * (1 - 1e-9)).all(-1)
    worth: Array = np.where(np.isfinite(utility) & promised & (found.settled > 0), utility, -np.inf)
    return worth
