"""Wires the rooms for one scenario and runs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from semsim.allocation.problem import Problem
from semsim.channels.devices import check_device
from semsim.config import PluginConfig
from semsim.engine.budget import Budget
from semsim.engine.downlink import Downlink, SlotRecord
from semsim.engine.topology import draw_distances_m
from semsim.errors import ScenarioError
from semsim.link.link import Link
from semsim.link.metrics import ms_ssim, ms_ssim_window, psnr_db, ssim
from semsim.link.modem import DigitalModem
from semsim.registry import suggest
from semsim.results import Pictures, Results
from semsim.rng import Streams
from semsim.scenario import DownlinkScenario, DrawnUsers, LinkScenario, Scenario, load_scenario
from semsim.types import Allocator, Array, Codec, ImageShape, Rate
from semsim.units import linear_to_db

#: Called with (steps done, steps in all, what is being done).
Report = Callable[[int, int, str], None]


def simulate(
    scenario: Scenario | str | Path,
    *,
    device: str | None = None,
    report: Report = lambda _done, _total, _what: None,
) -> Results:
    """Run a scenario, or the scenario file at a path.

    Args:
        scenario: what to run.
        device: instead of the scenario's own.
        report: told about progress.

    Raises:
        SemsimError: for bad scenarios, missing weights, unknown devices, unreadable images.
    """
    if not isinstance(scenario, DownlinkScenario | LinkScenario):
        scenario = load_scenario(scenario)
    if device is not None:
        scenario = scenario.model_copy(update={"device": device})
    check_device(scenario.device)
    if isinstance(scenario, DownlinkScenario):
        return _Downlink(scenario).run(report)
    return _simulate_link(scenario, report)


class _Codecs:
    """Codecs built once a configuration, so that users with the same one share networks."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._built: dict[str, Codec] = {}

    def get(self, config: PluginConfig) -> Codec:
        key = config.model_dump_json()
        if key not in self._built:
            self._built[key] = config.build(device=self._device)
        return self._built[key]

    def weights(self) -> dict[str, str]:
        return {
            f"{type(codec).__name__.lower()} {name}": sha256
            for codec in self._built.values()
            for name, sha256 in getattr(codec, "weight_hashes", {}).items()
        }


class _Downlink:
    """A downlink scenario with everything built."""

    def __init__(self, scenario: DownlinkScenario) -> None:
        started = time.perf_counter()
        self.scenario = scenario
        self.source = scenario.source.build()
        self.codecs = _Codecs(scenario.device)
        self.user_codecs = [self.codecs.get(c or scenario.codec) for c in _codec_configs(scenario)]
        self.modem = DigitalModem(scenario.modem, device=scenario.device)
        shape = self.source.take(1).shape
        for codec in dict.fromkeys(self.user_codecs):
            _rates(codec, shape, scenario.name)
        self.problem = Problem(Budget(scenario.cell, scenario.compute, shape), scenario.utility)
        self.seconds = {"build": time.perf_counter() - started}

    def engine(self) -> Downlink:
        """A fresh downlink at its first slot."""
        return Downlink(
            users_distance_m=self._distances_m,
            links=self._links,
            source=self.source,
            budget=self.problem.budget,
            seed=self.scenario.seed,
            device=self.scenario.device,
        )

    def _distances_m(self, rng: np.random.Generator) -> Array:
        users = self.scenario.users
        if isinstance(users, DrawnUsers):
            return draw_distances_m(users.count, *users.distance_m, rng)
        return np.array([user.range_m for user in users])

    def _links(self, generator: torch.Generator) -> Sequence[Link]:
        channel = self.scenario.channel.build(device=self.scenario.device, generator=generator)
        links = {
            id(codec): Link(
                codec, channel, self.modem, power_constraint=self.scenario.power_constraint
            )
            for codec in self.user_codecs
        }
        return [links[id(codec)] for codec in self.user_codecs]

    def allocators(self) -> dict[str, Allocator]:
        """The scenario's allocator, then those to compare, by name."""
        streams = Streams(self.scenario.seed)
        built: dict[str, Allocator] = {}
        for config in (self.scenario.allocator, *self.scenario.compare):
            label = getattr(config, "label", None) or config.kind
            name, count = label, 2
            while name in built:
                name, count = f"{label} {count}", count + 1
            rng = streams.child("policy").numpy(name)
            built[name] = config.build(self.problem, rng)
        return built

    def run(self, report: Report) -> Results:
        allocators = self.allocators()
        total = self.scenario.slots * len(allocators)
        frames: list[pd.DataFrame] = []
        pictures: dict[str, Pictures] = {}
        done = 0
        for name, allocator in allocators.items():
            started = time.perf_counter()
            engine = self.engine()
            for _ in range(self.scenario.slots):
                report(done, total, f"{name}: slot {engine.slot + 1}")
                frame, record = self._slot(engine, allocator)
                frame.insert(0, "allocator", name)
                frames.append(frame)
                if record.slot == 0:
                    pictures[name] = _pictures(record, frame)
                done += 1
            self.seconds[name] = time.perf_counter() - started
        report(done, total, "done")
        slots = pd.concat(frames, ignore_index=True)
        return Results(
            name=self.scenario.name,
            task="downlink",
            tables={"slots": slots},
            summary=self._summary(slots, list(allocators)),
            scenario=self.scenario.model_dump(mode="json"),
            pictures=pictures,
            weights=self.codecs.weights(),
            seconds=self.seconds,
        )

    def _slot(self, engine: Downlink, allocator: Allocator) -> tuple[pd.DataFrame, SlotRecord]:
        state = engine.observe()
        allocation = allocator.allocate(state)
        self.problem.check(allocation, state)
        model = self.problem.utility(state.gain, allocation)
        record = engine.step(allocation)
        frame = pd.DataFrame(record.columns)
        sent = replace(allocation, rho=frame["rho_sent"].to_numpy())
        predicted = self.problem.utility(state.gain, sent)
        frame["psnr_predicted_db"] = predicted.quality_db
        frame["utility"] = float(model.total)
        frame["utility_sent"] = float(predicted.total)
        frame["utility_measured"] = self._measured_utility(frame)
        return frame, record

    def _measured_utility(self, frame: pd.DataFrame) -> float:
        """U of eq. (24) with the PSNR that was measured instead of the fitted curve."""
        weights = self.scenario.utility
        pooled = frame["psnr_db"].sum() if weights.quality == "sum" else frame["psnr_db"].mean()
        return float(
            weights.lambda_quality * pooled
            - weights.lambda_delay * frame["delay_s"].max()
            - weights.lambda_energy * frame["energy_j"].sum()
        )

    def _summary(self, slots: pd.DataFrame, names: list[str]) -> dict[str, Any]:
        rows = {}
        for name in names:
            part = slots[slots["allocator"] == name]
            by_slot = part.groupby("slot")
            rows[name] = {
                "utility": float(by_slot["utility"].first().mean()),
                "utility_sent": float(by_slot["utility_sent"].first().mean()),
                "utility_measured": float(by_slot["utility_measured"].first().mean()),
                "psnr_db": float(part["psnr_db"].mean()),
                "psnr_predicted_db": float(part["psnr_predicted_db"].mean()),
                "ssim": float(part["ssim"].mean()),
                "slowest_s": float(by_slot["delay_s"].max().mean()),
                "energy_j": float(by_slot["energy_j"].sum().mean()),
                "power_w": float(by_slot["power_w"].sum().mean()),
            }
        return {
            "name": self.scenario.name,
            "users": int(slots["user"].nunique()),
            "slots": self.scenario.slots,
            "power_constrained": self.scenario.power_constraint == "unit",
            "allocators": rows,
        }


def _rates(codec: Codec, shape: ImageShape, scenario: str) -> Sequence[Rate]:
    """Return what a codec offers for the scenario's images, or say why it cannot take them."""
    try:
        return codec.rates(shape)
    except ValueError as error:
        raise ScenarioError(
            f"{scenario}: the codec cannot take images of {shape[1]}×{shape[2]}: {error}; "
            "change source.size"
        ) from error


def _named(offered: Sequence[Rate], name: str, scenario: str) -> Rate:
    for rate in offered:
        if rate.name == name:
            return rate
    known = [rate.name for rate in offered]
    raise ScenarioError(
        f"{scenario}: rates: the codec offers no rate {name!r}{suggest(name, known)} "
        f"(offered: {', '.join(known)})"
    )


def _codec_configs(scenario: DownlinkScenario) -> list[PluginConfig | None]:
    if isinstance(scenario.users, DrawnUsers):
        return [None] * scenario.users.count
    return [user.codec for user in scenario.users]


def _pictures(record: SlotRecord, frame: pd.DataFrame) -> Pictures:
    captions = tuple(
        f"user {row.user}: {row.psnr_db:.1f} dB at ρ = {row.rho_sent:.4f}"
        for row in frame.itertuples()
    )
    return Pictures(record.source.image.cpu(), record.received.cpu(), captions)


def _simulate_link(scenario: LinkScenario, report: Report) -> Results:
    """One codec over a range of SNRs; the same images at every SNR."""
    started = time.perf_counter()
    streams = Streams(scenario.seed)
    source = scenario.source.build().take(scenario.images).to(scenario.device)
    codecs = _Codecs(scenario.device)
    codec = codecs.get(scenario.codec)
    generator = streams.torch("noise", scenario.device)
    channel = scenario.channel.build(device=scenario.device, generator=generator)
    modem = DigitalModem(scenario.modem, device=scenario.device)
    link = Link(codec, channel, modem, power_constraint=scenario.power_constraint)
    offered = _rates(codec, source.shape, scenario.name)
    rates = [_named(offered, name, scenario.name) for name in scenario.rates] or offered
    seconds = {"build": time.perf_counter() - started}
    started = time.perf_counter()
    points = [(rate, snr) for rate in rates for snr in scenario.snrs_db()]
    frames, pictures = [], {}
    for done, (rate, snr) in enumerate(points):
        report(done, len(points), f"rate {rate.name} at {snr:g} dB")
        delivery = link.transmit(source, snr, rate)
        image = delivery.output.image
        if image is None:
            raise TypeError("a link scenario sends images; this codec returns none")
        audit = delivery.audit
        columns = {
            "psnr_db": psnr_db(source.image, image),
            "ssim": ssim(source.image, image),
            "ms_ssim": ms_ssim(source.image, image),
            "snr_measured_db": linear_to_db(audit.snr_measured),
            "transmit_power": audit.power,
            "channel_uses": audit.channel_uses.long(),
            "cbr": audit.cbr,
            "block_error_rate": audit.block_error_rate,
        }
        fixed = {"rate": rate.name, "rho": rate.rho, "snr_db": snr, "image": source.name}
        frames.append(pd.DataFrame(fixed | {k: v.tolist() for k, v in columns.items()}))
        if snr in (min(scenario.snrs_db()), max(scenario.snrs_db())):
            title = f"rate {rate.name} at {snr:g} dB"
            captions = tuple(f"{value:.1f} dB" for value in columns["psnr_db"].tolist())
            pictures[title] = Pictures(source.image.cpu(), image.cpu(), captions)
    report(len(points), len(points), "done")
    seconds["transmit"] = time.perf_counter() - started
    sweep = pd.concat(frames, ignore_index=True)
    means = sweep.groupby(["rate", "snr_db"], sort=False)[
        ["psnr_db", "ssim", "ms_ssim", "cbr", "block_error_rate"]
    ].mean()
    return Results(
        name=scenario.name,
        task="link",
        tables={"sweep": sweep},
        summary={
            "name": scenario.name,
            "images": len(source),
            "ms_ssim_window": ms_ssim_window(min(source.shape[1:])),
            "power_constrained": scenario.power_constraint == "unit",
            "points": means.reset_index().to_dict(orient="records"),
        },
        scenario=scenario.model_dump(mode="json"),
        pictures=pictures,
        weights=codecs.weights(),
        seconds=seconds,
    )
