"""How well sentences arrived, one value a sentence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from semsim.data.scene_grammar import agreement, parse

#: Longest n-grams of BLEU.
ORDERS = (1, 2, 3, 4)
#: What :func:`text_quality` measures.
TEXT_FIGURES = (
    *(f"bleu_{n}" for n in ORDERS),
    "words_right",
    "attributes_right",
    "attributes_said",
    "sentence_right",
)


def bleu(sent: str, received: str, order: int = 4) -> float:
    """Return BLEU of n-grams up to ``order``, with equal weights, of one sentence (eq. 23-24).

    The brevity penalty is exp(min(1 - words sent / words received, 0)): the paper has the ratio
    upside down. Nothing is smoothed, so that a sentence without any common n-gram of an order up
    to ``order`` has 0. Upper and lower case are alike.

    >>> round(bleu("a small red ring", "a small red star", 2), 4)  # √(3/4 · 2/3)
    0.7071
    """
    target, found = sent.lower().split(), received.lower().split()
    logarithms = 0.0
    for n in range(1, order + 1):
        wanted, got = _grams(target, n), _grams(found, n)
        common = sum((wanted & got).values())
        if not common:
            return 0.0
        logarithms += math.log(common / sum(got.values())) / order
    return math.exp(min(1 - len(target) / len(found), 0.0) + logarithms)


def _grams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def words_right(sent: str, received: str) -> float:
    """Return the share of places at which both sentences have the same word.

    Places are those of the longer sentence; nothing for nothing is all right.

    >>> words_right("a small red ring", "a large red")
    0.5
    """
    target, found = sent.lower().split(), received.lower().split()
    places = max(len(target), len(found))
    return sum(a == b for a, b in zip(target, found, strict=False)) / places if places else 1.0


def _meaning(true: str, told: str) -> float:
    """Return the share of the scene's attributes told right; NaN outside the grammar."""
    true, told = (" ".join(text.lower().split()) for text in (true, told))
    try:
        parse(true)
    except ValueError:
        return math.nan
    return agreement(true, told)


def text_quality(
    said: Sequence[str], received: Sequence[str], true: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """Return ``[B]`` each: BLEU-1 to -4, shares of words, attributes and sentences right.

    Attributes are those of the scenes' grammar (:func:`semsim.data.scene_grammar.agreement`), and
    are missing where no true sentence is of it.

    Args:
        said: what was sent.
        received: what arrived.
        true: what it should have said, where the sender may be wrong: attributes are compared with
            that, and those that the sender had right are told beside.
    """
    pairs = [
        (" ".join(one.lower().split()), " ".join(other.lower().split()))
        for one, other in zip(said, received, strict=True)
    ]
    found = {f"bleu_{n}": [bleu(*pair, n) for pair in pairs] for n in ORDERS}
    found["words_right"] = [words_right(*pair) for pair in pairs]
    found["attributes_right"] = [
        _meaning(*pair) for pair in zip(said if true is None else true, received, strict=True)
    ]
    if true is not None:
        found["attributes_said"] = [_meaning(*pair) for pair in zip(true, said, strict=True)]
    found["sentence_right"] = [float(one == other) for one, other in pairs]
    return {
        name: torch.tensor(values)
        for name, values in found.items()
        if not all(map(math.isnan, values))
    }
