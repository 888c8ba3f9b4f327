"""An upper bound on what any rule gets on the slots of :func:`semsim_agents.judging.play`."""

from __future__ import annotations

import math

import numpy as np

from semsim.allocation.certificate import bound
from semsim.allocation.horizon import Future, horizon_bound
from semsim.engine.dynamics.world import World
from semsim.rng import Streams
from semsim.simulation import draw_users
from semsim.types import Array, Report
from semsim_agents.judging import episode_seeds
from semsim_envs.cell import Cell
from semsim_envs.static import Drops


def clairvoyant(
    cell: Cell,
    slots: int,
    cells: int,
    seed: int,
    episode_slots: int | None = None,
    report: Report = lambda _done, _total, _what: None,
) -> Array:
    """Return ``[E]``, a bound on the mean utility a slot of each cell, by whatever rule.

    Where slots are independent it is the proven optimum of each slot with the true gains; with
    dynamics the value of the programme of :mod:`semsim.allocation.horizon`, which knows all that
    will happen in the episode.

    Args:
        cell: the scenario.
        slots: as for :func:`semsim_agents.judging.play`, like all that follow.
        cells: E.
        seed: of the drops.
        episode_slots: slots of an episode.
        report: told about progress.

    Raises:
        AllocationError: for a scenario that the programme does not fit.
    """
    episode_slots = episode_slots or cell.scenario.slots
    found = []
    seeds = episode_seeds(slots, cells, seed, episode_slots)
    for episode, drop in enumerate(seeds):
        if cell.scenario.dynamics is None:
            found.append(_static(cell, cells, drop, episode_slots))
            continue
        futures = draw_futures(cell, cells, drop, episode_slots)
        best = []
        for row, future in enumerate(futures):
            report(episode * cells + row, len(seeds) * cells, "clairvoyant")
            best.append(horizon_bound(cell.problem, future) / episode_slots)
        found.append(np.array(best))
    mean: Array = np.mean(found, axis=0)
    return mean


def _static(cell: Cell, cells: int, seed: int, slots: int) -> Array:
    drops, rows = Drops(cell, cells, seed), []
    for slot in range(slots):
        if slot > 0:
            drops.advance()
        rows.append(bound(cell.problem.terms(drops.gain)))
    mean: Array = np.mean(rows, axis=0)
    return mean


def draw_futures(cell: Cell, cells: int, seed: int, slots: int) -> list[Future]:
    """Return what will happen in each of E cells that begin with ``seed``.

    Raises:
        TypeError: for a scenario without dynamics.
    """
    scenario = cell.scenario
    dynamics, slot_s = scenario.dynamics, scenario.slot_s
    if dynamics is None or slot_s is None:
        raise TypeError(f"{scenario.name} has no dynamics")
    streams = Streams(seed)
    places = draw_users(scenario, streams.numpy("topology"), cells)
    world = World(dynamics, slot_s, scenario.cell, places, streams)
    rows: dict[str, list[Array]] = {"gain": [], "requests": [], "left": [], "harvest_j": []}
    for slot in range(slots):
        if slot > 0:
            world.advance()
        for name, column in rows.items():
            column.append(np.array(getattr(world, name)))
    table = {name: np.stack(column, axis=1) for name, column in rows.items()}  # [E, T, ...]
    energy = dynamics.energy
    return [
        Future(
            **{name: values[row] for name, values in table.items()},
            start_j=math.inf if energy is None else energy.initial_j,
            capacity_j=math.inf if energy is None else energy.capacity_j,
            slot_s=slot_s,
            deadline_s=dynamics.traffic.deadline_s or math.inf,
        )
        for row in range(cells)
    ]
