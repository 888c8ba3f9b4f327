"""Huffman's code of words."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import count

from semsim.codecs.vlm_csc.vocabulary import UNKNOWN, words_of
from semsim.data.scene_grammar import BACKGROUNDS, COLOURS, PLACES, RELATIONS, SHAPES, SIZES


def huffman_code(weights: Mapping[str, float]) -> dict[str, str]:
    """Return a prefix code of least mean length: bits as a string of 0 and 1 by symbol.

    A single symbol gets one bit.

    Raises:
        ValueError: if there is no symbol, or a weight that is not positive.

    >>> huffman_code({"a": 4, "b": 2, "c": 1, "d": 1})
    {'a': '0', 'b': '10', 'c': '110', 'd': '111'}
    """
    if not weights or min(weights.values()) <= 0:
        raise ValueError("a code needs symbols, each with a positive weight")
    if len(weights) == 1:
        return dict.fromkeys(weights, "0")
    # The number breaks ties, so that both ends build the same tree.
    number = count()
    heap = [(weight, next(number), [symbol]) for symbol, weight in sorted(weights.items())]
    heapq.heapify(heap)
    depth = dict.fromkeys(weights, 0)
    while len(heap) > 1:
        one, other = heapq.heappop(heap), heapq.heappop(heap)
        symbols = one[2] + other[2]
        for symbol in symbols:
            depth[symbol] += 1
        heapq.heappush(heap, (one[0] + other[0], next(number), symbols))
    return _canonical(depth)


def _canonical(depth: Mapping[str, int]) -> dict[str, str]:
    """Return the code words of these lengths, short ones first, in alphabetical order."""
    code, word, last = {}, -1, 0
    for symbol, bits in sorted(depth.items(), key=lambda item: (item[1], item[0])):
        word = (word + 1) << (bits - last)
        last = bits
        code[symbol] = format(word, f"0{bits}b")
    return code


def scene_weights() -> dict[str, float]:
    """Return how often each word comes in a caption of ``scenes``, in the mean.

    Half of the captions name one object, and all choices are as likely.
    """
    noun = (("a",), SIZES, COLOURS, SHAPES)
    backgrounds = tuple(BACKGROUNDS.values())
    single = (*noun, tuple(PLACES.values()), backgrounds)
    pair = (*noun, *noun, tuple(RELATIONS.values()), backgrounds)
    found: defaultdict[str, float] = defaultdict(float)
    for phrases in (*single, *pair):
        for phrase in phrases:
            for word in words_of(phrase):
                found[word] += 1 / (2 * len(phrases))
    return dict(found)


def corpus_weights(sentences: Iterable[str]) -> dict[str, float]:
    """Return how often each word comes in ``sentences``."""
    return dict(Counter(word for sentence in sentences for word in words_of(sentence)))


def with_unknown(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weights with that of a word which is not among them: the least there is."""
    return {**weights, UNKNOWN: min(weights.values())}
