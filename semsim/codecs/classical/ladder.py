"""Streams that were made already, so that one image at many budgets is encoded once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock


@dataclass
class Rung:
    """One image at one setting of one encoder.

    Attributes:
        stream: what would travel.
        squared_error: of the decoded pixels, once it has been asked for.
    """

    stream: bytes
    squared_error: float | None = None


class Ladder:
    """Rungs by key; the least recently used are forgotten first.

    Args:
        limit_bytes: what all streams together may take.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._rungs: OrderedDict[Hashable, Rung] = OrderedDict()
        self._lock = Lock()

    def rung(self, key: Hashable, encode: Callable[[], bytes]) -> Rung:
        """Return the rung of ``key``; ``encode`` is called only where it is not remembered."""
        with self._lock:
            if key in self._rungs:
                self._rungs.move_to_end(key)
                return self._rungs[key]
        rung = Rung(encode())
        with self._lock:
            if key not in self._rungs:
                self._rungs[key] = rung
                self.size_bytes += len(rung.stream)
            while self.size_bytes > self.limit_bytes:
                _, oldest = self._rungs.popitem(last=False)
                self.size_bytes -= len(oldest.stream)
        return rung
