"""What the fine-tuning phase puts on the air, item by item."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Entry:
    """One kind of thing that was sent.

    Attributes:
        item: what it is.
        count: how many were sent.
        arrived: how many of them arrived whole.
        bits: of all of them, once each; 0 for analog symbols.
        channel_uses: complex channel uses, repetitions included.
    """

    item: str
    count: int
    arrived: int
    bits: int
    channel_uses: int


@dataclass
class Ledger:
    """Entries in the order of sending."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def channel_uses(self) -> int:
        """Of all that was sent."""
        return sum(entry.channel_uses for entry in self.entries)

    def seconds(self, bandwidth_hz: float) -> float:
        """Time on the air: one complex channel use takes 1/bandwidth."""
        return self.channel_uses / bandwidth_hz
