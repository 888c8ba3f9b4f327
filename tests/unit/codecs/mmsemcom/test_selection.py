"""Selection is exact: against distances of scipy's, one pair at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from semsim.codecs.mmsemcom.config import DistanceKind
from semsim.codecs.mmsemcom.selection import distances, kept, nearest, prompt_distances


def _by_hand(received: np.ndarray, bank: np.ndarray, kind: DistanceKind) -> np.ndarray:
    cosine, euclidean = (cdist(received, bank, name) for name in ("cosine", "euclidean"))
    return {"cosine": cosine, "euclidean": euclidean, "both": cosine + euclidean}[kind]


@pytest.mark.parametrize("kind", ["both", "cosine", "euclidean"])
def test_the_nearest_of_5000_are_found(kind: DistanceKind) -> None:
    rng = np.random.default_rng(0)
    received, bank = rng.normal(size=(4, 32)), rng.normal(size=(5000, 32))
    found = nearest(distances(torch.tensor(received), torch.tensor(bank), kind), 10)
    wanted = _by_hand(received, bank, kind)
    assert np.array_equal(found.index.numpy(), wanted.argsort(axis=1)[:, :10])
    np.testing.assert_allclose(found.distance, np.sort(wanted, axis=1)[:, :10], rtol=1e-9)


def test_prompts_are_compared_row_by_row_as_one_vector() -> None:
    rng = np.random.default_rng(1)
    candidates, received = rng.normal(size=(20, 16)), rng.normal(size=(4, 3, 16))
    prompts = np.sort(rng.integers(0, 20, (5000, 3)), axis=1)
    found = prompt_distances(*map(torch.tensor, (received, candidates, prompts)))
    wanted = _by_hand(received.reshape(4, -1), candidates[prompts].reshape(5000, -1), "both")
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_all_that_are_as_far_as_the_last_are_kept() -> None:
    far = torch.tensor([[0.5, 0.1, 0.3, 0.3, 0.3], [5.0, 4.0, 3.0, 2.0, 1.0]])
    assert kept(far, 2).tolist() == [[False, True, True, True, True], [False] * 3 + [True] * 2]


def test_equal_prompts_are_equally_far_to_the_last_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    candidates = torch.randn(21, 64, generator=generator)
    received = torch.randn(2, 3, 64, generator=generator)
    prompts = torch.tensor([[1, 4, 9], [0, 2, 5]]).repeat(50, 1)
    found = prompt_distances(received, candidates, prompts)
    assert torch.equal(found[:, ::2], found[:, :1].expand(2, 50))


def test_only_those_that_were_kept_are_selected() -> None:
    far = torch.tensor([[1.0, 2.0, 3.0, 0.0]])
    found = nearest(far, 2, torch.tensor([[False, True, True, False]]))
    assert found.index.tolist() == [[1, 2]]
    assert found.distance.tolist() == [[2.0, 3.0]]


def test_equally_far_ones_keep_their_order() -> None:
    assert nearest(torch.ones(1, 9), 5).index.tolist() == [[0, 1, 2, 3, 4]]


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="3 images"):
        nearest(torch.ones(1, 3), 4)
