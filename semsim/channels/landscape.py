"""Line of sight and shadowing as functions of the place, so that they follow users who move."""

from __future__ import annotations

import math

import numpy as np
import torch

from semsim.channels.large_scale import LargeScale, Surroundings
from semsim.types import Array
from semsim.units import db_to_linear

#: Waves of a field. E f⁴ falls short of the Gaussian 3 by 3/2 over this.
WAVES = 500
#: Correlation distance of the line of sight, TR 38.901, table 7.6.3.1-2, in metres.
_SIGHT_M = {"umi": 50.0, "uma": 50.0, "rma": 60.0}
#: Place of the shadow fading among Sionna's large-scale parameters.
_SHADOWING = 3


class Field:
    """A Gaussian field over the plane, of variance 1 and correlation e^(-distance).

    A sum of waves of equal power whose random wave numbers follow the field's spectrum: in two
    dimensions e^(-r) has the density k/(1 + k²)^(3/2), of which 1 - 1/√(1 + k²) is the integral.
    Over seeds the correlation is exact.

    Args:
        generator: where directions, wave numbers and phases come from, on the CPU.
        lead: ``(E,)`` for as many fields, ``()`` for one.
    """

    def __init__(self, generator: torch.Generator, lead: tuple[int, ...] = ()) -> None:
        draws = torch.rand((*lead, 3, WAVES), generator=generator, dtype=torch.float64).numpy()
        bearing, phase, share = np.split(draws, 3, axis=-2)  # [..., 1, WAVES] each
        number = np.sqrt((1 - share) ** -2 - 1)
        around = np.concatenate([np.cos(2 * math.pi * bearing), np.sin(2 * math.pi * bearing)], -2)
        self._waves, self._phase = number * around, 2 * math.pi * phase

    def at(self, place: Array) -> Array:
        """Return the field at ``place [..., N, 2]``, in correlation distances; ``[..., N]``."""
        # Torch's cosine is many times faster than numpy's where it is compiled for wide registers.
        waves = torch.from_numpy(place @ self._waves + self._phase).cos()
        total: Array = waves.sum(dim=-1).numpy() * math.sqrt(2 / WAVES)
        return total

    def put(self, rows: list[int], fresh: Field) -> None:
        """Put those of ``fresh`` in the place of the fields ``rows``."""
        self._waves[rows], self._phase[rows] = fresh._waves, fresh._phase


class Landscape:
    """Surroundings that stay where they are while outdoor users move through them.

    Path loss is that of TR 38.901, table 7.4.1-1. There is a line of sight where a uniform random
    number that is consistent over space is below the probability of table 7.4.2-1 (section
    7.6.3.3). Shadow fading has the deviations of table 7.4.1-1 and the correlation e^(-Δd/d) of
    section 7.4.4 with the distances d of table 7.5-6: a field for places in line of sight, and one
    for the others. So users at one place fade alike, and one who comes back finds what was there.

    Args:
        surroundings: the model; nobody may be indoors.
        generator: where the draws come from, on the CPU.
        lead: ``(E,)`` for as many landscapes, ``()`` for one.

    Raises:
        ValueError: if some users are indoors: they would walk through walls.
    """

    def __init__(
        self, surroundings: Surroundings, generator: torch.Generator, lead: tuple[int, ...] = ()
    ) -> None:
        if surroundings.indoor_share > 0:
            raise ValueError("users who move are outdoors; set 'indoor_share' to 0")
        self._surroundings = surroundings
        self._scenario = surroundings.scenario()
        self._sight, self._clear, self._shaded = (Field(generator, lead) for _ in range(3))

    def put(self, rows: list[int], fresh: Landscape) -> None:
        """Put those of ``fresh`` in the place of the landscapes ``rows``."""
        self._sight.put(rows, fresh._sight)
        self._clear.put(rows, fresh._clear)
        self._shaded.put(rows, fresh._shaded)

    def at(self, distance_m: Array, bearing_rad: Array) -> LargeScale:
        """Return what users at the given places see of a sender at the origin.

        Args:
            distance_m: ``[..., N]`` on the ground; the shape is the same whenever it is asked.
            bearing_rad: ``[..., N]`` from the sender.
        """
        shape = distance_m.shape
        place_m = distance_m[..., None] * np.stack([np.cos(bearing_rad), np.sin(bearing_rad)], -1)
        model = self._surroundings
        scenario = self._scenario
        model.place(scenario, place_m, model.line_of_sight == "always")
        if model.line_of_sight == "drawn":
            uniform = torch.special.ndtr(
                torch.from_numpy(self._sight.at(place_m / _SIGHT_M[model.model]))
            )
            probability = scenario.los_probability[:, 0]
            model.place(scenario, place_m, uniform.reshape(probability.shape) < probability)
        path_loss_db = scenario.basic_pathloss[:, 0].numpy().copy().reshape(shape)
        sight = scenario.los[:, 0].numpy().copy().reshape(shape)
        shadowing_db = np.zeros(shape)
        if model.shadowing:
            deviation_db = 10 * scenario.lsp_log_std[:, 0, :, _SHADOWING].numpy().reshape(shape)
            reach_m = scenario.get_param("corrDistSF")[:, 0].numpy().reshape(shape)
            place = place_m / reach_m[..., None]
            shadowing_db = deviation_db * np.where(
                sight, self._clear.at(place), self._shaded.at(place)
            )
        return LargeScale(
            gain=db_to_linear(shadowing_db - path_loss_db),
            path_loss_db=path_loss_db,
            shadowing_db=shadowing_db,
            line_of_sight=sight,
            indoor=np.zeros(shape, dtype=np.bool_),
        )
