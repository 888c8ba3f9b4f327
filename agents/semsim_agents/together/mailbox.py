"""Where workers leave what the driver is to have; it outlives them (no torch here)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Told:
    """Progress, field by field."""

    progress: dict[str, Any]


@dataclass(frozen=True)
class Kept:
    """A checkpoint, as its file's content."""

    content: bytes


@dataclass(frozen=True)
class Finished:
    """The weights.

    Attributes:
        files: contents by name.
        cards: of each set of weights.
    """

    files: dict[str, bytes]
    cards: list[dict[str, Any]]


@dataclass(frozen=True)
class Failed:
    """Nothing more will come."""

    error: Exception


Message: TypeAlias = Told | Kept | Finished | Failed


class Mailbox:
    """Messages in their order, and the last checkpoint for those who begin anew.

    Args:
        checkpoint: of an earlier run that is to be resumed.
    """

    def __init__(self, checkpoint: bytes | None) -> None:
        self._checkpoint = checkpoint
        self._over = False
        self._messages: asyncio.Queue[Message] = asyncio.Queue()

    async def post(self, message: Message) -> None:
        """Leave a message; only the first of those that end everything counts."""
        if self._over:
            return
        if isinstance(message, Kept):
            self._checkpoint = message.content
        self._over = isinstance(message, Finished | Failed)
        self._messages.put_nowait(message)

    async def take(self) -> list[Message]:
        """Return the messages since last time, waiting for the first of them."""
        messages = [await self._messages.get()]
        while not self._messages.empty():
            messages.append(self._messages.get_nowait())
        return messages

    async def last(self) -> tuple[bool, bytes | None]:
        """Return whether all is over, and the last checkpoint."""
        return self._over, self._checkpoint


def make_mailbox(checkpoint: bytes | None) -> Any:
    """Start a mailbox as a Ray actor on the driver's machine."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return ray.remote(num_cpus=0, scheduling_strategy=here)(Mailbox).remote(checkpoint)
