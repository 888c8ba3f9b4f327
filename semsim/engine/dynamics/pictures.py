"""The first image that each user asked for, and what became of it."""

from __future__ import annotations

import torch

from semsim.engine.downlink import SlotRecord
from semsim.engine.dynamics.downlink import DynamicDownlink
from semsim.engine.judging import sentences, told
from semsim.results import Pictures

#: What is shown of an image that never came.
_GREY = 0.5


class FirstRequests:
    """Watches a downlink for the first request of every user: the same under all allocators.

    Args:
        downlink: at its first slot.
    """

    def __init__(self, downlink: DynamicDownlink) -> None:
        self._downlink = downlink
        self._slot: dict[int, int] = {}
        self._received: dict[int, tuple[torch.Tensor, str, str | None]] = {}
        self._candidates: dict[int, torch.Tensor] = {}
        self._sentences: dict[int, tuple[str, str] | None] = {}

    def look(self, record: SlotRecord) -> None:
        """Note what a slot brought."""
        columns = record.columns
        for user, arrived in enumerate(columns["arrived"]):
            if arrived:
                self._slot.setdefault(user, record.slot)
            first = self._slot.get(user), 0
            request = columns["request_slot"][user], columns["request_nth"][user]
            if columns["delivered"][user] and request == first:
                row = {name: values[user] for name, values in columns.items()}
                said = f"{told(row)} after {row['delay_s']:.2g} s"
                image = record.received[user].cpu()
                self._received[user] = image, said, self._downlink.answer(row)
                if user in record.candidates:
                    self._candidates[user] = record.candidates[user].cpu()
                self._sentences[user] = sentences(row)

    def pictures(self) -> Pictures:
        """Return the originals of those users who asked for any, beside what came."""
        users = sorted(self._slot)
        originals = [self._downlink.image(user, self._slot[user], 0).image[0] for user in users]
        if not users:
            shape = self._downlink.budget.shape
            return Pictures(torch.zeros(1, *shape), torch.zeros(1, *shape), ("nobody asked",))
        received, captions, words = [], [], []
        for user, original in zip(users, originals, strict=True):
            grey = torch.full_like(original, _GREY).cpu()
            image, said, word = self._received.get(user, (grey, "not delivered", None))
            words.append(word)
            received.append(image)
            captions.append(f"user {user}: {said}")
        shown = torch.stack(originals).cpu(), torch.stack(received)
        among = {users.index(user): images for user, images in self._candidates.items()}
        pairs = tuple(self._sentences.get(user) for user in users)
        return Pictures(*shown, tuple(captions), tuple(words), among, pairs)
