"""What the sender is told of the gains: late, and with an error."""

from __future__ import annotations

from collections import deque

from semsim.arrays import with_rows
from semsim.engine.config import FeedbackConfig
from semsim.rng import Streams
from semsim.types import Array
from semsim.units import db_to_linear


class Reports:
    """Every slot each user reports its gain, and the sender uses a report some slots old.

    Args:
        config: how late, and how wrong.
        streams: where errors come from.
    """

    def __init__(self, config: FeedbackConfig, streams: Streams) -> None:
        self._error_db = config.error_db
        self._rng = streams.child("slot", 0).numpy("feedback")
        self._gains = deque[Array](maxlen=config.delay_slots + 1)

    @property
    def told(self) -> Array:
        """What the sender knows of the gains, ``[..., N]``; at first, the oldest that there is."""
        return self._gains[0]

    def add(self, gain: Array) -> None:
        """Let users report the ``gain [..., N]`` of a slot."""
        if self._error_db > 0:
            gain = gain * db_to_linear(self._error_db * self._rng.standard_normal(gain.shape))
        self._gains.append(gain)

    def put(self, rows: list[int], fresh: Reports) -> None:
        """Let cells ``rows`` of ``[E, N]`` begin as ``fresh`` has them, in their first slot."""
        for slot, gain in enumerate(self._gains):
            self._gains[slot] = with_rows(gain, rows, fresh.told)
