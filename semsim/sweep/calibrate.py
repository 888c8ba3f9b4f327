"""Measures the quality curve of a codec: every rate over the link, and a fit over ρ."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from semsim.allocation.calibration import CalibratedCodec, Calibration, RatePoint, fitted
from semsim.codecs.weights_config import RANDOM
from semsim.config import PluginConfig
from semsim.errors import ScenarioError
from semsim.results import Results, recorded_versions
from semsim.scenario import LinkScenario
from semsim.sweep.bench import Bench
from semsim.sweep.run import sweep
from semsim.types import Delivers, Rate, Report, delivers


def calibrate(
    scenario: LinkScenario,
    *,
    command: str,
    workers: int = 1,
    keep: Path | None = None,
    report: Report = lambda _done, _total, _what: None,
) -> tuple[Results, Calibration]:
    """Measure every rate of the scenario's codecs at every SNR and fit Q = a + b ln ρ at each.

    Of a single rate, Q is its quality and b is 0: allocation leaves it where it is.

    Q is the PSNR of codecs that deliver images and the top-1 accuracy of those that deliver labels.
    The rates of several codecs make one curve together.

    Args:
        scenario: the codecs as systems, one channel, images, SNRs.
        command: what the curve file says it was measured with.
        workers: as of :func:`semsim.sweep.run.sweep`.
        keep: as of :func:`semsim.sweep.run.sweep`.
        report: told about progress.

    Returns:
        the sweep, and the fits by falling SNR. Whether there is a curve to use among them,
        :attr:`~semsim.allocation.calibration.Calibration.curve` tells.

    Raises:
        ScenarioError: if the rates are too few, too different or too good for one curve, or a
            codec has no trained weights.
        SemsimError: for missing weights and unreadable images.
    """
    if len(scenario.channels) > 1:
        raise ScenarioError("a curve is measured on one channel; name one")
    bench = Bench(scenario)
    codecs = [_codec(bench, system.name, system.codec) for system in scenario.systems]
    kinds = {delivers(bench.codecs.get(codec.config)) for codec in codecs}
    if len(kinds) > 1:
        raise ScenarioError(
            "some of the codecs deliver images and others labels, whose qualities make no curve "
            "together; calibrate them apart"
        )
    (kind,) = kinds
    rates = {
        (codec.name, rate.name): rate
        for codec in codecs
        for rate in bench.codecs.get(codec.config).rates(bench.source.shape)
    }
    asked = dict.fromkeys((point.system, point.rate) for point in bench.points())
    _check([rates[key] for key in asked])
    results = sweep(scenario, workers=workers, keep=keep, report=report)
    points = {
        snr_db: tuple(_points(results, snr_db, rates, kind))
        for snr_db in sorted(scenario.snrs_db())
    }
    calibration = Calibration(
        command=command,
        codecs=tuple(codecs),
        source=scenario.source,
        shape=bench.source.shape,
        delivers=kind,
        images=scenario.images,
        draws=scenario.draws,
        channel=scenario.channels[0],
        seed=scenario.seed,
        versions=recorded_versions(),
        fits=tuple(fitted(snr_db, points[snr_db]) for snr_db in sorted(points, reverse=True)),
    )
    return results, calibration


def _codec(bench: Bench, name: str, config: PluginConfig | None) -> CalibratedCodec:
    if config is None:
        raise ScenarioError(f"{name}: only codecs have quality curves, not separation baselines")
    named = getattr(config, "weights", None)
    if RANDOM in (named.values() if isinstance(named, dict) else (named,)):
        raise ScenarioError(f"{name}: its weights are random; train them before you calibrate")
    weights = getattr(bench.codecs.get(config), "weight_hashes", {})
    return CalibratedCodec(name=name, config=config, weights=dict(weights))


def _check(rates: list[Rate]) -> None:
    if len({rate.unit for rate in rates}) > 1:
        raise ScenarioError(
            "some of the codecs send bits and others symbols, whose ρ mean different things; "
            "calibrate them apart"
        )
    if len(rates) > 1 and len({rate.rho for rate in rates}) < 2:
        (height, width), names = rates[0].shape[1:], ", ".join(rate.name for rate in rates)
        raise ScenarioError(
            f"all rates ({names}) have the same ρ for images of {height}×{width}, and a curve over "
            "ρ needs two or more, better three: name a codec with several (for ftsc, list several "
            "scalings), or several codecs at once: semsim calibrate CODEC CODEC …"
        )


def _points(
    results: Results, snr_db: float, rates: dict[tuple[str, str], Rate], kind: Delivers
) -> list[RatePoint]:
    at = results.sweep[results.sweep["snr_db"] == snr_db]
    lost = (at["outage"].astype(bool) | (at["block_error_rate"] > 0)).groupby(
        [at["system"], at["rate"]]
    )
    count: pd.Series = lost.sum()
    points = [point for point in results.summary["points"] if point["snr_db"] == snr_db]
    return [
        RatePoint(
            codec=point["system"],
            rate=point["rate"],
            rho=rates[point["system"], point["rate"]].rho,
            **_quality(point, kind),
            lost=int(count[point["system"], point["rate"]]),
        )
        for point in points
    ]


def _quality(point: dict[str, Any], kind: Delivers) -> dict[str, Any]:
    """Return the mean quality of a point and the half-width of its interval."""
    name = {"image": "psnr_db", "label": "accuracy"}[kind]
    mean = point.get(name)
    if mean is None:
        raise ScenarioError(
            f"{point['system']}: it delivers neither images nor labels, whose quality a curve is of"
        )
    if not math.isfinite(mean):
        raise ScenarioError(
            f"{point['system']} {point['rate']}: some images arrive without any error at "
            f"{point['snr_db']:g} dB; their infinite PSNR has no place on a curve: calibrate at "
            "lower rates"
        )
    half = point["interval_db"]
    if kind == "label":
        low, high = point["accuracy_interval"]
        half = (high - low) / 2
    return {"quality": round(mean, 4), "interval": None if half is None else round(half, 4)}
