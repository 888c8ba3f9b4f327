"""What an experiment is: something to measure, to show, and claims to judge."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import pandas as pd

from semsim.report.cells import Table
from semsim.results import Pictures
from semsim.types import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Scale: TypeAlias = Literal["small", "paper"]
Outcome: TypeAlias = Literal[
    "holds", "holds in part", "does not hold", "cannot be told at this scale"
]
Tables: TypeAlias = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Setting:
    """How an experiment is run.

    Attributes:
        scale: ``small`` is minutes on two cores with what ships; ``paper`` is the paper's data,
            sizes and epochs, for a GPU.
        workers: processes side by side.
        device: where to compute.
        keep: folder for what is finished, so that an interrupted reproduction goes on.
        power_w: power of the machine while it computes, where no meter can be read.
        report: told about progress.
    """

    scale: Scale = "small"
    workers: int = 1
    device: str = "cpu"
    keep: Path = Path("runs/reproduce")
    power_w: float = 65.0
    report: Report = lambda _done, _total, _what: None

    def folder(self, room: str, name: str, decides: str) -> Path:
        """Return where that is kept in ``room`` which the text ``decides`` describes whole."""
        digest = hashlib.sha256(decides.encode()).hexdigest()[:12]
        return self.keep / room / f"{name}-{digest}"


@dataclass(frozen=True)
class Measured:
    """What a run of an experiment found.

    Attributes:
        tables: tidy data by name; written as Parquet.
        weights: SHA-256 of the weights used, by name.
        caveats: what a reader must know beside the numbers.
        pictures: images worth a look, by title.
    """

    tables: Tables
    weights: dict[str, str] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()
    pictures: dict[str, Pictures] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What became of a claim, and the figures behind it."""

    outcome: Outcome
    because: str


@dataclass(frozen=True)
class Claim:
    """Something that a paper says, and a predicate on what was measured.

    Attributes:
        text: the claim, in our words with the paper's numbers.
        where: section, figure or table of the paper.
        judge: tables to verdict.
    """

    text: str
    where: str
    judge: Callable[[Tables], Verdict]


@dataclass(frozen=True)
class Experiment:
    """One figure or table of a paper.

    Attributes:
        id: what `semsim reproduce` calls it.
        title: what it shows.
        paper: the paper.
        item: figure or table.
        takes: how long it takes at each scale, on what.
        measure: does the work.
        show: tables to print.
        plot: figures by name.
        claims: what to judge.
    """

    id: str
    title: str
    paper: str
    item: str
    takes: dict[Scale, str]
    measure: Callable[[Setting], Measured]
    show: Callable[[Measured], list[Table]]
    plot: Callable[[Measured], dict[str, Figure]]
    claims: tuple[Claim, ...]


def published(paper: str, item: str) -> pd.DataFrame:
    """Return what ``paper`` states for ``item``: system, snr_db, quantity, value, where."""
    with (files("semsim.experiments.published") / f"{paper}.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    return table[table["item"] == item].drop(columns="item").reset_index(drop=True)


def stated(table: pd.DataFrame, system: str, quantity: str, snr_db: float | None = None) -> float:
    """Return one published number.

    Raises:
        KeyError: if the paper does not state it.
    """
    rows = table[(table["system"] == system) & (table["quantity"] == quantity)]
    if snr_db is not None:
        rows = rows[rows["snr_db"] == snr_db]
    if len(rows) != 1:
        raise KeyError(f"{quantity} of {system}: {len(rows)} published values")
    return float(rows["value"].iloc[0])
