"""Captions as numbers of whole words, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from semsim.codecs.vlm_csc.vocabulary import END_ID, Vocabulary


class CaptionCode:
    """A fixed number of words, each by its number in a vocabulary that both ends have.

    Number 0 fills captions up, 1 is a word outside the vocabulary, the words follow. Every caption
    takes the same bits: :attr:`bits_per_word` for each place, filled or not.

    >>> code = CaptionCode(["bag", "red"], longest=3)
    >>> code.numbers(["a red bag", "Red"], "cpu").tolist()
    [[1, 3, 2], [3, 0, 0]]
    >>> len(code), code.bits_per_word, code.bits
    (4, 2, 6)

    Args:
        words: the vocabulary, all different.
        longest: words of a caption; what is longer is cut off.
    """

    def __init__(self, words: Sequence[str], longest: int) -> None:
        self._vocabulary = Vocabulary(words)
        self._longest = longest

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return len(self._vocabulary) - END_ID

    @property
    def bits_per_word(self) -> int:
        """Bits that tell one number from the others."""
        return (len(self) - 1).bit_length()

    @property
    def bits(self) -> int:
        """Bits of a caption."""
        return self._longest * self.bits_per_word

    def numbers(self, captions: Sequence[str], device: str | torch.device) -> Tensor:
        """Return the numbers of the words of each caption, ``[B, longest]``."""
        # Filling and begin are never sent: the end is number 0, and is repeated.
        rows = [self._vocabulary.numbers(caption, self._longest + 1) for caption in captions]
        whole = [[*row, *[END_ID] * self._longest][: self._longest] for row in rows]
        return torch.tensor(whole, dtype=torch.long, device=device) - END_ID
