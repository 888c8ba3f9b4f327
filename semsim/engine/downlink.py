"""The multi-user downlink: ``reset``, ``observe``, ``step``. It knows no allocator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from semsim.engine.budget import Budget
from semsim.engine.topology import path_gain, rician_gain
from semsim.errors import AllocationError
from semsim.link.link import Link
from semsim.link.metrics import psnr_db, ssim
from semsim.rng import Streams
from semsim.types import Allocation, Array, Delivery, DownlinkState, Rate, Source
from semsim.units import linear_to_db

#: A solver's ρ may fall short of an offered rate by this share and still mean it.
RATE_TOLERANCE = 1e-3


class ImageSource(Protocol):
    """Where the users' images come from."""

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw ``count`` images."""
        ...


@dataclass(frozen=True)
class SlotRecord:
    """What one slot delivered.

    Attributes:
        slot: its number, from 0.
        columns: by name one value a user, ready to be a table (units in the names).
        source: what was sent, ``[N, 3, H, W]``.
        received: what arrived, ``[N, 3, H, W]``.
    """

    slot: int
    columns: dict[str, list[Any]]
    source: Source
    received: torch.Tensor


class Downlink:
    """One sender and N receivers; every slot each receiver is sent one image.

    The gains of a slot follow FTSC eq. (23), drawn anew every slot; the images are drawn from
    ``source``. All draws depend on the seed and the slot alone, never on the allocation, so that
    different allocators face the same slots.

    Args:
        users_distance_m: distances for a given stream of random numbers, ``[N]``.
        links: given a generator for the channel's noise, one link a user; users whose link is
            the same object are sent as one batch.
        source: where images come from.
        budget: time and energy.
        seed: of everything random.
        device: of images and codecs.
    """

    def __init__(
        self,
        users_distance_m: Callable[[np.random.Generator], Array],
        links: Callable[[torch.Generator], Sequence[Link]],
        source: ImageSource,
        budget: Budget,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.budget = budget
        self.device = device
        self._draw_distances_m = users_distance_m
        self._make_links = links
        self._source = source
        self.reset(seed)

    def reset(self, seed: int) -> DownlinkState:
        """Start over with ``seed`` and return the first slot's state."""
        self._streams = Streams(seed)
        self._distance_m = self._draw_distances_m(self._streams.numpy("topology"))
        self._links = self._make_links(self._streams.torch("noise", self.device))
        if len(self._links) != len(self._distance_m):
            raise ValueError(f"{len(self._links)} links for {len(self._distance_m)} users")
        self._slot = 0
        self._draw_slot()
        return self.observe()

    def _draw_slot(self) -> None:
        streams = self._streams.child("slot", self._slot)
        users = len(self._distance_m)
        cell = self.budget.cell
        fading = rician_gain((users,), cell.rician_k, streams.numpy("fading"))
        self._gain = path_gain(self._distance_m, cell) * fading
        self._images = self._source.sample(users, streams.numpy("traffic")).to(self.device)

    @property
    def slot(self) -> int:
        """Number of the current slot, from 0."""
        return self._slot

    def observe(self) -> DownlinkState:
        """Return what an allocator may see of the current slot, ``[N]`` each."""
        return DownlinkState(gain=self._gain.copy(), distance_m=self._distance_m.copy())

    def step(self, allocation: Allocation) -> SlotRecord:
        """Send every user its image under ``allocation`` (``[N]`` each) and go to the next slot.

        Raises:
            AllocationError: if the allocation is for another number of users.
        """
        users = len(self._distance_m)
        if allocation.rho.shape != (users,):
            raise AllocationError(
                f"the allocation is for {allocation.rho.shape}, the cell has {users} users"
            )
        snr = self.budget.snr(self._gain, allocation.b_hz, allocation.p_w)
        columns: dict[str, list[Any]] = {
            "slot": [self._slot] * users,
            "user": list(range(users)),
            "image": list(self._images.name or ("",) * users),
            "distance_m": self._distance_m.tolist(),
            "gain_db": linear_to_db(self._gain).tolist(),
            "snr_db": linear_to_db(snr).tolist(),
            "bandwidth_hz": allocation.b_hz.tolist(),
            "power_w": allocation.p_w.tolist(),
            "rho": allocation.rho.tolist(),
        }
        received = torch.zeros_like(self._images.image)
        rows: list[dict[str, Any]] = [{} for _ in range(users)]
        for link, rate, members in self._batches(allocation.rho):
            source = self._images.select(members)
            delivery = link.transmit(source, torch.from_numpy(linear_to_db(snr[members])), rate)
            image = _image_of(delivery)
            received[members] = image
            for row, values in zip(members, _measure(source, image, delivery), strict=True):
                rows[row] = values
        for name in rows[0]:
            columns[name] = [row[name] for row in rows]
        self._charge(columns, allocation)
        record = SlotRecord(self._slot, columns, self._images, received)
        self._slot += 1
        self._draw_slot()
        return record

    def _batches(self, rho: Array) -> list[tuple[Link, Rate, list[int]]]:
        """Group the users that share a link and a rate, so that each group is one batch."""
        groups: dict[tuple[int, str], tuple[Link, Rate, list[int]]] = {}
        for user, link in enumerate(self._links):
            rate = nearest_rate(link.codec.rates(self._images.shape), float(rho[user]))
            _, _, members = groups.setdefault((id(link), rate.name), (link, rate, []))
            members.append(user)
        return list(groups.values())

    def _charge(self, columns: dict[str, list[Any]], allocation: Allocation) -> None:
        """Add time and energy at the rate that was really used (eq. 16-21)."""
        rho = np.asarray(columns["rho_sent"])
        b_hz, p_w = allocation.b_hz, allocation.p_w
        budget = self.budget
        columns["transmit_s"] = budget.transmit_time_s(rho, self._gain, b_hz, p_w).tolist()
        columns["compute_s"] = budget.compute_time_s(rho).tolist()
        columns["delay_s"] = budget.delay_s(rho, self._gain, b_hz, p_w).tolist()
        transmit_j = budget.transmit_energy_j(rho, self._gain, b_hz, p_w)
        columns["energy_j"] = (transmit_j + budget.compute_energy_j(rho)).tolist()
        # Eq. (16) charges the air at Shannon's rate; the modem really used these channel uses.
        columns["modem_air_s"] = (np.asarray(columns["channel_uses"]) / b_hz).tolist()


def nearest_rate(offered: Sequence[Rate], rho: float) -> Rate:
    """Return the highest rate not above ``rho`` (within 0.1 %), or the lowest if all are above."""
    fitting = [rate for rate in offered if rate.rho <= rho * (1 + RATE_TOLERANCE)]
    return fitting[-1] if fitting else offered[0]


def _image_of(delivery: Delivery) -> torch.Tensor:
    if delivery.output.image is None:
        raise TypeError("the downlink sends images; this codec returns none")
    return delivery.output.image


def _measure(source: Source, received: torch.Tensor, delivery: Delivery) -> list[dict[str, Any]]:
    """One row a transmission: quality and audit."""
    audit, rate = delivery.audit, delivery.rate
    outage = delivery.output.outage
    columns = {
        "psnr_db": psnr_db(source.image, received),
        "ssim": ssim(source.image, received),
        "outage": torch.zeros(len(source), dtype=torch.bool) if outage is None else outage,
        "snr_measured_db": linear_to_db(audit.snr_measured),
        "transmit_power": audit.power,
        "channel_uses": audit.channel_uses.long(),
        "cbr": audit.cbr,
        "block_error_rate": audit.block_error_rate,
    }
    values = {name: column.tolist() for name, column in columns.items()}
    fixed = {"rate": rate.name, "rho_sent": rate.rho}
    return [
        fixed | {name: column[i] for name, column in values.items()} for i in range(len(source))
    ]
