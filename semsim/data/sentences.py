"""``sentences``: the lines of a text file."""

from __future__ import annotations

import zlib

import numpy as np
import torch

from semsim.data.config import SentencesConfig
from semsim.data.images import checked_count
from semsim.errors import ScenarioError
from semsim.types import Source

_FIFTHS = 5


class Sentences:
    """Sentences as captions of black images; names are ``FILE:LINE``.

    Raises:
        ScenarioError: if the file cannot be read or holds no sentence.
    """

    Config = SentencesConfig

    def __init__(self, config: SentencesConfig) -> None:
        self.config = config
        path = config.path.expanduser()
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(f"source.path: {path} cannot be read: {error}") from error
        self._kept = [
            (number, " ".join(line.split()))
            for number, line in enumerate(lines, start=1)
            if line.strip() and config.split in ("all", _part_of(line))
        ]
        if not self._kept:
            raise ScenarioError(
                f"source.path: {path} holds no sentence of split {config.split!r}; write one a line"
            )

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self._kept)

    def take(self, count: int) -> Source:
        """Return the first ``count`` sentences.

        Raises:
            ScenarioError: if there are not so many.
        """
        if count > len(self):
            raise ScenarioError(
                f"source.path: {self.config.path} holds {len(self)} sentences of split "
                f"{self.config.split!r}, asked for {count}; ask for fewer"
            )
        return self._source(range(checked_count(count)))

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw ``count`` sentences with ``rng``, some of them maybe twice."""
        return self._source(rng.integers(len(self), size=checked_count(count)).tolist())

    def _source(self, chosen: range | list[int]) -> Source:
        kept = [self._kept[i] for i in chosen]
        side = self.config.size
        return Source(
            image=torch.zeros(len(kept), 3, side, side),
            caption=tuple(sentence for _, sentence in kept),
            name=tuple(f"{self.config.path.name}:{number}" for number, _ in kept),
        )


def _part_of(line: str) -> str:
    """Equal sentences fall into the same part."""
    words = " ".join(line.lower().split())
    return "test" if zlib.crc32(words.encode()) % _FIFTHS == 0 else "train"
