"""Configuration of what couples the slots of a downlink (no numpy here)."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from semsim.config import Strict


class _Mobility(Strict):
    radius_m: float = Field(gt=0)
    """Users stay in a disc of this radius around the sender, and start where `users` places them.
    Path loss is that of their place; closer than 1 m (or the least distance that
    `cell.propagation` holds for) it is that of this distance."""


class RandomWaypoint(_Mobility):
    """Straight to a place uniform in the disc, a pause, on to the next (Johnson and Maltz, 1996).

    Users are in the middle of the disc more often than at its edge.
    """

    model: Literal["random_waypoint"] = "random_waypoint"
    speed_m_per_s: tuple[float, float] = (0.5, 2.0)
    """Least and largest speed; each leg has one, uniform between them."""
    pause_s: float = Field(0.0, ge=0)
    """How long a user stays at each place that it has reached."""

    @model_validator(mode="after")
    def _speeds(self) -> RandomWaypoint:
        low, high = self.speed_m_per_s
        if not 0 < low <= high:
            raise ValueError(
                f"'speed_m_per_s' is [least, largest], both above 0 (a user with speed 0 would "
                f"never arrive), got [{low:g}, {high:g}]"
            )
        return self


class GaussMarkovMobility(_Mobility):
    """Velocities with memory (Liang and Haas, 1999): v(k+1) = α v(k) + √(1-α²) w(k).

    Both components of w are Gaussian, as large as the mean speed wants them. At the edge of the
    disc users are reflected, so that no place is more likely than another.
    """

    model: Literal["gauss_markov"] = "gauss_markov"
    mean_speed_m_per_s: float = Field(1.5, gt=0)
    """E|v|."""
    memory: float = Field(0.9, ge=0, le=1)
    """α, from one slot to the next: 0 is a new velocity every slot, 1 is the same for ever."""


Mobility: TypeAlias = RandomWaypoint | GaussMarkovMobility


class _Traffic(Strict):
    deadline_s: float | None = Field(None, gt=0)
    """Seconds from a request to its image, computing included; later it is of no use. None by
    default."""
    queue: int = Field(8, ge=1)
    """Requests of a user that may wait, with the one that is being sent; further ones are lost."""


class FullBuffer(_Traffic):
    """One request a slot and user: there is always something to send."""

    model: Literal["full_buffer"] = "full_buffer"


class PoissonTraffic(_Traffic):
    """Requests independent of each other."""

    model: Literal["poisson"] = "poisson"
    requests_per_s: float = Field(gt=0)
    """Mean number of requests of a user in a second."""


class BurstyTraffic(_Traffic):
    """Poisson requests while a user is on, none while it is off; both last exponential times."""

    model: Literal["bursty"] = "bursty"
    requests_per_s: float = Field(gt=0)
    """Mean number of requests of a user in a second while it is on."""
    on_s: float = Field(gt=0)
    """Mean length of a burst."""
    off_s: float = Field(gt=0)
    """Mean time between two bursts."""


Traffic: TypeAlias = FullBuffer | PoissonTraffic | BurstyTraffic


class EnergyConfig(Strict):
    """A battery at the sender, or an energy budget where nothing is harvested."""

    capacity_j: float = Field(gt=0)
    """What the battery holds; a harvest beyond it is lost."""
    start_j: float | None = Field(None, ge=0)
    """What it holds in the first slot; full by default."""
    harvest_w: float = Field(0.0, ge=0)
    """Mean power harvested."""
    packet_j: float | None = Field(None, gt=0)
    """Energy comes in packets of this size at random (Poisson) times; steadily by default."""

    @model_validator(mode="after")
    def _start(self) -> EnergyConfig:
        if self.start_j is not None and self.start_j > self.capacity_j:
            raise ValueError(
                f"'start_j' ({self.start_j:g}) is above 'capacity_j' ({self.capacity_j:g}); "
                "lower it"
            )
        return self

    @property
    def initial_j(self) -> float:
        """What the battery holds in the first slot."""
        return self.capacity_j if self.start_j is None else self.start_j


class PopulationConfig(Strict):
    """Users who come and go: the scenario's `users` are the places that there are for them."""

    arrivals_per_s: float = Field(ge=0)
    """Mean number of users who come in a second (Poisson); with no place free they are turned
    away."""
    mean_stay_s: float = Field(gt=0)
    """Mean of the exponential time that a user stays; what waits for it then is abandoned."""
    start_users: int | None = Field(None, ge=0)
    """How many are there in the first slot; all places are taken by default."""


class DynamicsConfig(Strict):
    """What couples the slots; each part is there only if it is given."""

    slot_s: float | None = Field(None, gt=0)
    """Length of a slot; may be left out where `cell.fading` has one."""
    mobility: Annotated[Mobility, Field(discriminator="model")] | None = None
    """How users move; they stand still by default. The Doppler spread of `cell.fading` is then
    that of each user's own speed, and its `speed_m_per_s` plays no part."""
    traffic: Annotated[Traffic, Field(discriminator="model")] = FullBuffer()
    """When users ask for images."""
    energy: EnergyConfig | None = None
    """The sender's battery; energy has no end by default."""
    population: PopulationConfig | None = None
    """Users who come and go; all stay by default."""
