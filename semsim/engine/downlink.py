"""The multi-user downlink: ``reset``, ``observe``, ``step``. It knows no allocator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from semsim.adaptation.adaptive import AdaptiveFtsc
from semsim.engine.budget import Budget, ratio
from semsim.engine.config import AdaptConfig, FeedbackConfig
from semsim.engine.fading import rician_gain, scatter, turn_rad_per_slot
from semsim.engine.feedback import Reports
from semsim.engine.judging import is_image, measure
from semsim.engine.propagation import draw_large_scale
from semsim.engine.topology import Places
from semsim.engine.traffic import UserSources
from semsim.engine.tuning import TuningCost, tune
from semsim.errors import AllocationError
from semsim.link.link import Link
from semsim.link.metrics import psnr_db
from semsim.rng import Streams
from semsim.types import (
    Allocation,
    Array,
    DownlinkState,
    ImageShape,
    Rate,
    Source,
    delivers,
)
from semsim.units import linear_to_db

#: A solver's ρ may fall short of an offered rate by this share and still mean it.
RATE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class SlotRecord:
    """What one slot delivered.

    Attributes:
        slot: its number, from 0.
        columns: by name one value a user, ready to be a table (units in the names).
        source: what was sent, ``[N, 3, H, W]``.
        received: the images that arrived, ``[N, 3, H, W]``; zeros for users of labels.
        candidates: by user who chose among several images, ``[k, 3, H, W]``, the best first.
    """

    slot: int
    columns: dict[str, list[Any]]
    source: Source
    received: torch.Tensor
    candidates: dict[int, torch.Tensor]


@dataclass(frozen=True)
class Sent:
    """What became of the images of some users.

    Attributes:
        received: the images that arrived, ``[N, 3, H, W]``; zeros for users of labels and for those
            who were sent nothing.
        rows: by user, quality and audit.
        candidates: by user who chose among several images, ``[k, 3, H, W]``, the best first.
    """

    received: torch.Tensor
    rows: dict[int, dict[str, Any]]
    candidates: dict[int, torch.Tensor]


class Downlink:
    """One sender and N receivers; every slot each receiver is sent one image, or its label.

    What a user gets is for its codec to say (:func:`semsim.types.delivers`): the image, judged by
    PSNR and SSIM, or the label, judged by top-1 accuracy against that of the source. The sender
    sees the image alone; the true label never travels.

    A user's gain is the large-scale gain of a drop (path loss, shadowing; drawn at ``reset``)
    times the fading of the slot, as in FTSC eq. (23); users without line of sight have Rayleigh
    fading. The images are drawn from ``source``. All draws depend on the seed and the slot alone,
    never on the allocation, so that different allocators face the same slots.

    Every slot each user reports its gain, with an error, and the sender uses the report that is
    ``feedback.delay_slots`` old; in the first slots, the oldest that there is (slot 0's). It is
    all that allocator, codec and modem know: an allocator observes the reported gains, and codec
    and modem are told the SNR that follows from them and the allocation. What is sent meets the
    true gain.

    Attributes:
        gets: what every user gets.

    Args:
        users: places for a given stream of random numbers.
        links: given a generator for the channel's noise, one link a user; users whose link is
            the same object are sent as one batch.
        source: where the users' images come from.
        budget: time and energy.
        feedback: how well the sender knows the gains.
        adapt: how users whose codec is an
            :class:`~semsim.adaptation.adaptive.AdaptiveFtsc` tune it between slots.
        seed: of everything random.
        device: of images and codecs.
    """

    def __init__(
        self,
        users: Callable[[np.random.Generator], Places],
        links: Callable[[torch.Generator], Sequence[Link]],
        source: UserSources,
        budget: Budget,
        feedback: FeedbackConfig | None = None,
        adapt: AdaptConfig | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.budget = budget
        self.device = device
        self._feedback = feedback or FeedbackConfig()
        self._draw_places = users
        self._make_links = links
        self._source = source
        self._adapt = adapt
        self.reset(seed)

    def reset(self, seed: int) -> DownlinkState:
        """Start over with ``seed`` and return the first slot's state.

        Raises:
            ScenarioError: if a user stands where the cell's propagation model does not hold.
        """
        self._streams = Streams(seed)
        places = self._draw_places(self._streams.numpy("topology"))
        self._distance_m, self._bearing_rad = places.distance_m, places.bearing_rad
        self._links = self._make_links(self._streams.torch("noise", self.device))
        if len(self._links) != len(self._distance_m):
            raise ValueError(f"{len(self._links)} links for {len(self._distance_m)} users")
        self.gets = tuple(delivers(link.codec) for link in self._links)
        self._settle(places)
        self._reports = Reports(self._feedback, self._streams)
        self._slot = 0
        self._draw_slot()
        return self.observe()

    def _settle(self, places: Places) -> None:
        """Draw what lasts for the drop."""
        cell = self.budget.cell
        self._large_scale = draw_large_scale(cell, places, self._streams)
        self._rician_k = np.where(self._large_scale.line_of_sight, cell.fading.rician_k, 0.0)
        self._scatter = scatter(cell, places.distance_m.shape, self._streams)

    def _draw_slot(self) -> None:
        if self._slot > 0:
            self._scatter.advance(turn_rad_per_slot(self.budget.cell))
        fading = rician_gain(self._scatter.parts, self._rician_k)
        self._gain = self._large_scale.gain * fading
        self._reports.add(self._gain)
        self._images = self._draw_images(self._slot)

    def _draw_images(self, slot: int, nth: int = 0) -> Source:
        """Draw an image a user: the first that each asks for in ``slot``, or a later one."""
        streams = self._streams.child("slot", slot)
        rng = (streams.child("request", nth) if nth else streams).numpy("traffic")
        return self._source.sample(len(self._distance_m), rng).to(self.device)

    @property
    def slot(self) -> int:
        """Number of the current slot, from 0."""
        return self._slot

    @property
    def places(self) -> Places:
        """Where users stand in the current slot."""
        return Places(self._distance_m.copy(), self._bearing_rad.copy())

    def answer(self, row: Mapping[str, Any]) -> str | None:
        """Return in words the label that a user got, of its row; ``None`` if it was an image."""
        if is_image(row):
            return None
        return self._source.class_name(row["user"], int(row["predicted"]))

    def observe(self) -> DownlinkState:
        """Return what an allocator may see of the current slot, ``[N]`` each: reported gains."""
        return DownlinkState(gain=self._reports.told.copy(), distance_m=self._distance_m.copy())

    @torch.no_grad()
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
        b_hz, p_w = allocation.b_hz, allocation.p_w
        snr_db = linear_to_db(self.budget.snr(self._gain, b_hz, p_w))
        reported_db = linear_to_db(self.budget.snr(self._reports.told, b_hz, p_w))
        columns: dict[str, list[Any]] = {
            "slot": [self._slot] * users,
            "user": list(range(users)),
            "image": list(self._images.name or ("",) * users),
            "distance_m": self._distance_m.tolist(),
            **self._large_scale_columns(),
            "gain_db": linear_to_db(self._gain).tolist(),
            "snr_db": snr_db.tolist(),
            "snr_reported_db": reported_db.tolist(),
            "bandwidth_hz": b_hz.tolist(),
            "power_w": p_w.tolist(),
            "rho": allocation.rho.tolist(),
        }
        if allocation.mcs is not None:
            columns["mcs"] = allocation.mcs.tolist()
        everybody = list(range(users))
        sent = self._send(
            self._images, everybody, allocation.rho, snr_db, reported_db, allocation.mcs
        )
        for name in dict.fromkeys(name for user in everybody for name in sent.rows[user]):
            columns[name] = [sent.rows[user].get(name) for user in everybody]
        self._charge(columns, allocation)
        if self._adapt is not None:
            self._tune(self._adapt, columns, allocation)
        record = SlotRecord(self._slot, columns, self._images, sent.received, sent.candidates)
        self._slot += 1
        self._draw_slot()
        return record

    def _send(
        self,
        images: Source,
        users: Sequence[int],
        rho: Array,
        snr_db: Array,
        reported_db: Array,
        mcs: NDArray[np.int64] | None = None,
    ) -> Sent:
        """Send some ``users`` their images; all arguments but these are of all users, ``[N]``."""
        received = torch.zeros_like(images.image)
        rows: dict[int, dict[str, Any]] = {}
        candidates: dict[int, torch.Tensor] = {}
        for (link, rate, scheme), members in self._batches(images.shape, users, rho, mcs):
            source = images.select(members)
            delivery = link.transmit(
                source,
                torch.from_numpy(snr_db[members]),
                rate,
                reported_db=torch.from_numpy(reported_db[members]),
                mcs=scheme,
            )
            received[members], measured = measure(
                source, delivery, delivers(link.codec), labels="label" in self.gets
            )
            rows |= zip(members, measured, strict=True)
            if delivery.output.candidates is not None:
                candidates |= zip(members, delivery.output.candidates, strict=True)
        return Sent(received, rows, candidates)

    def _batches(
        self,
        shape: ImageShape,
        users: Sequence[int],
        rho: Array,
        mcs: NDArray[np.int64] | None,
    ) -> list[tuple[tuple[Link, Rate, int | None], list[int]]]:
        """Group the users that share a link, a rate and an MCS: each group is one batch."""
        groups: dict[
            tuple[int, str, int | None], tuple[tuple[Link, Rate, int | None], list[int]]
        ] = {}
        for user in users:
            link = self._links[user]
            rate = nearest_rate(link.codec.rates(shape), float(rho[user]))
            scheme = None if mcs is None else int(mcs[user])
            key = id(link), rate.name, scheme
            _, members = groups.setdefault(key, ((link, rate, scheme), []))
            members.append(user)
        return list(groups.values())

    def _large_scale_columns(self) -> dict[str, list[Any]]:
        drawn = self._large_scale
        columns: dict[str, list[Any]] = {"path_loss_db": drawn.path_loss_db.tolist()}
        if self.budget.cell.propagation.model != "log_distance":
            columns["shadowing_db"] = drawn.shadowing_db.tolist()
            columns["line_of_sight"] = drawn.line_of_sight.tolist()
            columns["indoor"] = drawn.indoor.tolist()
        return columns

    def _charge(self, columns: dict[str, list[Any]], allocation: Allocation) -> None:
        """Add rates, time and energy of what was really sent (eq. 16-22)."""
        rho, on_air = np.asarray(columns["rho_sent"]), np.asarray(columns["rho_air"])
        b_hz, p_w = allocation.b_hz, allocation.p_w
        budget = self.budget
        # Shannon's rate is what the gain allows; the modem really took these channel uses.
        modem_air_s = ratio(columns["channel_uses"], b_hz, otherwise=math.inf)
        shannon = budget.cell.rate == "shannon"
        transmit_s = (
            budget.transmit_time_s(on_air, self._gain, b_hz, p_w) if shannon else modem_air_s
        )
        compute_s = budget.compute_time_s(rho)
        energy_j = budget.air_energy_j(transmit_s, p_w) + budget.compute_energy_j(rho)
        achieved_bps = ratio(columns["bits_arrived"], modem_air_s, otherwise=0.0)
        columns["rate_shannon_bps"] = budget.shannon_bps(self._gain, b_hz, p_w).tolist()
        columns["rate_achieved_bps"] = achieved_bps.tolist()
        columns["transmit_s"] = transmit_s.tolist()
        columns["compute_s"] = compute_s.tolist()
        columns["delay_s"] = (transmit_s + compute_s).tolist()
        columns["energy_j"] = energy_j.tolist()
        columns["modem_air_s"] = modem_air_s.tolist()

    def _tune(
        self, adapt: AdaptConfig, columns: dict[str, list[Any]], allocation: Allocation
    ) -> None:
        """Let receivers tune their decoders for the next slots, and charge it to this one."""
        rng = self._streams.child("slot", self._slot).numpy("originals")
        costs: list[TuningCost] = []
        untuned = list(columns["psnr_db"])
        with torch.enable_grad():
            for user, link in enumerate(self._links):
                offered = link.codec.rates(self._images.shape)
                rate = next(r for r in offered if r.name == columns["rate"][user])
                snr_db = columns["snr_db"][user]
                own = self._source.of(user)
                if isinstance(link.codec, AdaptiveFtsc):
                    image = self._images.image[user : user + 1]
                    untuned[user] = float(psnr_db(image, link.codec.deployed(image, rate.name)))
                costs.append(tune(link, rate, snr_db, self._slot, adapt, own, rng, self.device))
        uses = np.array([cost.channel_uses for cost in costs])
        air_s = ratio(uses, allocation.b_hz, otherwise=math.inf)
        air_s[uses == 0] = 0.0
        compute_s = np.array([cost.flops for cost in costs]) / adapt.flops_per_s
        energy_j = self.budget.air_energy_j(air_s, allocation.p_w) + adapt.power_w * compute_s
        columns["psnr_deployed_db"] = untuned
        columns["tuning_images"] = [
            math.nan if cost.images is None else float(cost.images) for cost in costs
        ]
        columns["tuning_steps"] = [cost.steps for cost in costs]
        columns["tuning_air_s"] = air_s.tolist()
        columns["tuning_compute_s"] = compute_s.tolist()
        columns["tuning_energy_j"] = energy_j.tolist()
        columns["delay_s"] = (np.array(columns["delay_s"]) + air_s).tolist()
        columns["energy_j"] = (np.array(columns["energy_j"]) + energy_j).tolist()


def nearest_rate(offered: Sequence[Rate], rho: float) -> Rate:
    """Return the highest rate not above ``rho`` (within 0.1 %), or the lowest if all are above."""
    fitting = [rate for rate in offered if rate.rho <= rho * (1 + RATE_TOLERANCE)]
    return fitting[-1] if fitting else offered[0]
