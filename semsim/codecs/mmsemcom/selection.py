"""Selecting from a bank by what was received (MMSemCom, eq. 20-25): exact, and in pieces.

The paper adds cosine *similarity* to Euclidean distance and averages over the whole set, which
would give one number for all images. Here a distance is of each image, and cosine enters as
``1 - cos``. Between vectors of one length, as those of a bank are, both distances rise and fall
together: with them alone, either and their sum order a bank alike.

Images that are equally far are taken in the order of the bank.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from semsim.codecs.mmsemcom.config import DistanceKind

#: Images of a bank that are compared at a time, to bound the memory.
CHUNK = 65_536


@dataclass(frozen=True)
class Selection:
    """The nearest images.

    Attributes:
        index: ``[B, k]`` places in the bank, the nearest first.
        distance: ``[B, k]``.
    """

    index: Tensor
    distance: Tensor


def distance(inner: Tensor, received: Tensor, length: Tensor, kind: DistanceKind) -> Tensor:
    """Return distances from what inner products and lengths tell (eq. 21-22).

    Args:
        inner: inner products of received vectors and those of the bank.
        received: lengths of the received ones.
        length: lengths of the bank's ones.
        kind: 1 - cosine, the Euclidean distance, or both added.
    """
    angle = 1.0 - inner / (received * length).clamp_min(torch.finfo(inner.dtype).tiny)
    if kind == "cosine":
        return angle
    apart = (received.square() + length.square() - 2.0 * inner).clamp_min(0.0).sqrt()
    return apart if kind == "euclidean" else angle + apart


def nearest(
    received: Tensor, bank: Tensor, count: int, kind: DistanceKind = "both", chunk: int = CHUNK
) -> Selection:
    """Return the ``count`` nearest of ``bank [P, k]`` for every ``received [B, k]``.

    Raises:
        ValueError: if the bank holds fewer.
    """
    _check(count, len(bank))
    length = received.norm(dim=1, keepdim=True)
    best: Selection | None = None
    for first in range(0, len(bank), chunk):
        part = bank[first : first + chunk]
        far = distance(received @ part.T, length, part.norm(dim=1), kind)
        places = torch.arange(first, first + len(part), device=far.device).expand(far.shape)
        best = _merged(best, Selection(places, far), count)
    if best is None:
        raise ValueError("the bank is empty")
    return best


def nearest_prompts(
    received: Tensor,
    candidates: Tensor,
    prompts: Tensor,
    count: int,
    kind: DistanceKind = "both",
    chunk: int = CHUNK,
) -> Selection:
    """Return the ``count`` images whose prompts are nearest to those received (eq. 20).

    A bank's images share a few candidate prompts, so that inner products are taken with those
    alone: the rows of three prompts are one vector, whose inner product is the sum of theirs.

    Args:
        received: ``[B, n, d]`` embeddings of prompts.
        candidates: ``[M, d]`` of all candidates.
        prompts: ``[P, n]`` places of every image's prompts among the candidates.
        count: how many.
        kind: of distance.
        chunk: images compared at a time.

    Raises:
        ValueError: if the bank holds fewer.
    """
    _check(count, len(prompts))
    products = received @ candidates.T  # [B, n, M]
    power = candidates.square().sum(dim=1)  # [M]
    length = received.flatten(1).norm(dim=1, keepdim=True)
    rows = torch.arange(prompts.shape[1], device=prompts.device)
    best: Selection | None = None
    for first in range(0, len(prompts), chunk):
        part = prompts[first : first + chunk]
        inner = products[:, rows, part].sum(dim=2)  # [B, P]
        far = distance(inner, length, power[part].sum(dim=1).sqrt(), kind)
        places = torch.arange(first, first + len(part), device=far.device).expand(far.shape)
        best = _merged(best, Selection(places, far), count)
    if best is None:
        raise ValueError("the bank is empty")
    return best


def nearest_among(
    kept: Tensor, received: Tensor, bank: Tensor, count: int, kind: DistanceKind = "both"
) -> Selection:
    """Return the ``count`` nearest of those images alone that were ``kept [B, q]`` (eq. 23).

    Raises:
        ValueError: if fewer were kept.
    """
    _check(count, kept.shape[1])
    kept = kept.sort(dim=1).values
    part = bank[kept]  # [B, q, k]
    inner = (part @ received.unsqueeze(2)).squeeze(2)
    far = distance(inner, received.norm(dim=1, keepdim=True), part.norm(dim=2), kind)
    return _merged(None, Selection(kept, far), count)


def _merged(best: Selection | None, more: Selection, count: int) -> Selection:
    if best is not None:
        more = Selection(
            torch.cat([best.index, more.index], dim=1),
            torch.cat([best.distance, more.distance], dim=1),
        )
    far, order = more.distance.sort(dim=1, stable=True)
    return Selection(more.index.gather(1, order[:, :count]), far[:, :count])


def _check(count: int, held: int) -> None:
    if not 1 <= count <= held:
        raise ValueError(f"there are {held} images to select from, {count} were asked for")
