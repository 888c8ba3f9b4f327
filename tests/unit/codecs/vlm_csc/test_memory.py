"""The memory of MED: relevance by hand, both rules, capacity, and seeds."""

import math

import numpy as np
import pytest
import torch

from semsim.codecs.vlm_csc.memory import Memory, described, relevance
from semsim.codecs.vlm_csc.memory_config import MemoryConfig
from semsim.codecs.vlm_csc.text_codec import DeepScText
from semsim.codecs.vlm_csc.text_config import DeepScTextConfig, TextModel


def _places(sentences):
    """Sentences are numbers on a line."""
    return torch.tensor([[float(text)] for text in sentences])


def test_relevance_is_the_mean_kernel():
    short, long = torch.tensor([[0.0, 0.0], [30.0, 40.0]]), torch.tensor([[0.0, 0.0], [6.0, 8.0]])
    kernel = [[1.0, math.exp(-100 / 200)], [math.exp(-2500 / 200), math.exp(-1600 / 200)]]
    expected = [sum(row) / 2 for row in kernel]
    assert relevance(short, long, 10.0).tolist() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("keep", "moved"), [("novel", ["50"]), ("paper", ["1"]), ("none", [])])
def test_rules_move_what_they_say(keep, moved):
    memory = Memory(MemoryConfig(keep=keep, short=2), long=["0"])
    memory.add(["1", "50"])
    assert memory.full
    # exp(-1/200) is above 0.05 and exp(-2500/200) below.
    assert memory.select(_places, np.random.default_rng(0)) == moved
    assert memory.long == ["0", *moved]
    assert memory.learnt_from() == ["1", "50", "0", *moved]
    memory.forget()
    assert memory.learnt_from() == ["0", *moved]


def test_an_empty_memory_begins_with_a_draw_of_the_first_sentences():
    config = MemoryConfig(short=20, first=3)
    memory = Memory(config)
    memory.add([str(100 * i) for i in range(20)])
    moved = memory.select(_places, np.random.default_rng(1))
    # All others are far from the three, so that all are novel.
    assert sorted(moved, key=int) == [str(100 * i) for i in range(20)]
    again = Memory(config, short=[str(100 * i) for i in range(20)])
    assert again.select(_places, np.random.default_rng(1)) == moved
    alike = Memory(MemoryConfig(short=20, first=3), short=["7"] * 20)
    assert len(alike.select(_places, np.random.default_rng(1))) == 3


def test_a_full_long_term_memory_stays_full():
    memory = Memory(MemoryConfig(short=30, long=12, first=3))
    for round_ in range(3):
        memory.add([str(1000 * round_ + 100 * i) for i in range(30)])
        memory.select(_places, np.random.default_rng(round_))
        memory.forget()
        assert len(memory.long) == 12
    with pytest.raises(ValueError, match="room for 30"):
        memory.add(["0"] * 31)


def test_features_depend_on_the_words_before_the_end_alone():
    torch.manual_seed(0)
    sizes = {"width": 8, "heads": 2, "layers": 1, "feed_forward": 8, "channel": [8, 8]}
    codec = DeepScText(DeepScTextConfig(model=TextModel.model_validate(sizes)))
    texts = ["a small red ring at the top on white snow", "a large star"]
    found = described(codec, texts)
    assert found.shape == (2, 16 * 8)
    torch.testing.assert_close(found[1:], described(codec, texts[1:]))
    assert not bool(found[1, 4 * 8 :].any())
    assert float(relevance(found, found[:1], 10.0)[0]) == 1.0
