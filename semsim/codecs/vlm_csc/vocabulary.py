"""Words and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from semsim.data.scene_grammar import VOCABULARY

#: What no sentence holds: filling, begin, end, and a word that is not in the vocabulary.
PAD, BEGIN, END, UNKNOWN = "[PAD]", "[BOS]", "[EOS]", "[UNK]"
#: The first numbers of every vocabulary, in this order.
SPECIAL = (PAD, BEGIN, END, UNKNOWN)
PAD_ID, BEGIN_ID, END_ID, UNKNOWN_ID = range(len(SPECIAL))


def words_of(sentence: str) -> list[str]:
    """Return the words of a sentence in lower case, split at white space.

    >>> words_of("A small  red ring")
    ['a', 'small', 'red', 'ring']
    """
    return sentence.lower().split()


class Vocabulary:
    """Numbers of whole words; the special ones come first.

    Args:
        words: without the special ones, all different.
    """

    def __init__(self, words: Sequence[str] = VOCABULARY) -> None:
        self.words = (*SPECIAL, *words)
        self._numbers = {word: number for number, word in enumerate(self.words)}

    def __len__(self) -> int:
        """Return how many words there are, special ones included."""
        return len(self.words)

    def numbers(self, sentence: str, longest: int) -> list[int]:
        """Return the numbers of a sentence and its end, at most ``longest``.

        Words beyond are cut off; a word that is not known becomes ``[UNK]``.

        >>> Vocabulary(["ring", "red"]).numbers("Red shoe", 16)
        [5, 3, 2]
        """
        known = [self._numbers.get(word, UNKNOWN_ID) for word in words_of(sentence)]
        return [*known[: longest - 1], END_ID]

    def sentence(self, numbers: Iterable[int]) -> str:
        """Return the words up to the end, with single spaces.

        >>> Vocabulary(["ring", "red"]).sentence([5, 4, 2, 0, 0])
        'red ring'
        """
        found = []
        for number in numbers:
            if number == END_ID:
                break
            if number not in (PAD_ID, BEGIN_ID):
                found.append(self.words[number])
        return " ".join(found)


def words_in(path: Path) -> tuple[str, ...]:
    """Return the different words of a text file, in alphabetical order.

    Raises:
        ValueError: if it cannot be read or holds no words.
    """
    try:
        words = set(words_of(path.expanduser().read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    words -= set(map(str.lower, SPECIAL))
    if not words:
        raise ValueError(f"{path} holds no words")
    return tuple(sorted(words))
