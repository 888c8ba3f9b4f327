"""Builds what both kinds of scenario need from their configurations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
from torch import Tensor

from semsim.codecs.classical.codec import Classical
from semsim.codecs.classical.config import ClassicalConfig, ClassicalFormat
from semsim.config import PluginConfig
from semsim.engine.levels import Levels
from semsim.errors import ScenarioError
from semsim.link.adaptation import thresholds
from semsim.link.air import PowerRule
from semsim.link.semantic_noise import SemanticNoise
from semsim.registry import suggest
from semsim.rng import Streams
from semsim.scenario import DownlinkScenario, ScenarioBase
from semsim.types import Channel, Codec, ImageShape, Rate, Source

#: Draws of the fading, and symbols of each, by which both ends know a channel's law.
_DRAWS, _SYMBOLS = 200, 4032


class Codecs:
    """Codecs built once a configuration, so that users with the same one share networks."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._built: dict[str, Codec] = {}

    def get(self, config: PluginConfig) -> Codec:
        """Return the codec of ``config``."""
        key = config.model_dump_json()
        if key not in self._built:
            self._built[key] = config.build(device=self._device)
        return self._built[key]

    def classical(self, name: ClassicalFormat) -> Classical:
        """Return the classical codec of that format, without headers that both ends know."""
        codec = self.get(ClassicalConfig(format=name, headers="agreed"))
        if not isinstance(codec, Classical):
            raise TypeError(f"{name} is no classical codec")
        return codec

    def close(self) -> None:
        """Give back the memory of codecs that hold big models; none can be used any more."""
        for codec in self._built.values():
            if (close := getattr(codec, "close", None)) is not None:
                close()
        self._built.clear()

    def weights(self) -> dict[str, str]:
        """Return the SHA-256 of all weights used, by codec and rate."""
        return {
            f"{type(codec).__name__.lower()} {name}": sha256
            for codec in self._built.values()
            for name, sha256 in getattr(codec, "weight_hashes", {}).items()
        }

    def hashes(self) -> list[str]:
        """Return the SHA-256 of all weights used, in order; of equal names, every one."""
        used = (getattr(codec, "weight_hashes", {}) for codec in self._built.values())
        return sorted(sha256 for hashes in used for sha256 in hashes.values())


def power_rule(scenario: ScenarioBase) -> PowerRule:
    """Return how the scenario scales symbols and reads SNRs."""
    return PowerRule(scenario.power_constraint, scenario.snr_convention)


def semantic_noise(
    scenario: ScenarioBase, generator: torch.Generator
) -> Callable[[Source], Source] | None:
    """Return what the sender's images suffer, if anything."""
    if scenario.semantic_noise is None:
        return None
    return partial(SemanticNoise(scenario.semantic_noise).apply, generator=generator)


def fading_law(config: PluginConfig, streams: Streams, device: str) -> Tensor | None:
    """Return ``[D, m]`` draws of a channel's power gains, ``None`` where they are all one.

    They come from an instance of their own, so that they tell nothing of what is sent later.
    """
    channel: Channel = config.build(device=device, generator=streams.torch("law", device))
    unit = torch.ones(_DRAWS, device=device)
    known = torch.ones(_DRAWS, _SYMBOLS, dtype=torch.complex64, device=device)
    gain = channel.apply(known, unit).gain
    if bool((gain == 1).all()):
        return None
    steady = bool((gain == gain[:, :1]).all())
    return gain[:, :1].clone() if steady else gain


def modem_levels(scenario: DownlinkScenario, rates: Iterable[Sequence[Rate]]) -> Levels | None:
    """Return the rates that allocators plan with; ``None`` where those are Shannon's.

    Args:
        scenario: with the modem.
        rates: what the users' codecs offer.

    Raises:
        ScenarioError: if no MCS keeps the modem's target at any SNR.
    """
    modem = scenario.modem
    bits = [rate.payload for offered in rates for rate in offered if rate.unit == "bits"]
    if scenario.cell.rate != "mcs" or modem.mcs is None or not bits:
        return None
    fading = fading_law(scenario.channel, Streams(scenario.seed), scenario.device)
    levels = thresholds(modem, (min(bits), max(bits)), fading)
    if not levels:
        raise ScenarioError(
            f"{scenario.name}: modem: no MCS keeps target_bler ({modem.target_bler:g}) on this "
            "channel at any SNR; allow more errors, or set cell.rate to shannon"
        )
    return Levels(*zip(*levels, strict=True))


def offered_rates(codec: Codec, shape: ImageShape, scenario: str) -> Sequence[Rate]:
    """Return what a codec offers for the scenario's images.

    Raises:
        ScenarioError: if it cannot take them.
    """
    try:
        return codec.rates(shape)
    except ValueError as error:
        raise ScenarioError(
            f"{scenario}: the codec cannot take images of {shape[1]}×{shape[2]}: {error}; "
            "change source.size"
        ) from error


def named_rate(offered: Sequence[Rate], name: str, scenario: str) -> Rate:
    """Return the rate called ``name``.

    Raises:
        ScenarioError: if there is none; the message suggests the nearest.
    """
    for rate in offered:
        if rate.name == name:
            return rate
    known = [rate.name for rate in offered]
    raise ScenarioError(
        f"{scenario}: rates: the codec offers no rate {name!r}{suggest(name, known)} "
        f"(offered: {', '.join(known)})"
    )
