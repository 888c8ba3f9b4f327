"""Users who move in a disc around the sender. Positions and velocities are ``[..., N, 2]``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from semsim.arrays import with_rows
from semsim.engine.dynamics.config import GaussMarkovMobility, Mobility, RandomWaypoint
from semsim.types import Array


@dataclass(frozen=True)
class Step:
    """Where users are after a slot.

    Attributes:
        place_m: ``[..., N, 2]``, seen from the sender.
        way_m: ``[..., N]``, how far each has gone in the slot.
    """

    place_m: Array
    way_m: Array


class Walk(Protocol):
    """A law of motion, with what it must remember."""

    def step(self, slot_s: float, rng: np.random.Generator) -> Step:
        """Move everybody by one slot, with the slot's draws from ``rng``."""
        ...

    def put(self, rows: list[int], fresh: Any) -> None:
        """Let cells ``rows`` of ``[E, N, 2]`` go on from those of ``fresh``, of the same kind."""
        ...


def start_walk(config: Mobility, place_m: Array, rng: np.random.Generator) -> Walk:
    """Return the motion of users who are at ``place_m [..., N, 2]`` in the first slot.

    Raises:
        ValueError: if a user is not in the disc.
    """
    if (np.linalg.norm(place_m, axis=-1) > config.radius_m).any():
        raise ValueError(
            f"a user stands {np.linalg.norm(place_m, axis=-1).max():.1f} m from the sender, beyond "
            f"mobility.radius_m ({config.radius_m:g}); raise it"
        )
    if isinstance(config, RandomWaypoint):
        return WaypointWalk(config, place_m, rng)
    return GaussMarkovWalk(config, place_m, rng)


class WaypointWalk:
    """Random waypoint: leg by leg, exact whatever the length of the slot."""

    def __init__(self, config: RandomWaypoint, place_m: Array, rng: np.random.Generator) -> None:
        self._config, self._place_m = config, place_m
        self._target_m, self._speed = self._leg(rng)
        self._pause_s = np.zeros(place_m.shape[:-1])

    def _leg(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw a target, uniform in the disc, and a speed for everybody."""
        users = self._place_m.shape[:-1]
        radius_m = self._config.radius_m * np.sqrt(rng.uniform(size=users))
        bearing = rng.uniform(0.0, 2 * math.pi, users)
        target_m = np.stack([radius_m * np.cos(bearing), radius_m * np.sin(bearing)], axis=-1)
        return target_m, rng.uniform(*self._config.speed_m_per_s, users)

    def step(self, slot_s: float, rng: np.random.Generator) -> Step:
        """Walk, pause and turn until the slot is over."""
        left_s = np.full(self._pause_s.shape, slot_s)
        way_m = np.zeros(left_s.shape)
        while True:
            resting_s = np.minimum(self._pause_s, left_s)
            self._pause_s = self._pause_s - resting_s
            left_s = left_s - resting_s
            ahead = self._target_m - self._place_m
            distance_m = np.linalg.norm(ahead, axis=-1)
            walking_s = np.minimum(distance_m / self._speed, left_s)
            arrives = distance_m <= self._speed * left_s
            gone_m = np.where(arrives, distance_m, self._speed * walking_s)
            share = np.divide(gone_m, distance_m, out=np.ones_like(gone_m), where=distance_m > 0)
            self._place_m = self._place_m + share[..., None] * ahead
            way_m += gone_m
            left_s = np.where(arrives, left_s - walking_s, 0.0)
            turns = arrives & (left_s > 0)
            if not turns.any():
                return Step(self._place_m, way_m)
            target_m, speed = self._leg(rng)
            self._target_m = np.where(turns[..., None], target_m, self._target_m)
            self._speed = np.where(turns, speed, self._speed)
            self._pause_s = np.where(turns, self._config.pause_s, self._pause_s)

    def put(self, rows: list[int], fresh: Any) -> None:
        """Let cells ``rows`` of ``[E, N, 2]`` go on from those of ``fresh``."""
        self._place_m = with_rows(self._place_m, rows, fresh._place_m)
        self._target_m = with_rows(self._target_m, rows, fresh._target_m)
        self._speed = with_rows(self._speed, rows, fresh._speed)
        self._pause_s = with_rows(self._pause_s, rows, fresh._pause_s)


class GaussMarkovWalk:
    """Velocities with memory, and reflection at the edge."""

    def __init__(
        self, config: GaussMarkovMobility, place_m: Array, rng: np.random.Generator
    ) -> None:
        self._config, self._place_m = config, place_m
        # |v| is Rayleigh distributed, with a mean of √(π/2) deviations of a component.
        self._deviation = config.mean_speed_m_per_s * math.sqrt(2 / math.pi)
        self.velocity_m_per_s = self._deviation * rng.standard_normal(place_m.shape)

    def step(self, slot_s: float, rng: np.random.Generator) -> Step:
        """Go on at the velocity of the slot, be reflected, and take up the next one."""
        velocity, memory = self.velocity_m_per_s, self._config.memory
        self._place_m, velocity = reflect(
            self._place_m + slot_s * velocity, velocity, self._config.radius_m
        )
        way_m = slot_s * np.linalg.norm(velocity, axis=-1)
        news = self._deviation * rng.standard_normal(velocity.shape)
        self.velocity_m_per_s = memory * velocity + math.sqrt(1 - memory**2) * news
        return Step(self._place_m, way_m)

    def put(self, rows: list[int], fresh: Any) -> None:
        """Let cells ``rows`` of ``[E, N, 2]`` go on from those of ``fresh``."""
        self._place_m = with_rows(self._place_m, rows, fresh._place_m)
        self.velocity_m_per_s = with_rows(self.velocity_m_per_s, rows, fresh.velocity_m_per_s)


def reflect(place_m: Array, velocity: Array, radius_m: float) -> tuple[Array, Array]:
    """Fold what lies beyond a circle back along its ray, and turn the velocity's radial part.

    A place at a distance r = radius + x comes to radius - x, and so on for those who would have
    crossed the disc several times.

    Args:
        place_m: ``[..., 2]``, where the motion would have ended without an edge.
        velocity: ``[..., 2]``.
        radius_m: of the circle around the origin.
    """
    r = np.linalg.norm(place_m, axis=-1, keepdims=True)
    outside = r > radius_m
    ray = place_m / np.where(outside, r, 1.0)
    # Along the ray's line, a coordinate between -radius and radius that bounces at both ends.
    phase = np.mod(r + radius_m, 4 * radius_m)
    folded = np.where(phase < 2 * radius_m, phase, 4 * radius_m - phase) - radius_m
    turned = velocity - 2 * (velocity * ray).sum(axis=-1, keepdims=True) * ray
    odd = outside & (phase >= 2 * radius_m)
    return np.where(outside, folded * ray, place_m), np.where(odd, turned, velocity)
