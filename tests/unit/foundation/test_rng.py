import numpy as np
import pytest
import torch

from semsim.rng import Streams


def test_streams_are_named_and_repeatable() -> None:
    first, second = Streams(3), Streams(3)
    assert np.array_equal(first.numpy("a").random(5), second.numpy("a").random(5))
    assert not np.array_equal(first.numpy("a").random(5), first.numpy("b").random(5))
    assert not np.array_equal(Streams(4).numpy("a").random(5), first.numpy("a").random(5))


def test_children_differ_by_name_and_index() -> None:
    streams = Streams(3)
    draws = {
        streams.child("slot", 0).numpy("x").random(),
        streams.child("slot", 1).numpy("x").random(),
        streams.child("user", 0).numpy("x").random(),
        streams.numpy("x").random(),
    }
    assert len(draws) == 4


def test_torch_streams_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    a = torch.rand(4, generator=Streams(1).torch("noise"))
    b = torch.rand(4, generator=Streams(1).torch("noise"))
    assert torch.equal(a, b)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        Streams(-1)
