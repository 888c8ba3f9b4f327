"""Drawn scenes: captions and meanings match one to one, and pictures show what captions say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsim.data.config import SHAPE_NAMES, ScenesConfig, SentencesConfig
from semsim.data.scene_drawing import draw
from semsim.data.scene_grammar import BACKGROUNDS, PAIRS, PLACES, SINGLES, SIZES
from semsim.data.scenes import (
    COLOURS,
    SHAPES,
    VOCABULARY,
    Scene,
    Scenes,
    Thing,
    agreement,
    caption_of,
    parse,
    scene_at,
)
from semsim.data.sentences import Sentences
from semsim.errors import ScenarioError

COUNT = len(Scenes(ScenesConfig()))
#: What the colour words mean to everybody (CSS names, gold for a warm yellow).
REFERENCE = {
    "red": (220, 20, 60),
    "orange": (255, 140, 0),
    "yellow": (255, 215, 0),
    "green": (0, 128, 0),
    "blue": (0, 0, 255),
    "purple": (128, 0, 128),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


def _single(shape: str, colour: str, size: str, place: str, background: str) -> Scene:
    return Scene(Thing(shape, colour, size), None, place, background)


def _redness(image: np.ndarray) -> np.ndarray:
    """True where a pixel of ``[3, S, S]`` is clearly red."""
    return np.asarray(image[0] > image[1:].max(0) + 0.25)


def test_caption_and_meaning_of_every_single_scene() -> None:
    captions = set()
    for index in range(SINGLES):
        scene = scene_at(index)
        captions.add(caption_of(scene))
        assert parse(caption_of(scene)) == scene
    assert len(captions) == SINGLES


@settings(deadline=None)
@given(st.integers(SINGLES, SINGLES + PAIRS - 1))
def test_caption_and_meaning_of_pairs(index: int) -> None:
    scene = scene_at(index)
    caption = caption_of(scene)
    assert scene.second is not None
    assert parse(caption) == scene
    assert parse(f"  {caption.upper()} ") == scene
    assert len(caption.split()) < 16
    assert set(caption.split()) <= set(VOCABULARY)


def test_pairs_are_all_different() -> None:
    step = 97  # coprime to every axis, so all words of all axes meet
    scenes = [scene_at(index) for index in range(SINGLES, COUNT, step)]
    assert len({caption_of(scene) for scene in scenes}) == len(scenes)


def test_the_vocabulary_is_closed_and_used() -> None:
    rng = np.random.default_rng(0)
    captions = [caption_of(scene_at(int(i))) for i in rng.integers(COUNT, size=1000)]
    captions += [caption_of(scene_at(int(i))) for i in rng.integers(SINGLES, size=1000)]
    assert {word for caption in captions for word in caption.split()} == set(VOCABULARY)
    assert list(VOCABULARY) == sorted(set(VOCABULARY))


def test_number_of_scenes() -> None:
    things = len(SHAPES) * len(COLOURS) * len(SIZES)
    assert len(PLACES) * things * len(BACKGROUNDS) == SINGLES
    assert 2 * things**2 * len(BACKGROUNDS) == PAIRS
    assert COUNT == SINGLES + PAIRS


@pytest.mark.parametrize("index", [-1, COUNT])
def test_no_scene_beyond_the_grammar(index: int) -> None:
    with pytest.raises(ValueError, match="scenes"):
        scene_at(index)


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "a small red circle",
        "a small red circle on green grass",
        "a red small circle at the top on green grass",
        "a small red circle right of a large blue star on green grass",
        "a small red circle at the top on green grass on green grass",
    ],
)
def test_other_sentences_have_no_meaning(sentence: str) -> None:
    with pytest.raises(ValueError, match="grammar"):
        parse(sentence)


def test_agreement_counts_attributes() -> None:
    pair = "a small red circle left of a large blue star on green grass"
    assert agreement(pair, pair) == 1.0
    assert agreement(pair, pair.replace("blue", "white")) == 7 / 8
    assert agreement(pair, pair.replace("left of", "above")) == 7 / 8
    assert agreement(pair, "a large blue star left of a small red circle on green grass") == 2 / 8
    assert agreement(pair, "a small red circle at the left on green grass") == 5 / 8
    assert agreement("a small red circle at the left on green grass", pair) == 5 / 8
    single = "a small red circle at the left on green grass"
    assert agreement(single, "a large blue star at the top on white snow") == 0.0
    assert agreement(single, "red red red") == 0.0
    with pytest.raises(ValueError, match="grammar"):
        agreement("red red red", single)


@pytest.mark.parametrize("size", [32, 64])
def test_take_is_always_the_same(size: int) -> None:
    config = ScenesConfig(size=size)
    first, second = Scenes(config).take(6), Scenes(config).take(9)
    assert first.image.shape == (6, 3, size, size)
    assert first.image.dtype == torch.float32
    assert torch.equal(first.image, second.image[:6])
    assert second.caption is not None
    assert first.caption == second.caption[:6]
    assert first.name == second.name[:6]


def test_sample_follows_its_generator() -> None:
    draws = [Scenes(ScenesConfig()).sample(4, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert torch.equal(draws[0].image, draws[1].image)
    assert draws[0].caption == draws[1].caption
    assert not torch.equal(draws[0].image, draws[2].image)
    with pytest.raises(ValueError, match="must be positive"):
        Scenes(ScenesConfig()).take(0)


def test_labels_captions_and_names_belong_together() -> None:
    source = Scenes(ScenesConfig()).take(50)
    assert source.label is not None
    assert source.caption is not None
    for label, caption, name in zip(
        source.label.tolist(), source.caption, source.name, strict=True
    ):
        scene = parse(caption)
        assert SHAPES[label] == scene.first.shape
        assert scene_at(int(name.removeprefix("scenes/"))) == scene


def test_labels_are_places_among_the_shapes_that_may_be_seen() -> None:
    source = Scenes(ScenesConfig(shapes=("star", "circle"), pictures=False)).take(60)
    scenes = [parse(caption) for caption in source.caption or ()]
    things = [thing for scene in scenes for thing in (scene.first, scene.second) if thing]
    assert {thing.shape for thing in things} == {"star", "circle"}
    assert source.label is not None
    assert source.label.tolist() == [int(scene.first.shape == "circle") for scene in scenes]
    with pytest.raises(ValueError, match="twice"):
        ScenesConfig(shapes=("star", "star"))
    # The same shapes in the same order as the grammar's, which labels go by unless told otherwise.
    assert SHAPE_NAMES == SHAPES


def test_shares_of_what_is_drawn() -> None:
    count = 600
    source = Scenes(ScenesConfig()).sample(count, np.random.default_rng(0))
    assert source.label is not None
    assert source.caption is not None
    scenes = [parse(caption) for caption in source.caption]

    def close(found: int, share: float) -> bool:
        return bool(abs(found - share * count) < 5 * np.sqrt(count * share * (1 - share)))

    assert close(sum(scene.second is not None for scene in scenes), 0.5)
    assert all(close(int(n), 1 / len(SHAPES)) for n in torch.bincount(source.label, minlength=8))
    for background in BACKGROUNDS:
        assert close(sum(scene.background == background for scene in scenes), 1 / len(BACKGROUNDS))


@pytest.mark.parametrize("size", [32, 64])
def test_pictures_are_not_trivially_flat(size: int) -> None:
    image = Scenes(ScenesConfig(size=size)).take(40).image
    assert image.min() >= 0.0
    assert image.max() <= 1.0
    assert image.flatten(1).std(1).min() > 0.03
    for one in (image * 255).round().flatten(2):
        assert len(torch.unique(one, dim=1)[0]) > size * size / 4
    # Natural pictures: neighbours are alike, and means are spread.
    across = image[..., 1:].flatten(), image[..., :-1].flatten()
    assert torch.corrcoef(torch.stack(across))[0, 1] > 0.9
    assert image.mean((1, 2, 3)).std() > 0.1


def test_two_pictures_of_one_scene_differ() -> None:
    rng = np.random.default_rng(0)
    scene = _single("star", "red", "large", "middle", "sky")
    assert np.abs(draw(scene, 32, rng) - draw(scene, 32, rng)).mean() > 0.02


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("size", SIZES)
def test_objects_have_their_colour(colour: str, size: str) -> None:
    rng = np.random.default_rng(0)
    for shape in ("circle", "square", "star", "cross", "diamond", "heart"):
        for background in BACKGROUNDS:
            image = draw(_single(shape, colour, size, "middle", background), 32, rng)
            shown = image[:, 15:17, 15:17].mean((1, 2)) * 255
            gap = {name: np.abs(shown - rgb).sum() for name, rgb in REFERENCE.items()}
            assert min(gap, key=gap.__getitem__) == colour, (shape, background, shown)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("side", [32, 64])
def test_objects_have_their_place_and_size(shape: str, side: int) -> None:
    rng = np.random.default_rng(0)
    where = {
        "middle": (0.5, 0.5),
        "left": (0.25, 0.5),
        "right": (0.75, 0.5),
        "top": (0.5, 0.25),
        "bottom": (0.5, 0.75),
    }
    for place, (x, y) in where.items():
        area = {}
        for size in SIZES:
            red = _redness(draw(_single(shape, "red", size, place, "stone"), side, rng))
            row, column = np.nonzero(red)
            assert column.mean() / side == pytest.approx(x, abs=0.09)
            assert row.mean() / side == pytest.approx(y, abs=0.09)
            assert red[1:-1, 1:-1].sum() == red.sum()  # nothing is cut off by the frame
            area[size] = red.sum()
        # The radii differ by a factor of 1.44 to 1.91.
        assert area["large"] > 1.8 * area["small"]


@pytest.mark.parametrize("place", ["left", "top"])
def test_the_first_of_two_is_left_or_above(place: str) -> None:
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        scene = Scene(Thing(shape, "red", "large"), Thing(shape, "blue", "large"), place, "stone")
        image = draw(scene, 32, rng)
        red, blue = _redness(image), _redness(image[::-1])
        axis = 1 if place == "left" else 0
        assert np.nonzero(red)[axis].max() < np.nonzero(blue)[axis].min()


def test_shapes_have_the_area_of_geometry() -> None:
    # Areas in units of the radius squared, against the share of red pixels at the radius' range.
    star = 5 * np.sin(np.pi / 5) * 1.12 * 0.46
    areas = {
        "circle": np.pi * 0.95**2,
        "square": (2 * 0.82) ** 2,
        "triangle": 3 * np.sqrt(3) / 4 * 1.15**2,
        "star": star,
        "ring": np.pi * (1.0 - 0.48**2),
        "cross": 2 * 2 * 0.6 - 0.6**2,
        "diamond": 2 * 0.68 * 1.1,
    }
    rng = np.random.default_rng(0)
    for shape, area in areas.items():
        scene = _single(shape, "red", "large", "middle", "snow")
        shares = [_redness(draw(scene, 64, rng)).mean() for _ in range(12)]
        # The radius is uniform in 0.195..0.22: its square averages 0.0431, with a deviation of
        # 7 %, so the mean of 12 is within 10 % at five deviations; 6 % more for soft edges.
        assert np.mean(shares) == pytest.approx(area * 0.0431, rel=0.16), shape


def test_parts_of_the_grammar_hold_what_they_say():
    config = ScenesConfig(pictures=False, arrangements=("left",), backgrounds=("night", "snow"))
    source = Scenes(config).take(60)
    scenes = [parse(caption) for caption in source.caption]
    assert {scene.place for scene in scenes} == {"left"}
    assert all(scene.second is not None for scene in scenes)
    assert {scene.background for scene in scenes} == {"night", "snow"}
    assert not source.image.any()


def test_captions_without_pictures_are_drawn_alike_whatever_the_size():
    one, other = (Scenes(ScenesConfig(pictures=False, size=size)).take(20) for size in (32, 64))
    assert one.caption == other.caption


def test_sentences_of_a_file_fall_into_two_parts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(f"sentence  number {i}\n" for i in range(50)))
    whole, *parts = (
        Sentences(SentencesConfig(path=path, split=split)) for split in ("all", "train", "test")
    )
    assert len(whole) == 50
    found = [set(part.take(len(part)).caption) for part in parts]
    assert not found[0] & found[1]
    assert found[0] | found[1] == {f"sentence number {i}" for i in range(50)}
    with pytest.raises(ScenarioError, match="asked for 51"):
        whole.take(51)
    with pytest.raises(ScenarioError, match="cannot be read"):
        Sentences(SentencesConfig(path=tmp_path / "none.txt"))
