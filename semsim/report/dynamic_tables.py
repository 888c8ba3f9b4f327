"""Tables of a downlink in time."""

from __future__ import annotations

import math

import pandas as pd

from semsim.report.cells import Table
from semsim.results import Results


def is_dynamic(results: Results) -> bool:
    """Whether the slots of a downlink were coupled."""
    return "delivered" in results.slots


def dynamic_tables(results: Results) -> list[Table]:
    """Return the allocators, then the users of the first one."""
    slots = results.slots
    name = str(slots["allocator"].iloc[0])
    return [_allocators(results), _users(slots[slots["allocator"] == name], name)]


def _allocators(results: Results) -> Table:
    battery = "energy_left_j" in results.slots
    counts = next(iter(results.summary["allocators"].values()))
    kinds = [kind for kind in _KINDS if kind[0] in counts]
    rows = []
    for name, row in results.summary["allocators"].items():
        requests = max(row["arrived"], 1)
        cells = [
            name,
            f"{row['utility_measured']:.3f}",
            f"{row['utility_sent']:.3f}",
            f"{max(row['gap'], 0.0):.1e}",
            _percent(row["delivered_share"]),
            _percent(row["late_share"]),
            _percent((row["overflowed"] + row["abandoned"]) / requests),
            _number(row["delay_s"], ".3g"),
            _number(row["age_s"], ".3g"),
            *(_number(scale * row[name], ".1f") for name, _, scale in kinds),
            f"{row['energy_j']:.3g}",
        ]
        if battery:
            cells += [f"{row['energy_left_j']:.3g}", _percent(row["empty_share"])]
        rows.append(tuple(cells))
    heads = (
        "allocator",
        "utility\nmeasured",
        "utility\npredicted",
        "gap in\nthe slot",
        "delivered\n%",
        "late\n%",
        "lost\n%",
        "delay\ns",
        "age\ns",
        *(head for _, head, _ in kinds),
        "energy\nJ a slot",
        *(("left\nJ", "empty\n%") if battery else ()),
    )
    note = (
        "Utility is that of FTSC eq. 24 on what each slot delivered, the mean over the slots: with "
        f"the quality measured, and by the curve {results.summary['quality_curve']}. The gap is "
        "proven for each slot's own problem (eq. 25), which knows of no other slot. Shares are of "
        f"the {counts['arrived']} requests: late, whose deadline passed; lost, which found the "
        "queue full, or whose user left; the rest still waits. Delay: from request to delivery, "
        "computing included; age: of the oldest request of a user."
    )
    return Table(
        f"Allocators in the same {results.summary['slots']} slots", heads, tuple(rows), note
    )


#: Qualities as columns: name, head, and what it is shown in.
_KINDS = (("psnr_db", "PSNR\ndB", 1.0), ("accuracy", "accuracy\n%", 100.0))


def _users(slots: pd.DataFrame, allocator: str) -> Table:
    last = slots["slot"].max()
    kinds = [kind for kind in _KINDS if kind[0] in slots]
    rows = []
    for user, part in slots.groupby("user"):
        queued = int(part.loc[part["slot"] == last, "queue"].iloc[0])
        counts = [
            int(part[name].sum())
            for name in ("arrived", "delivered", "expired", "overflowed", "abandoned")
        ]
        rows.append(
            (
                str(user),
                f"{part['distance_m'].mean():.0f}",
                *(str(count) for count in (*counts, queued)),
                _number(part["delay_s"].mean(), ".3g"),
                *(_number(scale * part[name].mean(), ".1f") for name, _, scale in kinds),
                _number(part["ssim"].mean(), ".3f"),
                f"{part['transmit_s'].sum():.3g}",
                f"{part['energy_j'].sum():.3g}",
            )
        )
    heads = (
        "user",
        "distance\nm, mean",
        "arrived",
        "delivered",
        "late",
        "overflowed",
        "abandoned",
        "waiting\nat the end",
        "delay\ns",
        *(head for _, head, _ in kinds),
        "SSIM",
        "on air\ns",
        "energy\nJ",
    )
    note = "Requests that arrived are those delivered, late, overflowed, abandoned and waiting."
    return Table(f"Users under '{allocator}'", heads, tuple(rows), note)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else f"{value:{form}}"
