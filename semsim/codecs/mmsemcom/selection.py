"""Selecting from a bank by what was received (MMSemCom, eq. 20-25), exactly.

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


def distances(received: Tensor, bank: Tensor, kind: DistanceKind = "both") -> Tensor:
    """Return distances ``[B, P]`` of ``received [B, k]`` to every one of ``bank [P, k]``."""
    length = received.norm(dim=1, keepdim=True)
    return distance(received @ bank.T, length, bank.norm(dim=1), kind)


def prompt_distances(
    received: Tensor, candidates: Tensor, prompts: Tensor, kind: DistanceKind = "both"
) -> Tensor:
    """Return distances ``[B, P]`` of prompts (eq. 20); those of equal prompts are equal.

    A bank's images share a few candidate prompts, so that inner products are taken with those
    alone: the rows of three prompts are one vector, whose inner product is the sum of theirs.

    Args:
        received: ``[B, n, d]`` embeddings of prompts.
        candidates: ``[M, d]`` of all candidates.
        prompts: ``[P, n]`` places of every image's prompts among the candidates.
        kind: of distance.
    """
    products = received @ candidates.T  # [B, n, M]
    rows = torch.arange(prompts.shape[1], device=prompts.device)
    inner = products[:, rows, prompts].sum(dim=2)  # [B, P]
    power = candidates.square().sum(dim=1)  # [M]
    length = received.flatten(1).norm(dim=1, keepdim=True)
    return distance(inner, length, power[prompts].sum(dim=1).sqrt(), kind)


def kept(far: Tensor, count: int) -> Tensor:
    """Return which of ``far [B, P]`` are kept, ``[B, P]`` bool: the ``count`` nearest.

    So are all that are as far as the last of them: many images of a bank have the same prompts, and
    nothing that was received tells which of them to drop.

    Raises:
        ValueError: if there are fewer.
    """
    _check(count, far.shape[1])
    return far <= far.kthvalue(count, dim=1, keepdim=True).values


def nearest(far: Tensor, count: int, among: Tensor | None = None) -> Selection:
    """Return the ``count`` nearest by ``far [B, P]``.

    Args:
        far: distances.
        count: how many.
        among: ``[B, P]`` bool, which come into question; the others are infinitely far.

    Raises:
        ValueError: if there are fewer.
    """
    _check(count, far.shape[1])
    if among is not None:
        far = far.masked_fill(~among, torch.inf)
    found, order = far.sort(dim=1, stable=True)
    return Selection(order[:, :count], found[:, :count])


def _check(count: int, held: int) -> None:
    if not 1 <= count <= held:
        raise ValueError(f"there are {held} images to select from, {count} were asked for")
