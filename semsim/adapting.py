"""Runs a scenario of task ``adapt``: tune a deployed codec over the air, judge before and after."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, cast

import pandas as pd
import torch
import yaml
from torch import Tensor

from semsim.adaptation.comparison import compare, gains, judge
from semsim.adaptation.ledger import Ledger
from semsim.adaptation.procedure import Adapted, adapt
from semsim.adaptation.radio import Radio
from semsim.assembly import fading_law, offered_rates, power_rule
from semsim.codecs import checkpoints
from semsim.codecs.ftsc.codec import Ftsc
from semsim.codecs.ftsc.config import FtscConfig
from semsim.codecs.ftsc.tuning.receiver import Receiver, TuningStep
from semsim.errors import DataError
from semsim.link.modem import DigitalModem
from semsim.results import Pictures, Results
from semsim.rng import Streams
from semsim.scenario import AdaptScenario
from semsim.types import Report

#: The file of the adapted weights in the run's folder.
WEIGHTS = "adapted.safetensors"


def run_adaptation(scenario: AdaptScenario, report: Report) -> Results:
    """Tune, judge, and return tables, pictures and the adapted weights.

    Raises:
        SemsimError: for missing weights, too few images, or when nothing arrives.
    """
    started = time.perf_counter()
    streams = Streams(scenario.seed)
    config = cast(FtscConfig, scenario.codec)
    codec: Ftsc = config.build(device=scenario.device)
    (name,) = config.scalings
    network, transport = codec.network(name), codec.transport
    clean = codec.denoiser(name)
    tuned_on, judged = _images(scenario)
    (rate,) = offered_rates(codec, (3, *tuned_on.shape[2:]), scenario.name)
    fading = None
    if scenario.channel is not None and scenario.modem.mcs == "adaptive":
        fading = fading_law(scenario.channel, streams, scenario.device)

    def radio(stage: str) -> Radio:
        """A radio whose noise begins anew."""
        generator = streams.torch(stage, scenario.device)
        channel = None
        if scenario.channel is not None:
            channel = scenario.channel.build(device=scenario.device, generator=generator)
        modem = DigitalModem(scenario.modem, scenario.device, generator)
        return Radio(channel, modem, scenario.snr_db, fading=fading, power=power_rule(scenario))

    steps = scenario.tuning.steps

    def watch(receiver: Receiver, step: TuningStep) -> dict[str, float]:
        report(step.step, steps, f"{scenario.tuning.mode}: loss {step.loss:.3g}")
        if step.step % scenario.watch_every and step.step != steps:
            return {}
        seen = judge(receiver.network, judged, radio("transmission"), transport, clean)
        return {"psnr_db": float(seen.table["psnr_db"].mean())}

    built = time.perf_counter()
    report(0, steps, "sending")
    adapted = adapt(
        network,
        tuned_on,
        radio("fine-tuning"),
        transport,
        scenario.tuning,
        clean=clean,
        watch=watch,
        seed=scenario.seed,
    )
    tuned = time.perf_counter()
    networks = {"before": network, "after": adapted.network}
    seen = compare(networks, judged, partial(radio, "transmission"), transport, clean)
    images = pd.concat(
        [judgement.table.assign(when=when) for when, judgement in seen.items()], ignore_index=True
    )
    gain = gains(seen["before"].table, seen["after"].table)
    card = _card(scenario, name, adapted, gain, codec.weight_hashes[name])
    return Results(
        name=scenario.name,
        task="adapt",
        tables={
            "images": images,
            "steps": adapted.steps,
            "air": _air(adapted.ledger, scenario.bandwidth_hz),
        },
        summary={
            "name": scenario.name,
            "mode": scenario.tuning.mode,
            "rate": rate.name,
            "transport": config.transport,
            "images_tuned_on": adapted.images,
            **gain,
            "channel_uses": adapted.ledger.channel_uses,
            "air_s": adapted.ledger.seconds(scenario.bandwidth_hz),
            "compute_s": adapted.seconds,
            "power_constrained": power_rule(scenario).constrained,
            "snr_convention": scenario.snr_convention,
        },
        scenario=scenario.model_dump(mode="json"),
        pictures={
            when: _pictures(judged, judgement.received, judgement.table)
            for when, judgement in seen.items()
        },
        weights=codec.weight_hashes,
        seconds={
            "build": built - started,
            "tune": tuned - built,
            "judge": time.perf_counter() - tuned,
        },
        files={
            WEIGHTS: checkpoints.pack(
                adapted.network.state_dict(), adapted.network.config.model_dump(mode="json")
            ),
            "adapted.yaml": yaml.safe_dump(card, sort_keys=False).encode(),
        },
    )


def _images(scenario: AdaptScenario) -> tuple[Tensor, Tensor]:
    """Images to tune on, and others to judge."""
    count = scenario.images + scenario.judged
    image = scenario.source.build().take(count).image
    if len(image) < count or len(torch.unique(image.flatten(1), dim=0)) < count:
        raise DataError(
            f"{scenario.name}: the source has not {count} different images "
            f"({scenario.images} to tune on, {scenario.judged} to judge); ask for fewer, or set "
            "its crop: random"
        )
    image = image.to(scenario.device)
    return image[: scenario.images], image[scenario.images :]


def _air(ledger: Ledger, bandwidth_hz: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item": entry.item,
            "sent": entry.count,
            "arrived": entry.arrived,
            "bits": entry.bits,
            "channel_uses": entry.channel_uses,
            "air_s": entry.channel_uses / bandwidth_hz,
        }
        for entry in ledger.entries
    )


def _card(
    scenario: AdaptScenario, rate: str, adapted: Adapted, gain: dict[str, Any], origin: str
) -> dict[str, Any]:
    return {
        "name": "adapted",
        "codec": {"kind": "ftsc", "scalings": [rate], "weights": {rate: "WEIGHTS"}},
        "adapted_from_sha256": origin,
        "mode": scenario.tuning.mode,
        "images": adapted.images,
        "steps": len(adapted.steps),
        "figures": {name: round(float(value), 4) for name, value in gain.items()},
    }


def _pictures(image: Tensor, received: Tensor, table: pd.DataFrame) -> Pictures:
    captions = tuple(f"{value:.1f} dB" for value in table["psnr_db"])
    return Pictures(image.cpu(), received.cpu(), captions)
