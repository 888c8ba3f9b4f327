"""Huffman's code against entropy, and sentences as bits through the modem."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from semsim.channels.config import AwgnConfig
from semsim.codecs.vlm_csc.huffman import huffman_code, scene_weights
from semsim.codecs.vlm_csc.text_config import TextDigitalConfig
from semsim.codecs.vlm_csc.text_digital import TextDigital
from semsim.data.config import ScenesConfig
from semsim.data.scenes import Scenes
from semsim.link.link import Link


@pytest.mark.parametrize("seed", range(5))
def test_huffman_is_a_prefix_code_within_a_bit_of_the_entropy(seed):
    weights = np.random.default_rng(seed).exponential(size=20)
    shares = dict(zip("abcdefghijklmnopqrst", weights / weights.sum(), strict=True))
    code = huffman_code(shares)
    entropy = -sum(p * math.log2(p) for p in shares.values())
    mean = sum(p * len(code[symbol]) for symbol, p in shares.items())
    assert entropy <= mean < entropy + 1
    assert sum(2.0 ** -len(word) for word in code.values()) == 1.0  # Kraft: complete
    words = sorted(code.values())
    assert not any(b.startswith(a) for a, b in pairwise(words))


def test_word_frequencies_are_those_of_drawn_captions():
    drawn = Scenes(ScenesConfig(pictures=False)).take(4000).caption
    counted = Counter(word for caption in drawn for word in caption.split())
    for word, expected in scene_weights().items():
        # A word comes at most 4 times, so that its variance a caption is below 4 times its mean.
        tolerance = 5 * math.sqrt(4 * expected / len(drawn))
        assert abs(counted[word] / len(drawn) - expected) < tolerance, word


@pytest.mark.parametrize("code", ["huffman", "utf8"])
def test_sentences_arrive_where_nothing_is_lost(code):
    source = Scenes(ScenesConfig(pictures=False)).take(6)
    channel = AwgnConfig().build(generator=torch.Generator().manual_seed(1))
    codec = TextDigital(TextDigitalConfig(code=code))
    delivery = Link(codec, channel).transmit(source, 12.0)
    assert delivery.output.text == source.caption
    if code == "utf8":
        assert delivery.payload.tolist() == [8 * len(text) for text in source.caption]


def test_wrong_bits_still_make_a_sentence():
    source = Scenes(ScenesConfig(pictures=False)).take(6)
    channel = AwgnConfig().build(generator=torch.Generator().manual_seed(1))
    for code in ("huffman", "utf8"):
        codec = TextDigital(TextDigitalConfig(code=code))
        text = Link(codec, channel).transmit(source, -15.0).output.text
        assert len(text) == 6
        assert text != source.caption
