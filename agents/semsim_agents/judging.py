"""Allocators, agents among them, on the same slots: what each gets, and by how much they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from semsim.allocation.active import allocator_of
from semsim.config import PluginConfig
from semsim.engine.downlink import RATE_TOLERANCE
from semsim.report.cells import Table
from semsim.rng import Streams
from semsim.statistics import mean_interval
from semsim.types import Allocation, Array, Report
from semsim_agents.config import AgentAllocatorConfig
from semsim_envs.backend import Backend
from semsim_envs.cell import Cell
from semsim_envs.dynamic import DynamicCells
from semsim_envs.static import StaticCells


@dataclass(frozen=True)
class Played:
    """What an allocator got, ``[slots, E]``.

    Attributes:
        reward: U of each slot and cell.
        delivered: images that arrived.
        energy_j: spent by the cell.
    """

    reward: Array
    delivered: Array
    energy_j: Array

    @property
    def of_cells(self) -> Array:
        """Mean reward of each cell, ``[E]``: cells are independent, their slots need not be."""
        means: Array = self.reward.mean(axis=0)
        return means


def offered(cell: Cell, rho: Array) -> Array:
    """Return the rates ``[E, N]`` that codecs offer, the nearest below ρ, as the link has it."""
    sent = np.empty_like(rho)
    for user, offers in enumerate(cell.offers):
        nth = np.searchsorted(offers, rho[..., user] * (1 + RATE_TOLERANCE), side="right") - 1
        sent[..., user] = offers[nth.clip(0)]
    return sent


def episode_seeds(slots: int, cells: int, seed: int, episode_slots: int) -> list[int]:
    """Return the seed of every episode, of which there are as many as hold ``slots``."""
    streams = Streams(seed)
    return [
        int(streams.child("episode", episode).numpy("drop").integers(2**31))
        for episode in range(-(-slots // (cells * episode_slots)))
    ]


def play(
    cell: Cell,
    config: PluginConfig,
    slots: int,
    cells: int,
    seed: int,
    episode_slots: int | None = None,
    report: Report = lambda _done, _total, _what: None,
) -> Played:
    """Let an allocator decide in ``cells`` cells at once, with qualities from the curve.

    Args:
        cell: the scenario.
        config: of the allocator.
        slots: of all cells together; rounded up to whole episodes of all cells.
        cells: E.
        seed: of the drops: the same seed brings the same slots to all allocators.
        episode_slots: slots after which everything starts anew; the scenario's by default.
        report: told about progress.
    """
    episode_slots = episode_slots or cell.scenario.slots
    seeds = episode_seeds(slots, cells, seed, episode_slots)
    dynamic = cell.scenario.dynamics is not None
    kind = DynamicCells if dynamic else StaticCells
    world: StaticCells | DynamicCells = kind(cell, cells, Backend())
    rows: tuple[list[Array], ...] = [], [], []
    for episode, drop in enumerate(seeds):
        rng = np.random.default_rng(seed)
        allocator = allocator_of(config, cell.problem, rng, dynamic=dynamic)
        world.reset(drop)
        over: NDArray[np.bool_] = np.zeros(cells, dtype=np.bool_)
        for slot in range(episode_slots):
            report(episode * episode_slots + slot, len(seeds) * episode_slots, config.kind)
            asked = allocator.allocate(world.observe())
            outcome = world.step(Allocation(offered(cell, asked.rho), asked.b_hz, asked.p_w))
            # An empty battery that nothing refills ends the episode: nothing comes after it.
            rows[0].append(np.where(over, 0.0, outcome.reward))
            rows[1].append(np.where(over, 0, outcome.delivered.sum(axis=-1)))
            rows[2].append(np.where(over, 0.0, outcome.energy_j.sum(axis=-1)))
            over |= outcome.exhausted
    return Played(*(np.array(column) for column in rows))


def judge(
    cell: Cell,
    methods: Mapping[str, PluginConfig],
    slots: int,
    cells: int,
    seed: int,
    episode_slots: int | None = None,
    report: Report = lambda _done, _total, _what: None,
) -> pd.DataFrame:
    """Compare allocators on the same slots.

    Returns:
        one row a method: ``method``, ``utility`` a slot with its 95 % interval ``half``, ``lead``
        over the first method with the interval ``lead_half`` of the paired differences (Student's t
        over cells), ``delivered`` images and ``energy_j`` a slot.
    """
    rows, first = [], None
    for name, config in methods.items():
        played = play(cell, config, slots, cells, seed, episode_slots, report)
        of_cells = played.of_cells
        first = of_cells if first is None else first
        utility, half = mean_interval(of_cells)
        lead, lead_half = mean_interval(of_cells - first)
        rows.append(
            {
                "method": name,
                "utility": utility,
                "half": half,
                "lead": lead,
                "lead_half": lead_half,
                "delivered": float(played.delivered.mean()),
                "energy_j": float(played.energy_j.mean()),
            }
        )
    return pd.DataFrame(rows)


def methods_of(
    cell: Cell, weights: Path, compare: Sequence[PluginConfig] = ()
) -> dict[str, PluginConfig]:
    """Return an agent, the scenario's own allocators and those to ``compare``, by name."""
    methods: dict[str, PluginConfig] = {"agent": AgentAllocatorConfig(checkpoint=weights)}
    scenario = cell.scenario
    for config in (scenario.allocator, *scenario.compare, *compare):
        if config not in methods.values():
            name = getattr(config, "label", None) or config.kind
            methods[name if name not in methods else f"{name} {len(methods)}"] = config
    return methods


def judged_table(found: pd.DataFrame, scenario: str, cells: int) -> Table:
    """Return what :func:`judge` found as text."""
    first = found["method"].iloc[0]
    rows = tuple(
        (
            str(row["method"]),
            f"{row['utility']:.3f} ± {row['half']:.3f}",
            f"{row['lead']:+.3f} ± {row['lead_half']:.3f}" if row["method"] != first else "",
            f"{row['delivered']:.2f}",
            f"{row['energy_j']:.3g}",
        )
        for _, row in found.iterrows()
    )
    heads = ("allocator", "U a slot", f"over {first}", "images a slot", "J a slot")
    note = (
        f"Qualities by the curve; 95 % intervals over {cells} cells (Student's t), of differences "
        "on the same slots."
    )
    return Table(f"{scenario}: utility of what was delivered", heads, rows, note)
