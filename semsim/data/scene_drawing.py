"""Paints scenes: shapes from signed distances, soft light and shadow, textured backgrounds.

Lengths are shares of the image side, so that 32 and 64 pixels show the same picture; ``x`` points
right and ``y`` down. ``S`` is the image side in pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from semsim.data.scene_grammar import Scene, Thing

#: One value a pixel ``[S, S]``, or one colour a pixel ``[3, S, S]``.
Field: TypeAlias = NDArray[np.float64]
Colour: TypeAlias = tuple[float, float, float]
Point: TypeAlias = tuple[float, float]

_RADIUS = {"small": (0.115, 0.135), "large": (0.195, 0.22)}
_CENTRE: dict[str, Point] = {
    "middle": (0.5, 0.5),
    "left": (0.265, 0.5),
    "right": (0.735, 0.5),
    "top": (0.5, 0.265),
    "bottom": (0.5, 0.735),
}
_OPPOSITE = {"left": "right", "top": "bottom"}
_COLOUR = {
    "red": (0.84, 0.10, 0.12),
    "orange": (0.96, 0.52, 0.06),
    "yellow": (0.97, 0.88, 0.12),
    "green": (0.06, 0.52, 0.22),
    "blue": (0.09, 0.22, 0.82),
    "purple": (0.50, 0.14, 0.66),
    "white": (0.97, 0.97, 0.97),
    "black": (0.06, 0.06, 0.07),
}


def draw(scene: Scene, side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Paint ``scene`` as ``[3, S, S]`` in 0..1.

    Place, radius, turn, colour, light and texture vary a little with ``rng``, never so much that
    another caption would fit.
    """
    image = _BACKGROUND[scene.background](side, rng)
    tilt = rng.uniform(-0.1, 1.3)  # from straight above to far left
    light = (-float(np.sin(tilt)), -float(np.cos(tilt)))
    _paint(image, scene.first, _CENTRE[scene.place], light, rng)
    if scene.second is not None:
        _paint(image, scene.second, _CENTRE[_OPPOSITE[scene.place]], light, rng)
    image += rng.normal(0.0, 0.012, image.shape)
    return image.clip(0.0, 1.0).astype(np.float32)


def _paint(
    image: Field, thing: Thing, centre: Point, light: Point, rng: np.random.Generator
) -> None:
    """Paint one object and its shadow into ``image [3, S, S]``."""
    side = image.shape[-1]
    axis = _axis(side)
    radius = rng.uniform(*_RADIUS[thing.size])
    x = (axis - centre[0] - rng.uniform(-0.02, 0.02))[None, :]  # [1, S]
    y = (axis - centre[1] - rng.uniform(-0.02, 0.02))[:, None]  # [S, 1]
    away = 0.35 * radius
    image *= 1.0 - 0.4 * _bell(x + away * light[0], y + away * light[1], radius)

    turn = rng.uniform(-0.15, 0.15)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    u, v = (cos * x + sin * y) / radius, (cos * y - sin * x) / radius  # [S, S]
    distance = radius * _DISTANCE[thing.shape](u, v)  # negative inside
    cover = (0.5 - distance * side).clip(0.0, 1.0)

    lit = (light[0] * x + light[1] * y) / radius
    depth = (-distance / (0.35 * radius)).clip(0.0, 1.0)
    shade = 0.82 + 0.16 * lit + 0.14 * depth
    toward = 0.4 * radius
    glint = 0.18 * _bell(x - toward * light[0], y - toward * light[1], 0.4 * radius)
    colour = _planes(_COLOUR[thing.colour]) + rng.uniform(-0.03, 0.03, (3, 1, 1))
    image += cover * (colour * shade + glint - image)


def _bell(x: Field, y: Field, width: float) -> Field:
    """A soft round spot ``[S, S]`` at the origin of ``x [1, S]`` and ``y [S, 1]``."""
    spot: Field = np.exp(-((x / width) ** 2)) * np.exp(-((y / width) ** 2))
    return spot


@lru_cache(maxsize=8)
def _axis(side: int) -> Field:
    """Pixel centres, ``[S]`` in 0..1."""
    return (np.arange(side) + 0.5) / side


# Signed distances in units of the radius, negative inside; u, v [S, S].


def _circle(u: Field, v: Field) -> Field:
    return np.hypot(u, v) - 0.95


def _ring(u: Field, v: Field) -> Field:
    return np.abs(np.hypot(u, v) - 0.74) - 0.26


def _square(u: Field, v: Field) -> Field:
    return _box(u, v, 0.82, 0.82)


def _cross(u: Field, v: Field) -> Field:
    return np.minimum(_box(u, v, 1.0, 0.3), _box(u, v, 0.3, 1.0))


def _diamond(u: Field, v: Field) -> Field:
    # Taller than wide, so that it is no turned square.
    along = np.abs(u) / 0.68 + np.abs(v) / 1.1 - 1.0
    return along / float(np.hypot(1 / 0.68, 1 / 1.1))


def _box(u: Field, v: Field, half_width: float, half_height: float) -> Field:
    return np.maximum(np.abs(u) - half_width, np.abs(v) - half_height)


def _polygon(points: Field) -> Callable[[Field, Field], Field]:
    """Return the signed distance to the polygon with corners ``points [K, 2]``."""
    begin = points[:, :, None, None]  # [K, 2, 1, 1]
    edge = np.roll(begin, -1, axis=0) - begin
    length2 = (edge**2).sum(axis=1)

    def distance(u: Field, v: Field) -> Field:
        du, dv = u - begin[:, 0], v - begin[:, 1]  # [K, S, S]
        along = ((du * edge[:, 0] + dv * edge[:, 1]) / length2).clip(0.0, 1.0)
        nearest2 = (du - along * edge[:, 0]) ** 2 + (dv - along * edge[:, 1]) ** 2
        # Even-odd rule: does the edge cross the ray from the pixel to the right?
        spans = (dv >= 0) != (dv - edge[:, 1] >= 0)
        left_of_edge = (du * edge[:, 1] < dv * edge[:, 0]) == (edge[:, 1] > 0)
        inside = (spans & left_of_edge).sum(axis=0) % 2 == 1
        outline: Field = np.sqrt(nearest2.min(axis=0))
        return np.where(inside, -outline, outline)

    return distance


def _triangle_points() -> Field:
    angle = -np.pi / 2 + np.arange(3) * 2 * np.pi / 3
    return 1.15 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + [0.0, 0.2]


def _star_points() -> Field:
    angle = -np.pi / 2 + np.arange(10) * np.pi / 5
    radius = np.where(np.arange(10) % 2 == 0, 1.12, 0.46)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _heart_points() -> Field:
    t = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([x, -y - 2.0], axis=1) / 15.5


_DISTANCE: dict[str, Callable[[Field, Field], Field]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _polygon(_triangle_points()),
    "star": _polygon(_star_points()),
    "ring": _ring,
    "cross": _cross,
    "diamond": _diamond,
    "heart": _polygon(_heart_points()),
}


# Backgrounds, [3, S, S].


def _noise(side: int, cells: int, rng: np.random.Generator) -> Field:
    """Smooth noise ``[S, S]`` with ``cells`` waves a side, of unit scale."""
    weights = _interpolation(side, cells)
    noise: Field = weights @ rng.standard_normal((cells + 1, cells + 1)) @ weights.T
    return noise


@lru_cache(maxsize=32)
def _interpolation(side: int, cells: int) -> Field:
    """Smooth interpolation from ``cells + 1`` knots to pixels, ``[S, cells + 1]``."""
    gap: Field = np.abs(_axis(side)[:, None] * cells - np.arange(cells + 1)).clip(0.0, 1.0)
    return 1.0 - gap * gap * (3.0 - 2.0 * gap)


def _mix(low: Colour, high: Colour, share: Field) -> Field:
    """Blend two colours by ``share [S, S]`` (0 is ``low``)."""
    blend: Field = _planes(low) + (_planes(high) - _planes(low)) * share.clip(0.0, 1.0)
    return blend


def _planes(colour: Colour) -> Field:
    return np.asarray(colour)[:, None, None]


def _down(side: int) -> Field:
    """0 at the top to 1 at the bottom, ``[S, S]``."""
    return np.broadcast_to(_axis(side)[:, None], (side, side))


def _sky(side: int, rng: np.random.Generator) -> Field:
    clouds = 0.35 * _noise(side, 3, rng) + 0.15 * _noise(side, 8, rng) - 0.1
    blue = _mix((0.30, 0.53, 0.90), (0.62, 0.78, 0.96), _down(side))
    return blue + clouds.clip(0.0, 0.6) * (0.95 - blue)


def _grass(side: int, rng: np.random.Generator) -> Field:
    blades = rng.standard_normal((side, side))
    blades = (blades + np.roll(blades, 1, axis=0) + np.roll(blades, 2, axis=0)) / 3.0
    share = 0.5 + 0.2 * _noise(side, 4, rng) + 0.3 * blades
    return _mix((0.28, 0.46, 0.14), (0.56, 0.74, 0.34), share)


def _sand(side: int, rng: np.random.Generator) -> Field:
    warp = 0.6 * _noise(side, 3, rng) + rng.uniform(0.0, 2.0 * np.pi)
    ripples = np.sin(2.0 * np.pi * 5.0 * _down(side) + 1.5 * warp)
    share = 0.5 + 0.22 * ripples + 0.15 * rng.standard_normal((side, side))
    return _mix((0.72, 0.60, 0.38), (0.90, 0.80, 0.58), share)


def _night(side: int, rng: np.random.Generator) -> Field:
    glow = 0.9 * _down(side) + 0.15 * _noise(side, 3, rng)
    image = _mix((0.10, 0.11, 0.27), (0.24, 0.24, 0.46), glow)
    stars = rng.random((side, side)) < 14.0 / side**2
    return image + stars * rng.uniform(0.25, 0.6, (side, side))


def _snow(side: int, rng: np.random.Generator) -> Field:
    share = 0.55 + 0.3 * _noise(side, 3, rng) + 0.08 * rng.standard_normal((side, side))
    return _mix((0.74, 0.80, 0.90), (0.93, 0.95, 0.98), share)


def _stone(side: int, rng: np.random.Generator) -> Field:
    share = 0.5 + 0.2 * _noise(side, 4, rng) + 0.2 * _noise(side, 9, rng)
    share += 0.15 * rng.standard_normal((side, side))
    return _mix((0.38, 0.38, 0.39), (0.62, 0.61, 0.59), share)


def _wood(side: int, rng: np.random.Generator) -> Field:
    warp = 1.2 * _noise(side, 2, rng) + rng.uniform(0.0, 2.0 * np.pi)
    rings = np.sin(2.0 * np.pi * 4.0 * _down(side).T + warp)
    share = 0.5 + 0.3 * rings + 0.1 * rng.standard_normal((side, side))
    return _mix((0.38, 0.23, 0.12), (0.60, 0.41, 0.24), share)


def _dusk(side: int, rng: np.random.Generator) -> Field:
    share = _down(side) + 0.2 * _noise(side, 3, rng)
    return _mix((0.60, 0.42, 0.62), (0.98, 0.70, 0.66), share)


_BACKGROUND: dict[str, Callable[[int, np.random.Generator], Field]] = {
    "sky": _sky,
    "grass": _grass,
    "sand": _sand,
    "night": _night,
    "snow": _snow,
    "stone": _stone,
    "wood": _wood,
    "dusk": _dusk,
}
