"""Entropy coding of index maps: a range coder and the model that both ends share.

The model needs nothing but the codebook, which both ends have, and what was sent before. An index
``k`` at a place whose neighbours have the entries ``j`` gets the weight

    (1 + n_k) · (f + Σ_j w_j K(j, k)),    K(j, k) ∝ 1 / (c + ‖e_j − e_k‖² / m),

with ``n_k`` how often the map has had ``k`` so far, ``m`` the median squared distance of two
entries, and the neighbours on the left, above, and above on both sides. So an index is likely where
its entry is near those beside it, and where the image uses it often. All weights are whole numbers:
both ends have the same ones, and not merely nearly the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semsim.codecs.ftsc.autoencoder import Grid
from semsim.errors import MissingExtraError

Ints = NDArray[np.int64]

#: c: how near is as good as equal. The best of 0.005, 0.01 and 0.02 on the training photographs.
_NEAR = 0.01
#: What the weights of one kernel add up to.
_UNIT = 2**16
#: Places (rows, columns) of the neighbours, and w.
_NEIGHBOURS = (((0, -1), 4), ((-1, 0), 4), ((-1, -1), 1), ((-1, 1), 1))
#: f · entries: weight that any index has, whatever the neighbours.
_ANY = _UNIT // 5


def _constriction() -> Any:
    try:
        stream = import_module("constriction").stream
    except ImportError as error:
        raise MissingExtraError(
            "index_code: entropy needs the library constriction; install semsim-net[entropy]"
        ) from error
    return stream


class IndexCoder:
    """Index maps of one image to bits and back.

    ::

        maps, coarsest first ─► fronts of places ─► weights ─► range coder ─► bits

    Places on one front (column + 2·row alike) are neighbours of none among them, so that they are
    coded at once.

    Args:
        codebooks: ``[entries, d]`` of every level, the same at both ends.

    Raises:
        MissingExtraError: if constriction is not installed.
    """

    def __init__(self, codebooks: Sequence[Tensor]) -> None:
        self._stream = _constriction()
        self._kernels = [_kernel(codebook) for codebook in codebooks]
        self._family = self._stream.model.Categorical(perfect=False)

    def encode(self, maps: Sequence[Ints]) -> NDArray[np.uint8]:
        """Index maps ``[h, w]`` of every level to bits ``[n]``; ``n`` is a multiple of 32."""
        coder = self._stream.queue.RangeEncoder()
        for kernel, index in zip(self._kernels, maps, strict=True):
            walk = _Walk(kernel, index.shape)
            for rows, columns, weights in walk:
                chosen = index[rows, columns]
                coder.encode(chosen.astype(np.int32), self._family, weights)
                walk.note(rows, columns, chosen)
        words: NDArray[np.uint32] = coder.get_compressed()
        return np.unpackbits(words.astype(">u4").view(np.uint8))

    def decode(self, bits: NDArray[np.uint8], shapes: Sequence[Grid]) -> list[Ints] | None:
        """Bits ``[n]``, with anything after them, to the index maps ``[h, w]`` of every level.

        Returns:
            ``None`` where wrong bits have led to what no encoder sends; other wrong bits give wrong
            indices from where they stand.
        """
        whole = np.zeros(-(-len(bits) // 32) * 32, np.uint8)
        whole[: len(bits)] = bits
        words = np.packbits(whole).view(">u4").astype(np.uint32)
        coder = self._stream.queue.RangeDecoder(words)
        maps = []
        for kernel, shape in zip(self._kernels, shapes, strict=True):
            walk = _Walk(kernel, shape)
            for rows, columns, weights in walk:
                try:
                    chosen = coder.decode(self._family, weights)
                except AssertionError:  # constriction's word for data that do not fit the model
                    return None
                walk.note(rows, columns, chosen)
            maps.append(walk.index)
        return maps


class _Walk:
    """Front by front through one map, with the weights that both ends know at each.

    Attributes:
        index: ``[h, w]`` the indices so far.
    """

    def __init__(self, kernel: Ints, shape: tuple[int, ...]) -> None:
        self._kernel = kernel
        self._seen = np.ones(len(kernel) - 1, np.int64)
        self._height, self._width = shape
        # A margin on three sides holds an index that no kernel belongs to.
        self._framed = np.full((self._height + 1, self._width + 2), len(kernel) - 1)

    @property
    def index(self) -> Ints:
        return self._framed[1:, 1:-1].copy()

    def __iter__(self) -> Iterator[tuple[Ints, Ints, NDArray[np.float64]]]:
        for rows, columns in _fronts(self._height, self._width):
            near = np.full((len(rows), len(self._seen)), _ANY // len(self._seen), np.int64)
            for (down, right), weight in _NEIGHBOURS:
                near += weight * self._kernel[self._framed[1 + rows + down, 1 + columns + right]]
            # Below 2^53, so that doubles hold them exactly.
            yield rows, columns, (near * self._seen).astype(np.float64)

    def note(self, rows: Ints, columns: Ints, chosen: Ints) -> None:
        """Remember what stood at these places."""
        self._framed[1 + rows, 1 + columns] = chosen
        np.add.at(self._seen, chosen, 1)


def _kernel(codebook: Tensor) -> Ints:
    """Return ``[entries + 1, entries]`` whole weights; the last row, of no entry, is zeros."""
    entries = codebook.detach().double().cpu()
    exact = "donot_use_mm_for_euclid_dist"
    squared = torch.cdist(entries, entries, compute_mode=exact).square().numpy()
    apart = squared[squared > 0]
    closeness = 1 / (_NEAR + squared / (np.median(apart) if len(apart) else 1.0))
    shares = closeness / closeness.sum(axis=1, keepdims=True)
    weights = np.rint(_UNIT * shares).astype(np.int64)
    return np.vstack([weights, np.zeros_like(weights[:1])])


@lru_cache(maxsize=32)
def _fronts(height: int, width: int) -> tuple[tuple[Ints, Ints], ...]:
    """Return the places of each front, ``(rows, columns)``."""
    rows, columns = (place.ravel() for place in np.indices((height, width)))
    front = columns + 2 * rows
    order = np.argsort(front, kind="stable")
    cuts = np.flatnonzero(np.diff(front[order])) + 1
    return tuple(zip(np.split(rows[order], cuts), np.split(columns[order], cuts), strict=True))
