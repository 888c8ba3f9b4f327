"""Wires the rooms for one scenario and runs it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from semsim.adaptation.adaptive import AdaptiveFtsc
from semsim.adapting import run_adaptation
from semsim.allocation.active import allocator_of, check_active, of_users
from semsim.allocation.certificate import certificate
from semsim.allocation.curves import CodecInUse, quality_curve
from semsim.allocation.delivered import delivered_utility
from semsim.allocation.problem import Problem, pooled
from semsim.assembly import (
    Codecs,
    fading_law,
    modem_levels,
    offered_rates,
    power_rule,
    semantic_noise,
)
from semsim.channels.devices import check_device
from semsim.codecs.ftsc.codec import Ftsc
from semsim.config import PluginConfig
from semsim.engine.budget import Budget
from semsim.engine.computing import FtscOperations, counted
from semsim.engine.downlink import Downlink, SlotRecord
from semsim.engine.dynamics.downlink import DynamicDownlink
from semsim.engine.dynamics.figures import figures_of
from semsim.engine.dynamics.pictures import FirstRequests
from semsim.engine.judging import NO_LABELS, qualities, sentences, told
from semsim.engine.topology import Places, draw_bearings_rad, draw_places
from semsim.engine.traffic import UserSources
from semsim.errors import ScenarioError
from semsim.link.link import Link, LinkOptions
from semsim.link.modem import DigitalModem
from semsim.results import Pictures, Results
from semsim.rng import Streams
from semsim.scenario import AdaptScenario, DownlinkScenario, DrawnUsers, Scenario, load_scenario
from semsim.statistics import share_interval
from semsim.sweep.run import sweep
from semsim.types import (
    Allocation,
    Allocator,
    Array,
    DownlinkState,
    ImageShape,
    Report,
    delivers,
)


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
    if isinstance(scenario, str | Path):
        scenario = load_scenario(scenario)
    if device is not None:
        scenario = scenario.model_copy(update={"device": device})
    check_device(scenario.device)
    if isinstance(scenario, DownlinkScenario):
        with closing(DownlinkRun(scenario)) as run:
            return run.run(report)
    if isinstance(scenario, AdaptScenario):
        return run_adaptation(scenario, report)
    return sweep(scenario, report=report)


class DownlinkRun:
    """A downlink scenario with everything built."""

    def __init__(self, scenario: DownlinkScenario) -> None:
        started = time.perf_counter()
        self.scenario = scenario
        built = {config: config.build() for config in dict.fromkeys(scenario.user_sources())}
        self.sources = UserSources([built[config] for config in scenario.user_sources()])
        self.codecs = Codecs(scenario.device)
        configs = scenario.user_codecs()
        self.user_codecs = [self.codecs.get(config) for config in configs]
        self.gets = tuple(delivers(codec) for codec in self.user_codecs)
        self.fading = None
        if scenario.modem.mcs == "adaptive":
            self.fading = fading_law(scenario.channel, Streams(scenario.seed), scenario.device)
        shape = _common_shape(scenario, built)
        rates = {
            codec: offered_rates(codec, shape, scenario.name)
            for codec in dict.fromkeys(self.user_codecs)
        }
        users = [
            CodecInUse(config, source, getattr(codec, "weight_hashes", {}), delivers(codec))
            for config, source, codec in zip(
                configs, scenario.user_sources(), self.user_codecs, strict=True
            )
        ]
        self._check_labels()
        curve = quality_curve(scenario.utility.quality_curve, users, shape)
        ftsc = FtscOperations(shape, scenario.compute).computing
        takes = (
            ftsc if isinstance(codec, Ftsc) else counted(rates[codec]) for codec in self.user_codecs
        )
        levels = modem_levels(scenario, rates.values())
        budget = Budget(scenario.cell, scenario.compute, shape, tuple(takes), levels)
        of_users = tuple(tuple(r.rho for r in rates[codec]) for codec in self.user_codecs)
        self.problem = Problem(budget, scenario.utility, curve, of_users)
        self.seconds = {"build": time.perf_counter() - started}

    def _check_labels(self) -> None:
        for user, kind in enumerate(self.gets):
            source = self.sources.of(user)
            if kind == "label" and source.sample(1, np.random.default_rng(0)).label is None:
                raise ScenarioError(
                    f"{self.scenario.name}: user {user} gets labels by codec "
                    f"'{self.scenario.user_codecs()[user].kind}', but look at its source: "
                    f"{NO_LABELS}"
                )
        if self.scenario.utility.quality == "min" and len(set(self.gets)) > 1:
            raise ScenarioError(
                f"{self.scenario.name}: utility.quality: 'min' looks for the worst user, but some "
                "get images and others labels, and PSNR does not compare with accuracy; set it to "
                "sum or mean, with a 'weight' for each user"
            )

    def engine(self) -> Downlink:
        """A fresh downlink at its first slot."""
        scenario = self.scenario
        if scenario.dynamics is not None and scenario.slot_s is not None:
            return DynamicDownlink(
                scenario.dynamics,
                scenario.slot_s,
                users=self.places,
                links=self._links,
                source=self.sources,
                budget=self.problem.budget,
                feedback=scenario.feedback,
                seed=scenario.seed,
                device=scenario.device,
            )
        return Downlink(
            users=self.places,
            links=self._links,
            source=self.sources,
            budget=self.problem.budget,
            feedback=scenario.feedback,
            adapt=scenario.adapt,
            seed=scenario.seed,
            device=scenario.device,
        )

    def places(self, rng: np.random.Generator) -> Places:
        """Where the users stand; drawn, where the scenario does not say."""
        return draw_users(self.scenario, rng)

    def _links(self, generator: torch.Generator) -> Sequence[Link]:
        scenario, device = self.scenario, self.scenario.device
        channel = scenario.channel.build(device=device, generator=generator)
        modem = DigitalModem(scenario.modem, device, generator)
        options: LinkOptions = {
            "power": power_rule(scenario),
            "fading": self.fading,
            "semantic_noise": semantic_noise(scenario, generator),
        }
        links = {id(codec): Link(codec, channel, modem, **options) for codec in self.user_codecs}
        users = [links[id(codec)] for codec in self.user_codecs]
        for user in scenario.tuning_users():
            codec = self.user_codecs[user]
            if scenario.adapt is None or not isinstance(codec, Ftsc):
                raise TypeError(f"user {user} has no decoder to tune")
            own = AdaptiveFtsc(codec, scenario.adapt, scenario.adapt.remembered)
            users[user] = Link(own, channel, modem, **options)
        return users

    def allocators(self) -> dict[str, Allocator]:
        """The scenario's allocator, then those to compare, by name."""
        streams = Streams(self.scenario.seed)
        dynamic = self.scenario.dynamics is not None
        made: dict[str, Allocator] = {}
        for name, config in self.methods().items():
            rng = streams.child("policy").numpy(name)
            made[name] = allocator_of(config, self.problem, rng, dynamic=dynamic)
        return made

    def methods(self) -> dict[str, PluginConfig]:
        """The configurations of the allocators, by the names that they have in tables."""
        named: dict[str, PluginConfig] = {}
        for config in (self.scenario.allocator, *self.scenario.compare):
            label = getattr(config, "label", None) or config.kind
            name, count = label, 2
            while name in named:
                name, count = f"{label} {count}", count + 1
            named[name] = config
        return named

    def close(self) -> None:
        """Give back the memory of codecs; nothing can be sent any more."""
        self.codecs.close()

    def run(self, report: Report) -> Results:
        """Send all slots under all allocators."""
        allocators = self.allocators()
        total = self.scenario.slots * len(allocators)
        frames: list[pd.DataFrame] = []
        pictures: dict[str, Pictures] = {}
        done = 0
        for name, allocator in allocators.items():
            started = time.perf_counter()
            engine = self.engine()
            firsts = FirstRequests(engine) if isinstance(engine, DynamicDownlink) else None
            for _ in range(self.scenario.slots):
                report(done, total, f"{name}: slot {engine.slot + 1}")
                frame, record = self._slot(engine, allocator)
                frame.insert(0, "allocator", name)
                frames.append(frame)
                if firsts is not None:
                    firsts.look(record)
                elif record.slot == 0:
                    pictures[name] = _pictures(record, frame, engine)
                done += 1
            if firsts is not None:
                pictures[name] = firsts.pictures()
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
        if state.active is not None:
            return self._dynamic_slot(engine, state, allocation)
        self.problem.check(allocation, state)
        proof = certificate(self.problem.terms(state.gain), allocation)
        record = engine.step(allocation)
        frame = pd.DataFrame(record.columns)
        sent = replace(allocation, rho=frame["rho_sent"].to_numpy())
        predicted: Array = self.problem.utility(state.gain, sent).qualities
        frame["utility"] = float(proof.utility)
        frame["utility_bound"] = float(proof.upper_bound)
        frame["utility_sent"] = self._charged_utility(frame, predicted)
        frame["utility_measured"] = self._charged_utility(frame, qualities(frame, self.gets))
        return frame.assign(**self._predicted(predicted)), record

    def _predicted(self, quality: Array) -> dict[str, Array]:
        """Return what the curves promise, ``[N]``, apart for images and labels."""
        image = np.array([kind == "image" for kind in self.gets])
        found = {"psnr_predicted_db": np.where(image, quality, np.nan)}
        if not image.all():
            found["accuracy_predicted"] = np.where(image, np.nan, quality)
        return found

    def _dynamic_slot(
        self, engine: Downlink, state: DownlinkState, allocation: Allocation
    ) -> tuple[pd.DataFrame, SlotRecord]:
        """Serve a slot in which only some users are active, and take what was delivered."""
        check_active(self.problem, allocation, state)
        active = state.active
        utility = bound = 0.0
        if active is not None and active.any():
            plan = Allocation(
                allocation.rho[active], allocation.b_hz[active], allocation.p_w[active]
            )
            problem = of_users(self.problem, active)
            proof = certificate(problem.terms(state.gain[active]), plan)
            utility, bound = float(proof.utility), float(proof.upper_bound)
        record = engine.step(allocation)
        frame = pd.DataFrame(record.columns)
        delivered = frame["delivered"].to_numpy() > 0
        promised = self.problem.curve.quality(frame["rho_sent"].to_numpy())
        predicted = np.where(delivered, promised, np.nan)
        frame["utility"], frame["utility_bound"] = utility, bound
        delay_s, energy_j = frame["delay_s"].to_numpy(), frame["energy_j"].to_numpy()
        measured = qualities(frame, self.gets)
        for name, quality in (("sent", predicted), ("measured", measured)):
            frame[f"utility_{name}"] = float(
                delivered_utility(self.scenario.utility, delivered, quality, delay_s, energy_j)
            )
        return frame.assign(**self._predicted(predicted)), record

    def _charged_utility(self, frame: pd.DataFrame, quality: Array) -> float:
        """U of eq. (24) with the time and energy that were charged, and ``quality [N]``."""
        weights = self.scenario.utility
        weighted = quality * np.broadcast_to(weights.weight, len(quality))
        return float(
            weights.lambda_quality * float(pooled(weights.quality, weighted))
            - weights.lambda_delay * frame["delay_s"].max()
            - weights.lambda_energy * frame["energy_j"].sum()
        )

    def _quality_of(self, part: pd.DataFrame) -> dict[str, Any]:
        """Means over what was delivered of every kind that somebody gets; accuracy of 95 %."""
        found: dict[str, Any] = {}
        if "image" in self.gets:
            for name in ("psnr_db", "psnr_predicted_db", "ssim"):
                found[name] = float(part[name].mean())
        if "label" in self.gets:
            for name in ("accuracy", "accuracy_predicted"):
                found[name] = float(part[name].mean())
            answers = int(part["accuracy"].notna().sum())
            if answers:
                found["accuracy_interval"] = share_interval(found["accuracy"], answers)
        return found

    def _summary(self, slots: pd.DataFrame, names: list[str]) -> dict[str, Any]:
        rows = {}
        for name in names:
            part = slots[slots["allocator"] == name]
            by_slot = part.groupby("slot")
            decided = by_slot[["utility", "utility_bound"]].first()
            rows[name] = {
                "utility": float(decided["utility"].mean()),
                "gap": float((decided["utility_bound"] - decided["utility"]).mean()),
                "utility_sent": float(by_slot["utility_sent"].first().mean()),
                "utility_measured": float(by_slot["utility_measured"].first().mean()),
                **self._quality_of(part),
                "slowest_s": float(by_slot["delay_s"].max().mean()),
                "energy_j": float(by_slot["energy_j"].sum().mean()),
                "power_w": float(by_slot["power_w"].sum().mean()),
            }
            if self.scenario.dynamics is not None:
                rows[name] |= figures_of(part)
        return {
            "name": self.scenario.name,
            "users": int(slots["user"].nunique()),
            "slots": self.scenario.slots,
            "power_constrained": power_rule(self.scenario).constrained,
            "snr_convention": self.scenario.snr_convention,
            "quality_curve": self.problem.curve.origin,
            "allocators": rows,
        }


def draw_users(
    scenario: DownlinkScenario, rng: np.random.Generator, drops: int | None = None
) -> Places:
    """Return where the users of a scenario stand, ``[N]``, or ``[drops, N]`` of several drops."""
    users, count = scenario.users, drops or 1
    if isinstance(users, DrawnUsers):
        places = draw_places(count * users.count, *users.distance_m, rng)
        distance_m, bearing_rad = places.distance_m, places.bearing_rad
    else:
        distance_m = np.tile([user.range_m for user in users], count)
        bearing_rad = draw_bearings_rad(distance_m.size, rng)
        for i, user in enumerate(users):
            if user.position_m is not None:
                x, y = user.position_m
                bearing_rad[i :: len(users)] = math.atan2(y, x)
    shape = (-1,) if drops is None else (drops, -1)
    return Places(distance_m.reshape(shape), bearing_rad.reshape(shape))


def _common_shape(scenario: DownlinkScenario, sources: dict[PluginConfig, Any]) -> ImageShape:
    """Return the shape of all users' images.

    Raises:
        ScenarioError: if they differ.
    """
    shapes: dict[ImageShape, str] = {}
    for config, source in sources.items():
        shapes.setdefault(source.take(1).shape, config.kind)
    if len(shapes) > 1:
        sizes = ", ".join(f"{kind} {shape[1]}×{shape[2]}" for shape, kind in shapes.items())
        raise ScenarioError(
            f"{scenario.name}: the users' sources have images of different sizes ({sizes}); set "
            "their 'size' alike"
        )
    (shape,) = shapes
    return shape


def _pictures(record: SlotRecord, frame: pd.DataFrame, engine: Downlink) -> Pictures:
    rows = frame.to_dict(orient="records")
    captions = tuple(
        f"user {row['user']}: {told(row)} at ρ = {row['rho_sent']:.4f}" for row in rows
    )
    words = tuple(engine.answer(row) for row in rows)
    among = {user: images.cpu() for user, images in sorted(record.candidates.items())}
    pairs = tuple(sentences(row) for row in rows)
    image, received = record.source.image.cpu(), record.received.cpu()
    return Pictures(image, received, captions, words, among, pairs)
