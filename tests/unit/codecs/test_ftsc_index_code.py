"""The index coder: what comes back, how long it is, and what wrong bits do."""

import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsim.codecs.ftsc.index_code import IndexCoder
from semsim.errors import MissingExtraError

#: A range coder's last words: at most two of 32 bits.
TAIL = 64


def codebook(entries: int, dim: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(entries, dim, generator=torch.Generator().manual_seed(seed))


def smooth(height: int, width: int, book: torch.Tensor, seed: int = 0) -> np.ndarray:
    """Indices of a slowly varying field, whose neighbours have near entries."""
    rng = np.random.default_rng(seed)
    field = rng.standard_normal((height, width, book.shape[1])).cumsum(0).cumsum(1)
    field /= field.std(axis=(0, 1))
    distance = torch.cdist(torch.from_numpy(field).float().view(-1, book.shape[1]), book)
    return distance.argmin(1).view(height, width).numpy()


def ideal_bits(index: np.ndarray, book: torch.Tensor) -> float:
    """Code length of the documented model, place by place from its formula."""
    entries = book.double().numpy()
    squared = ((entries[:, None] - entries[None]) ** 2).sum(-1)
    near = 1 / (0.01 + squared / np.median(squared[squared > 0]))
    near /= near.sum(1, keepdims=True)
    height, width = index.shape
    total = 0.0
    places = sorted(np.ndindex(height, width), key=lambda p: p[1] + 2 * p[0])
    for y, x in places:
        seen = np.ones(len(entries))
        for v, u in places:
            if u + 2 * v < x + 2 * y:
                seen[index[v, u]] += 1
        weight = np.full(len(entries), 0.2 / len(entries))
        for v, u, w in ((y, x - 1, 4), (y - 1, x, 4), (y - 1, x - 1, 1), (y - 1, x + 1, 1)):
            if v >= 0 and 0 <= u < width:
                weight += w * near[index[v, u]]
        weight *= seen
        total -= math.log2(weight[index[y, x]] / weight.sum())
    return total


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 70),
    st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=3),
    st.integers(0, 2**31),
)
def test_what_goes_in_comes_out(entries: int, shapes: list[tuple[int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = [rng.integers(entries, size=shape) for shape in shapes]
    coder = IndexCoder([codebook(entries, seed=level) for level in range(len(maps))])
    bits = coder.encode(maps)
    after = rng.integers(2, size=rng.integers(100), dtype=np.uint8)
    found = coder.decode(np.concatenate([bits, after]), shapes)
    assert found is not None
    assert all(np.array_equal(a, b) for a, b in zip(found, maps, strict=True))


def test_another_receiver_with_the_same_codebook_decodes() -> None:
    book = codebook(64)
    index = smooth(24, 16, book)
    found = IndexCoder([book.clone()]).decode(IndexCoder([book]).encode([index]), [(24, 16)])
    assert found is not None
    assert np.array_equal(found[0], index)


def test_the_length_is_that_of_the_model() -> None:
    book = codebook(40)
    for index in (smooth(12, 17, book), np.random.default_rng(1).integers(40, size=(12, 17))):
        length = len(IndexCoder([book]).encode([index]))
        ideal = ideal_bits(index, book)
        # Weights are rounded to 2^-16 and constriction's probabilities to 2^-24.
        assert ideal - 1 <= length <= 1.002 * ideal + TAIL


def test_smooth_maps_get_short_and_random_ones_cannot() -> None:
    book = codebook(256)
    places = 32 * 32
    index = smooth(32, 32, book)
    counts = np.bincount(index.ravel(), minlength=256)
    used = counts[counts > 0] / places
    order_0 = -places * (used * np.log2(used)).sum()
    assert len(IndexCoder([book]).encode([index])) < 0.8 * order_0
    uniform = np.random.default_rng(0).integers(256, size=(32, 32))
    # No code is shorter than the entropy on average; 8 bits a place, here within 5 deviations of
    # a code length whose deviation is some 1.5 bits a place.
    assert len(IndexCoder([book]).encode([uniform])) > 8 * places - 5 * 1.5 * math.sqrt(places)


def test_random_streams_do_not_crash_the_decoder() -> None:
    book = codebook(100)
    coder = IndexCoder([book, book])
    rng = np.random.default_rng(0)
    for size in (0, 1, 31, 64, 400):
        for _ in range(10):
            found = coder.decode(rng.integers(2, size=size, dtype=np.uint8), [(4, 4), (8, 8)])
            if found is not None:
                assert [level.shape for level in found] == [(4, 4), (8, 8)]
                assert all(((level >= 0) & (level < 100)).all() for level in found)


def test_what_stands_before_a_wrong_bit_is_right() -> None:
    book = codebook(64)
    top, bottom = smooth(8, 8, book, seed=1), smooth(32, 32, book, seed=2)
    coder = IndexCoder([book, book])
    bits = coder.encode([top, bottom])
    start = len(IndexCoder([book]).encode([top])) + TAIL
    bits[start] ^= 1
    found = coder.decode(bits, [(8, 8), (32, 32)])
    assert found is not None
    assert np.array_equal(found[0], top)
    assert not np.array_equal(found[1], bottom)


def test_entries_that_are_all_alike() -> None:
    index = np.arange(12).reshape(3, 4) % 5
    coder = IndexCoder([torch.zeros(5, 2)])
    found = coder.decode(coder.encode([index]), [(3, 4)])
    assert found is not None
    assert np.array_equal(found[0], index)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(MissingExtraError, match=r"semsim-net\[entropy\]"):
        IndexCoder([codebook(4)])
