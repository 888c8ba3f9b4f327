"""Drawn scenes as meaning and as captions: a closed grammar, one caption a meaning.

With two objects the first is always the left or the upper one, so that a picture has one caption
and its label (the shape of the first object) can be seen in it.

>>> scene = parse("a small red circle left of a large blue star on green grass")
>>> scene.first.colour, scene.place, scene.background
('red', 'left', 'grass')
>>> caption_of(scene)
'a small red circle left of a large blue star on green grass'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross", "diamond", "heart")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "white", "black")
SIZES = ("small", "large")
#: Where a single object is.
PLACES = {
    "middle": "in the middle",
    "left": "at the left",
    "right": "at the right",
    "top": "at the top",
    "bottom": "at the bottom",
}
#: Where the first of two objects is; the second is on the other side.
RELATIONS = {"left": "left of", "top": "above"}
BACKGROUNDS = {
    "sky": "in a blue sky",
    "grass": "on green grass",
    "sand": "on yellow sand",
    "night": "in a dark night",
    "snow": "on white snow",
    "stone": "on grey stone",
    "wood": "on brown wood",
    "dusk": "in a pink dusk",
}


@dataclass(frozen=True)
class Thing:
    """One object: a word of :data:`SHAPES`, of :data:`COLOURS` and of :data:`SIZES`."""

    shape: str
    colour: str
    size: str


@dataclass(frozen=True)
class Scene:
    """The meaning of one picture.

    Attributes:
        first: the only object, or the left or upper one of two.
        second: the other object, if there is one.
        place: of the first object: a key of :data:`PLACES`, or of :data:`RELATIONS` with two.
        background: a key of :data:`BACKGROUNDS`.
    """

    first: Thing
    second: Thing | None
    place: str
    background: str


def _words() -> tuple[str, ...]:
    phrases = (*PLACES.values(), *RELATIONS.values(), *BACKGROUNDS.values())
    words = {word for phrase in phrases for word in phrase.split()}
    return tuple(sorted(words | {"a", *SHAPES, *COLOURS, *SIZES}))


#: Every word that a caption can hold, in alphabetical order.
VOCABULARY = _words()

_THING_AXES = (len(SHAPES), len(COLOURS), len(SIZES))
_SINGLE_AXES = (*_THING_AXES, len(PLACES), len(BACKGROUNDS))
_PAIR_AXES = (*_THING_AXES, *_THING_AXES, len(RELATIONS), len(BACKGROUNDS))
#: Number of distinct scenes of one object, and of two.
SINGLES = int(np.prod(_SINGLE_AXES))
PAIRS = int(np.prod(_PAIR_AXES))


def scene_at(index: int) -> Scene:
    """Return scene ``index`` of the ``SINGLES + PAIRS`` of the grammar, single objects first.

    Raises:
        ValueError: if there is no such scene.
    """
    if not 0 <= index < SINGLES + PAIRS:
        raise ValueError(f"there are {SINGLES + PAIRS} scenes, got the index {index}")
    if index < SINGLES:
        shape, colour, size, place, background = np.unravel_index(index, _SINGLE_AXES)
        second, places = None, PLACES
    else:
        axes = np.unravel_index(index - SINGLES, _PAIR_AXES)
        shape, colour, size, *other, place, background = axes
        second, places = _thing(*map(int, other)), RELATIONS
    return Scene(
        first=_thing(int(shape), int(colour), int(size)),
        second=second,
        place=tuple(places)[place],
        background=tuple(BACKGROUNDS)[background],
    )


def _thing(shape: int, colour: int, size: int) -> Thing:
    return Thing(SHAPES[shape], COLOURS[colour], SIZES[size])


def caption_of(scene: Scene) -> str:
    """Return the caption of ``scene``, at most 14 words.

    >>> caption_of(Scene(Thing("ring", "white", "large"), None, "top", "sky"))
    'a large white ring at the top in a blue sky'
    """
    background = BACKGROUNDS[scene.background]
    if scene.second is None:
        return f"{_noun(scene.first)} {PLACES[scene.place]} {background}"
    relation = RELATIONS[scene.place]
    return f"{_noun(scene.first)} {relation} {_noun(scene.second)} {background}"


def _noun(thing: Thing) -> str:
    return f"a {thing.size} {thing.colour} {thing.shape}"


def _pattern() -> re.Pattern[str]:
    def either(name: str, words: Iterable[str]) -> str:
        return f"(?P<{name}>{'|'.join(words)})"

    def noun(which: str) -> str:
        words = [("size", SIZES), ("colour", COLOURS), ("shape", SHAPES)]
        return " ".join(["a", *(either(f"{which}_{name}", known) for name, known in words)])

    pair = f"{either('relation', RELATIONS.values())} {noun('second')}"
    place = f"(?:{either('place', PLACES.values())}|{pair})"
    return re.compile(f"{noun('first')} {place} {either('background', BACKGROUNDS.values())}")


_CAPTION = _pattern()


def parse(caption: str) -> Scene:
    """Return the meaning of ``caption``; upper case and extra spaces are forgiven.

    Raises:
        ValueError: if the caption is not of the grammar.
    """
    found = _CAPTION.fullmatch(" ".join(caption.lower().split()))
    if found is None:
        raise ValueError(f"{caption!r} is no sentence of the scenes' grammar")
    words = found.groupdict()
    single = words["relation"] is None

    def thing(which: str) -> Thing:
        return Thing(*(words[f"{which}_{name}"] for name in ("shape", "colour", "size")))

    return Scene(
        first=thing("first"),
        second=None if single else thing("second"),
        place=_key(PLACES, words["place"]) if single else _key(RELATIONS, words["relation"]),
        background=_key(BACKGROUNDS, words["background"]),
    )


def _key(phrases: dict[str, str], phrase: str) -> str:
    return next(key for key, known in phrases.items() if known == phrase)


def agreement(sent: str, received: str) -> float:
    """Return the share of the attributes of two captions that agree, 0..1.

    Attributes are shape, colour and size of each object, the place, and the background. An object
    that only one of the captions names counts as three wrong attributes. A received sentence
    outside the grammar delivers nothing.

    Raises:
        ValueError: if ``sent`` is not of the grammar.

    >>> agreement(
    ...     "a small red ring at the top on white snow", "a large red ring at the top on white snow"
    ... )
    0.8
    """
    asked = _attributes(parse(sent))
    try:
        got = _attributes(parse(received))
    except ValueError:
        return 0.0
    return len(asked & got) / len({name for name, _ in asked | got})


def _attributes(scene: Scene) -> set[tuple[str, str]]:
    things = {"first": scene.first} | ({"second": scene.second} if scene.second else {})
    return {("place", scene.place), ("background", scene.background)} | {
        (f"{which}.{name}", value)
        for which, thing in things.items()
        for name, value in vars(thing).items()
    }
