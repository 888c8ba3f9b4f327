"""The memory of the memory-assisted encoder and decoder (MED, Section IV-C)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from semsim.codecs.layers.csi import HIGHEST_DB
from semsim.codecs.vlm_csc.memory_config import MemoryConfig
from semsim.codecs.vlm_csc.text_codec import DeepScText
from semsim.codecs.vlm_csc.vocabulary import PAD_ID
from semsim.types import Csi
from semsim.units import db_to_linear

#: Sentences whose features are made at once.
_AT_ONCE = 250


def relevance(short: Tensor, long: Tensor, tau: float) -> Tensor:
    """Return R of eq. (15), ``[N]``: how alike a sample is to what is in the LTM, in the mean.

    The kernel is that of eq. (13), exp(-‖v - v'‖² / 2τ²), on squared distances. Eq. (14), which is
    to be the same by matrices, squares products of features instead and is no distance.

    Args:
        short: features of the STM, ``[N, d]``.
        long: features of the LTM, ``[M, d]``, at least one.
        tau: scale of the kernel.
    """
    squared = torch.cdist(short.double(), long.double()).square()
    return torch.exp(-squared / (2 * tau**2)).mean(dim=1)


@dataclass
class Memory:
    """Short-term and long-term memory of sentences.

    New sentences go into the STM. When it is full, some move on to the LTM (:meth:`select`); then
    both are learnt from, and the STM is emptied (:meth:`forget`).

    What the paper leaves open: the LTM, of which eq. (15) needs a member, begins with sentences
    drawn from the first full STM, and selection starts with the rest of it. It holds as many
    sentences as the configuration says; where there are more, chance decides which stay.

    Attributes:
        config: sizes and the rule.
        short: the STM.
        long: the LTM.
    """

    config: MemoryConfig
    short: list[str] = field(default_factory=list)
    long: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether the STM takes no more."""
        return len(self.short) >= self.config.short

    def add(self, sentences: Sequence[str]) -> None:
        """Put new sentences into the STM.

        Raises:
            ValueError: if they are more than it can take.
        """
        room = self.config.short - len(self.short)
        if len(sentences) > room:
            raise ValueError(f"the STM has room for {room} sentences, got {len(sentences)}")
        self.short += sentences

    def select(
        self, describe: Callable[[Sequence[str]], Tensor], rng: np.random.Generator
    ) -> list[str]:
        """Move sentences of the STM on to the LTM by the rule (eq. 15-16); return which.

        Args:
            describe: sentences to features ``[N, d]``.
            rng: draws the first fill, and who leaves a full LTM.
        """
        if self.config.keep == "none":
            return []
        candidates, moved = list(self.short), []
        if not self.long:
            first = set(rng.permutation(len(candidates))[: self.config.first].tolist())
            moved = [text for i, text in enumerate(candidates) if i in first]
            candidates = [text for i, text in enumerate(candidates) if i not in first]
            self.long = list(moved)
        if candidates:
            alike = relevance(describe(candidates), describe(self.long), self.config.tau)
            over = (alike > self.config.threshold).tolist()
            wanted = self.config.keep == "paper"
            chosen = [t for t, above in zip(candidates, over, strict=True) if above is wanted]
            moved += chosen
            self.long += chosen
        if len(self.long) > self.config.long:
            stay = np.sort(rng.permutation(len(self.long))[: self.config.long])
            self.long = [self.long[i] for i in stay]
        return moved

    def learnt_from(self) -> list[str]:
        """Return all that is remembered."""
        return [*self.short, *self.long]

    def forget(self) -> None:
        """Empty the STM."""
        self.short = []


@torch.no_grad()
def described(codec: DeepScText, sentences: Sequence[str]) -> Tensor:
    """Return the semantic encoder's features of sentences, ``[N, longest · width]``.

    They are features of every word, one after the other, with zeros after the end: means over words
    would be so near each other that a kernel of τ = 10 saw no difference. The encoder is told the
    best SNR that it can be told, so that features depend on the sentence alone.
    """
    device = next(codec.parameters()).device
    parts = []
    for start in range(0, len(sentences), _AT_ONCE):
        tokens = codec.tokens(sentences[start : start + _AT_ONCE], device)
        csi = Csi(torch.full((len(tokens),), db_to_linear(HIGHEST_DB), device=device))
        words = (tokens != PAD_ID).unsqueeze(2)
        parts.append((codec.describe(tokens, csi).float() * words).flatten(1))
    return torch.cat(parts)
