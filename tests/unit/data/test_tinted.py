"""Fashion-MNIST in colour: colours, classes and captions agree with the pixels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from semsim.data.config import TintedConfig
from semsim.data.tinted import TINTS, Tinted, tint


def test_captions_say_what_the_pixels_show() -> None:
    source = Tinted(TintedConfig(split="test")).take(200)
    assert source.caption is not None
    assert source.label is not None
    for image, label, caption in zip(source.image, source.label, source.caption, strict=True):
        _, _, _, colour, name = caption.split()
        assert name == ("bag", "sneaker")[int(label)]
        assert colour in TINTS
        mean = image.flatten(1).mean(dim=1)
        wanted = np.array(TINTS[colour]) / max(TINTS[colour])
        np.testing.assert_allclose(mean / mean.max(), wanted, atol=0.03)


def test_colours_are_spread_evenly_and_stay() -> None:
    images = Tinted(TintedConfig(split="train"))
    assert len(images) == 1000
    source = images.take(1000)
    assert source.caption == Tinted(TintedConfig(split="train")).take(1000).caption
    counts = Counter(text.split()[3] for text in source.caption or ())
    assert stats.chisquare([counts[colour] for colour in TINTS]).pvalue > 1e-4


def test_white_is_the_picture_itself() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
    assert np.array_equal(tint(grey, "white"), grey)


def test_a_class_comes_once() -> None:
    with pytest.raises(ValidationError, match="twice"):
        TintedConfig(classes=("bag", "bag"))
