"""What the slots of a dynamic downlink add up to."""

from __future__ import annotations

import pandas as pd

#: Where requests end, and what is left of them. They add up to those that arrived.
ENDS = ("delivered", "expired", "overflowed", "abandoned")


def figures_of(slots: pd.DataFrame) -> dict[str, float]:
    """Return the figures of one allocator's ``slots``, plain data.

    ``late_share`` is that of the requests whose deadline passed, waiting, on the air or computing;
    ``delay_s`` the mean of the images delivered, from request to delivery, NaN without any;
    ``age_s`` the mean over slots and users with a request of how old the oldest is.
    """
    counts = {name: int(slots[name].sum()) for name in ("arrived", *ENDS)}
    last = slots["slot"] == slots["slot"].max()
    requests = max(counts["arrived"], 1)
    found = {
        **counts,
        "queued": int(slots.loc[last, "queue"].sum()),
        "delivered_share": counts["delivered"] / requests,
        "late_share": counts["expired"] / requests,
        "delay_s": float(slots["delay_s"].mean()),
        "age_s": float(slots.loc[slots["waiting"] > 0, "age_s"].mean()),
    }
    if "energy_left_j" in slots:
        by_slot = slots.groupby("slot")
        found["energy_left_j"] = float(slots.loc[last, "energy_left_j"].iloc[0])
        found["empty_share"] = float(by_slot["battery_empty"].first().mean())
    return found
