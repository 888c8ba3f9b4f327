"""Path loss, line of sight and shadowing of 3GPP TR 38.901, by Sionna."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from semsim.types import Array
from semsim.units import db_to_linear, linear_to_db

#: The models are small and run once a drop: there is nothing to win on another device.
_OPTIONS: dict[str, Any] = {"precision": "double", "device": "cpu"}


@dataclass(frozen=True)
class LargeScale:
    """What distance and surroundings do to power; all of one shape, ``[..., N]``.

    Attributes:
        gain: linear power gain, path loss and shadowing together.
        path_loss_db: path loss, and the walls' loss of those indoors.
        shadowing_db: shadow fading, positive where more power arrives (TR 38.901, section 7.4.4).
        line_of_sight: true in line of sight.
        indoor: true indoors.
    """

    gain: Array
    path_loss_db: Array
    shadowing_db: Array
    line_of_sight: NDArray[np.bool_]
    indoor: NDArray[np.bool_]

    def drop(self, row: int) -> LargeScale:
        """Return one of several drops ``[E, N]``, ``[N]``."""
        return LargeScale(**{name: values[row] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Surroundings:
    """One of the outdoor models and its parameters.

    Attributes:
        model: street canyon (UMi), urban macro cell (UMa) or rural macro cell (RMa).
        carrier_hz: carrier frequency.
        bs_height_m: height of the sender's antenna.
        user_height_m: height of the users' antennas.
        line_of_sight: drawn, or the same for all outdoor users.
        shadowing: whether there is shadow fading.
        indoor_share: probability of each user to be indoors.
        walls: buildings of low or high penetration loss (UMi and UMa; RMa has low).
        building_height_m: average height of the buildings (RMa).
        street_width_m: average width of the streets (RMa).
    """

    model: Literal["umi", "uma", "rma"]
    carrier_hz: float
    bs_height_m: float
    user_height_m: float
    line_of_sight: Literal["drawn", "always", "never"] = "drawn"
    shadowing: bool = True
    indoor_share: float = 0.0
    walls: Literal["low", "high"] = "low"
    building_height_m: float = 5.0
    street_width_m: float = 20.0

    def draw(self, distance_m: Array, bearing_rad: Array, generator: torch.Generator) -> LargeScale:
        """Draw what users at the given places see of a sender at the origin.

        Path loss is that of TR 38.901, table 7.4.1-1, the line of sight that of table 7.4.2-1,
        the loss of walls that of section 7.4.3, each drawn user by user. Shadowing is that of
        section 7.4.4, with deviations and correlation distances of tables 7.4.1-1 and 7.5-6:
        neighbours in the same state (line of sight, none, indoors) are shadowed alike.

        Args:
            distance_m: ``[..., N]`` distances on the ground; leading dimensions are drops.
            bearing_rad: ``[..., N]`` directions from the sender, which with the distances tell
                who are neighbours.
            generator: where the draws come from, on the CPU.
        """
        # Here, since Sionna takes seconds to load and other models do without.
        from semsim.channels.sionna_rng import draws_from, phy

        shape = distance_m.shape
        place = np.stack(
            [
                distance_m * np.cos(bearing_rad),
                distance_m * np.sin(bearing_rad),
                np.full(shape, self.user_height_m),
            ],
            axis=-1,
        )
        users = torch.from_numpy(place.reshape(-1, shape[-1], 3))  # [D, N, 3]
        indoor = torch.rand(users.shape[:2], generator=generator) < self.indoor_share
        scenario = self._scenario(phy.channel.tr38901)
        sight = {"drawn": None, "always": True, "never": False}[self.line_of_sight]
        with draws_from(generator):
            self._set_topology(scenario, users, indoor, sight)
            parameters = phy.channel.tr38901.LSPGenerator(scenario)
            parameters.topology_updated_callback()
            drawn = parameters()
        path_loss_db: Array = drawn.pathloss.numpy().reshape(shape)
        shadow: Array = drawn.sf.numpy().reshape(shape) if self.shadowing else np.ones(shape)
        return LargeScale(
            gain=db_to_linear(-path_loss_db) * shadow,
            path_loss_db=path_loss_db,
            shadowing_db=linear_to_db(shadow),
            line_of_sight=scenario.los.numpy().reshape(shape),
            indoor=indoor.numpy().reshape(shape),
        )

    def scenario(self) -> Any:
        """Return Sionna's scenario, without any users."""
        from semsim.channels.sionna_rng import phy

        return self._scenario(phy.channel.tr38901)

    def place(self, scenario: Any, place_m: Array, line_of_sight: bool | torch.Tensor) -> None:
        """Put outdoor users at ``place_m [..., N, 2]`` around the senders of Sionna's ``scenario``.

        Args:
            scenario: of :meth:`scenario`; it always has the same number of drops and users.
            place_m: in the plane; leading dimensions are drops.
            line_of_sight: of all users, or bool ``[D, N]``.
        """
        height_m = np.full((*place_m.shape[:-1], 1), self.user_height_m)
        place_m = np.concatenate([place_m, height_m], axis=-1)
        users = torch.from_numpy(place_m.reshape(-1, *place_m.shape[-2:]))  # [D, N, 3]
        if isinstance(line_of_sight, torch.Tensor):
            line_of_sight = line_of_sight[:, None]
        outdoors = torch.zeros(users.shape[:2], dtype=torch.bool)
        self._set_topology(scenario, users, outdoors, line_of_sight)

    def _set_topology(
        self,
        scenario: Any,
        users: torch.Tensor,
        indoor: torch.Tensor,
        line_of_sight: bool | torch.Tensor | None,
    ) -> None:
        sender = users.new_zeros(len(users), 1, 3)
        sender[..., 2] = self.bs_height_m
        scenario.set_topology(
            ut_loc=users,
            bs_loc=sender,
            ut_orientations=torch.zeros_like(users),
            bs_orientations=torch.zeros_like(sender),
            ut_velocities=torch.zeros_like(users),
            in_state=indoor,
            los=line_of_sight,
            # By default Sionna puts the outdoor users of RMa into cars.
            **({"in_car": torch.zeros_like(indoor)} if self.model == "rma" else {}),
        )

    def _scenario(self, standard: Any) -> Any:
        antenna = standard.Antenna("single", "V", "omni", self.carrier_hz, **_OPTIONS)
        ends = {"ut_array": antenna, "bs_array": antenna, "direction": "downlink"}
        if self.model == "rma":
            return standard.RMaScenario(
                self.carrier_hz,
                average_street_width=self.street_width_m,
                average_building_height=self.building_height_m,
                **ends,
                **_OPTIONS,
            )
        kind = standard.UMiScenario if self.model == "umi" else standard.UMaScenario
        return kind(self.carrier_hz, o2i_model=self.walls, **ends, **_OPTIONS)
