"""The downlink in time: images wait, take as many slots as they need, and may come too late."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from semsim.engine.budget import Budget, ratio
from semsim.engine.config import FeedbackConfig
from semsim.engine.downlink import Downlink, Sent, SlotRecord, nearest_rate
from semsim.engine.dynamics.config import DynamicsConfig
from semsim.engine.dynamics.energy import charge
from semsim.engine.dynamics.queue import Queues, drop, empty, overdue, push
from semsim.engine.dynamics.service import Offer, Served, serve
from semsim.engine.dynamics.world import World
from semsim.engine.judging import OF_IMAGES, OF_LABELS, OF_SENTENCES, qualities
from semsim.engine.topology import Places
from semsim.engine.traffic import UserSources
from semsim.errors import AllocationError
from semsim.link.link import Link
from semsim.types import Allocation, Array, DownlinkState, Source, Waiting
from semsim.units import linear_to_db

#: Draws of images that are kept, since several users may need the same one in other slots.
_KEPT = 16
#: What is measured on every delivery; where anybody gets labels, OF_LABELS too.
_MEASURED = (
    *OF_IMAGES,
    "snr_measured_db",
    "transmit_power",
    "channel_uses",
    "cbr",
    "block_error_rate",
    "bits_arrived",
    "rho_air",
)


@dataclass(frozen=True)
class _Opening:
    """What the beginning of a slot brought, ``[N]`` requests or joules."""

    abandoned: Array
    expired: Array
    overflowed: Array
    spilled_j: float


class DynamicDownlink(Downlink):
    """One sender and users whose requests wait in queues; ``docs/dynamics.md`` tells the model.

    An allocation of a slot serves the oldest request of every active user: one who is there, has a
    request, and whom the battery has energy for. Its image is coded when it is first served, at
    the allocation's ρ, and is sent at the rate of each slot until its last bit has gone, over as
    many slots as that takes. It meets the mean channel of all of them. A user who is given no
    bandwidth or no power waits.

    Args:
        dynamics: what couples the slots.
        slot_s: length of a slot.
        users: as for :class:`Downlink`, like all that follow.
        links: one a user.
        source: of the users' images.
        budget: time and energy.
        feedback: how well the sender knows the gains.
        seed: of everything random.
        device: of images and codecs.
    """

    def __init__(
        self,
        dynamics: DynamicsConfig,
        slot_s: float,
        users: Callable[[np.random.Generator], Places],
        links: Callable[[torch.Generator], Sequence[Link]],
        source: UserSources,
        budget: Budget,
        feedback: FeedbackConfig | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.slot_s = slot_s
        self._dynamics = dynamics
        self._deadline_s = dynamics.traffic.deadline_s or math.inf
        super().__init__(users, links, source, budget, feedback, None, seed, device)

    def _settle(self, places: Places) -> None:
        one = Places(places.distance_m[None], places.bearing_rad[None])
        self._world = World(self._dynamics, self.slot_s, self.budget.cell, one, self._streams)
        nothing = np.zeros(places.distance_m.shape)
        self._queues = empty(nothing, self._dynamics.traffic.queue)
        self._last_quality = nothing
        energy = self._dynamics.energy
        self._energy_j = np.asarray(math.inf if energy is None else energy.initial_j)
        self._drawn: dict[tuple[int, int], Source] = {}

    def _draw_slot(self) -> None:
        if self._slot > 0:
            self._world.advance()
        world, energy = self._world, self._dynamics.energy
        self._large_scale = world.large_scale.drop(0)
        self._distance_m, self._bearing_rad = world.distance_m[0], world.bearing_rad[0]
        self._gain = world.gain[0]
        self._reports.add(self._gain)
        waited, left = self._queues, world.left[0]
        abandoned = np.where(left, waited.length, 0)
        late = overdue(waited, self._slot, self._deadline_s / self.slot_s)
        expired = np.where(left, 0, late)
        waited = drop(waited, abandoned + expired)
        self._queues, overflowed = push(waited, self._slot, world.requests[0])
        spilled_j = 0.0
        if energy is not None:
            self._energy_j, spilled = charge(self._energy_j, world.harvest_j[0], energy.capacity_j)
            spilled_j = float(spilled)
        self._opening = _Opening(abandoned, expired, overflowed, spilled_j)

    def observe(self) -> DownlinkState:
        """Return what an allocator may see: reported gains, queues, the battery."""
        queues, rho = self._queues, self._queues.rho
        waiting = Waiting(
            present=self._world.present[0].copy(),
            queue=queues.length.astype(np.float64),
            age_s=queues.age(self._slot) * self.slot_s,
            sent=queues.sent.copy(),
            rho=rho.copy(),
            rest_bits=(1 - queues.sent) * rho * self.budget.image_bits,
            quality=self._last_quality.copy(),
            energy_j=self._energy_j.copy(),
        )
        return replace(super().observe(), active=self._active(), waiting=waiting)

    def _active(self) -> NDArray[np.bool_]:
        """Return for whom something can be sent."""
        active: NDArray[np.bool_] = (self._queues.length > 0) & (self._energy_j > 0)
        return active

    @torch.no_grad()
    def step(self, allocation: Allocation) -> SlotRecord:
        """Serve the oldest request of every active user, and go to the next slot.

        What an allocation gives to others is not used.

        Raises:
            AllocationError: if the allocation is for another number of users, not finite, or names
                an MCS.
        """
        users = len(self._distance_m)
        allocation = self._usable(allocation)
        offer, rates = self._offer(allocation)
        before, opening = self._queues, self._opening
        request_slot, request_nth = before.oldest()
        served = serve(before, offer, self._energy_j, self.slot_s)
        compute_s = np.broadcast_to(self.budget.compute_time_s(offer.rho), users)
        delay_s = before.age(self._slot) * self.slot_s + served.air_s + compute_s
        # A deadline that is met to rounding is met.
        delivered = served.done & (delay_s <= self._deadline_s * (1 + 1e-12))
        self._queues = drop(served.queues, served.done.astype(np.int64))
        images, sent = self._deliver(served.queues, delivered)
        shown = [sent.rows.get(user, {}) for user in range(users)]
        nan = np.full(users, math.nan)
        measured = (*_MEASURED, *(OF_LABELS if "label" in self.gets else ()))
        texts = [name for name in OF_SENTENCES if any(name in row for row in shown)]
        columns: dict[str, list[Any]] = {
            "slot": [self._slot] * users,
            "user": list(range(users)),
            "present": self._world.present[0].tolist(),
            "turned_away": [int(self._world.turned_away[0])] * users,
            "image": list(images.name),
            "distance_m": self._distance_m.tolist(),
            **self._large_scale_columns(),
            "gain_db": linear_to_db(self._gain).tolist(),
            **self._snr_columns(allocation),
            "bandwidth_hz": allocation.b_hz.tolist(),
            "power_w": allocation.p_w.tolist(),
            "rho": allocation.rho.tolist(),
            "arrived": self._world.requests[0].tolist(),
            "waiting": before.length.tolist(),
            "delivered": delivered.astype(int).tolist(),
            "expired": (opening.expired + (served.done & ~delivered)).tolist(),
            "overflowed": opening.overflowed.tolist(),
            "abandoned": opening.abandoned.tolist(),
            "queue": self._queues.length.tolist(),
            "age_s": (before.age(self._slot) * self.slot_s).tolist(),
            "request_slot": request_slot.tolist(),
            "request_nth": request_nth.tolist(),
            "rate": rates,
            "rho_sent": np.where(served.air_s > 0, offer.rho, nan).tolist(),
            "sent": served.queues.sent.tolist(),
            "transmit_s": served.air_s.tolist(),
            "compute_s": np.where(delivered, compute_s, nan).tolist(),
            "delay_s": np.where(delivered, delay_s, nan).tolist(),
            "energy_j": served.energy_j.tolist(),
            **{name: [row.get(name, math.nan) for row in shown] for name in measured},
            **{name: [row.get(name) for row in shown] for name in texts},
            "outage": [row.get("outage", False) for row in shown],
            **self._battery_columns(served),
        }
        self._energy_j = np.asarray(served.left_j)
        quality = qualities(columns, self.gets)
        self._last_quality = np.where(delivered, quality, self._last_quality)
        record = SlotRecord(self._slot, columns, images, sent.received, sent.candidates)
        self._slot += 1
        self._draw_slot()
        return record

    def _usable(self, allocation: Allocation) -> Allocation:
        """Return the allocation with nothing for those who are not active."""
        if allocation.mcs is not None:
            raise AllocationError("with 'dynamics' the modem chooses the MCS; leave out 'mcs'")
        values = {"rho": allocation.rho, "b_hz": allocation.b_hz, "p_w": allocation.p_w}
        for name, value in values.items():
            if value.shape != self._distance_m.shape:
                raise AllocationError(
                    f"{name} has shape {value.shape}, the cell has {len(self._distance_m)} users"
                )
            if not (np.isfinite(value) & (value >= 0)).all():
                raise AllocationError(f"{name} must be finite and not negative, got {value}")
        active = self._active()
        rho, b_hz, p_w = (np.where(active, value, 0.0) for value in values.values())
        return Allocation(rho, b_hz, p_w)

    def _offer(self, allocation: Allocation) -> tuple[Offer, list[str]]:
        """Return what the air would do for every user's oldest image, and its rate by name."""
        budget, b_hz, p_w = self.budget, allocation.b_hz, allocation.p_w
        served = (b_hz > 0) & (p_w > 0)
        asked = np.where(self._queues.rho > 0, self._queues.rho, allocation.rho)
        rates = [
            nearest_rate(link.codec.rates(budget.shape), float(rho))
            for link, rho in zip(self._links, asked, strict=True)
        ]
        rho = np.array([rate.rho for rate in rates])
        told = self._reports.told
        if budget.cell.rate == "shannon":
            air_s = budget.transmit_time_s(rho, self._gain, b_hz, p_w)
        else:
            told_db = linear_to_db(budget.snr(told, b_hz, p_w))
            uses = [
                link.channel_uses(rate, snr_db) if sent else math.inf
                for link, rate, snr_db, sent in zip(
                    self._links, rates, told_db.tolist(), served, strict=True
                )
            ]
            air_s = ratio(uses, b_hz, otherwise=math.inf)
        offer = Offer(
            rho=rho,
            air_s=air_s,
            p_w=p_w,
            compute_j=np.broadcast_to(budget.compute_energy_j(rho), rho.shape),
            uses_per_s=b_hz,
            bits_per_s=budget.shannon_bps(self._gain, b_hz, p_w),
            told_bits_per_s=budget.shannon_bps(told, b_hz, p_w),
        )
        names = [rate.name if sent else "" for rate, sent in zip(rates, served, strict=True)]
        return offer, names

    def _deliver(self, queues: Queues, delivered: NDArray[np.bool_]) -> tuple[Source, Sent]:
        """Send the finished images through the users' links.

        The channel that an image met is one at whose SNR the channel uses that it took could have
        carried as many bits as they could at the SNRs that they had.
        """
        users = np.flatnonzero(delivered).tolist()
        slots, numbers = queues.oldest()
        blank = torch.zeros((len(delivered), *self.budget.shape), device=self.device)
        names = [""] * len(delivered)
        label = torch.full((len(delivered),), -1, device=self.device)
        for user in users:
            request = int(slots[user]), int(numbers[user])
            source = self.image(user, *request)
            blank[user] = source.image[0]
            names[user] = source.name[0] if source.name else ""
            if source.label is not None:
                label[user] = source.label[0]
        images = Source(blank, label, name=tuple(names))
        snr_db = _mean_snr_db(queues.bits, queues.uses)
        told_db = _mean_snr_db(queues.told_bits, queues.uses)
        return images, self._send(images, users, queues.rho, snr_db, told_db)

    def image(self, user: int, slot: int, nth: int) -> Source:
        """Return the image of the request number ``nth`` that ``user`` made in ``slot``."""
        key = slot, nth
        if key not in self._drawn:
            if len(self._drawn) >= _KEPT:
                del self._drawn[next(iter(self._drawn))]
            self._drawn[key] = self._draw_images(slot, nth)
        return self._drawn[key].select([user])

    def _snr_columns(self, allocation: Allocation) -> dict[str, list[Any]]:
        budget, b_hz, p_w = self.budget, allocation.b_hz, allocation.p_w
        sent = (b_hz > 0) & (p_w > 0)
        columns = {}
        for name, gain in (("snr_db", self._gain), ("snr_reported_db", self._reports.told)):
            columns[name] = np.where(sent, linear_to_db(budget.snr(gain, b_hz, p_w)), math.nan)
        columns["rate_shannon_bps"] = budget.shannon_bps(self._gain, b_hz, p_w)
        return {name: column.tolist() for name, column in columns.items()}

    def _battery_columns(self, served: Served) -> dict[str, list[Any]]:
        """Return what one battery serves all users with, so every row says the same."""
        if self._dynamics.energy is None:
            return {}
        values = {
            "harvested_j": float(self._world.harvest_j[0]),
            "spilled_j": self._opening.spilled_j,
            "energy_left_j": float(served.left_j),
            "battery_empty": bool(served.empty) or not self._energy_j > 0,
        }
        return {name: [value] * len(self._distance_m) for name, value in values.items()}


def _mean_snr_db(bits: Array, uses: Array) -> Array:
    """Return the SNR in dB at which ``uses`` carry ``bits`` by Shannon's formula; NaN for none."""
    mean: Array = linear_to_db(np.expm1(ratio(bits, uses, otherwise=math.nan) * math.log(2)))
    return mean
