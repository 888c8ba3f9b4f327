"""Scenario files: what an experimenter varies. Importing this loads neither torch nor sionna."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from semsim.allocation.config import UtilityConfig
from semsim.config import PluginConfig, PluginField, Strict, load_tagged
from semsim.engine.config import CellConfig, ComputeConfig
from semsim.link.config import ModemConfig

CodecConfig = Annotated[PluginConfig, PluginField("codecs")]
ChannelConfig = Annotated[PluginConfig, PluginField("channels")]
AllocatorConfig = Annotated[PluginConfig, PluginField("allocators")]
SourceConfig = Annotated[PluginConfig, PluginField("sources")]
Device = Annotated[str, Field(pattern=r"^(cpu|mps|cuda(:\d+)?)$")]


def _form(value: object) -> str:
    """Tell the two ways to write a field apart, so that a mistake is reported for one of them."""
    return "mapping" if isinstance(value, dict | Strict) else "list"


class UserConfig(Strict):
    """One receiver, by its distance or its position."""

    distance_m: float | None = Field(None, gt=0)
    """Distance to the sender, which stands at the origin."""
    position_m: tuple[float, float] | None = None
    """Place in the plane, instead of a distance."""
    codec: CodecConfig | None = None
    """Codec of this user; the default is the scenario's."""

    @model_validator(mode="after")
    def _one_place(self) -> UserConfig:
        if (self.distance_m is None) == (self.position_m is None):
            raise ValueError("give either 'distance_m' or 'position_m'")
        if self.position_m == (0.0, 0.0):
            raise ValueError("'position_m' is the sender's own place; move the user")
        return self

    @property
    def range_m(self) -> float:
        """Distance to the sender in metres."""
        if self.position_m is not None:
            return math.hypot(*self.position_m)
        return self.distance_m or 0.0


class DrawnUsers(Strict):
    """Several receivers at random distances, uniform in a range (FTSC, Section V-B)."""

    count: int = Field(ge=1)
    """N."""
    distance_m: tuple[float, float] = (1.0, 1000.0)
    """Least and largest distance."""

    @model_validator(mode="after")
    def _range(self) -> DrawnUsers:
        low, high = self.distance_m
        if not 0 < low <= high:
            raise ValueError(f"'distance_m' is [least, largest], both above 0, got [{low}, {high}]")
        return self


class ScenarioBase(Strict):
    """What every scenario has."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """Name of the run's folder."""
    description: str = ""
    seed: int = Field(0, ge=0)
    """The same seed gives the same results on the same machine."""
    device: Device = "cpu"
    """cpu, cuda, cuda:N or mps."""
    source: SourceConfig
    codec: CodecConfig
    channel: ChannelConfig
    modem: ModemConfig = ModemConfig()
    """For codecs that send bits."""
    power_constraint: Literal["unit", "none"] = "unit"
    """`none` reproduces papers that ignore the power constraint; all results then say so."""


class DownlinkScenario(ScenarioBase):
    """One sender and N receivers that share bandwidth, power and compression (FTSC, Section V)."""

    task: Literal["downlink"]
    slots: int = Field(1, ge=1)
    """Each slot, every user receives one image."""
    cell: CellConfig
    users: Annotated[
        Annotated[DrawnUsers, Tag("mapping")]
        | Annotated[tuple[UserConfig, ...], Field(min_length=1), Tag("list")],
        Discriminator(_form),
    ]
    """Receivers one by one, or `count` of them at random distances."""
    compute: ComputeConfig = ComputeConfig()
    utility: UtilityConfig = UtilityConfig()
    allocator: AllocatorConfig
    """Who decides."""
    compare: tuple[AllocatorConfig, ...] = ()
    """Other allocators to judge on the very same slots."""


class SnrRange(Strict):
    """SNRs in even steps, both ends included."""

    start: float
    stop: float
    step: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> SnrRange:
        if self.stop < self.start:
            raise ValueError(f"'stop' ({self.stop:g}) lies below 'start' ({self.start:g})")
        return self

    def values(self) -> tuple[float, ...]:
        """Return the SNRs in dB."""
        count = math.floor((self.stop - self.start) / self.step + 1e-9) + 1
        return tuple(self.start + i * self.step for i in range(count))


class LinkScenario(ScenarioBase):
    """One codec on one channel over a range of SNRs."""

    task: Literal["link"]
    snr_db: Annotated[
        Annotated[SnrRange, Tag("mapping")]
        | Annotated[tuple[float, ...], Field(min_length=1), Tag("list")],
        Discriminator(_form),
    ]
    """Es/N0 in dB: `{start, stop, step}` or a list."""
    images: int = Field(7, ge=1)
    """How many images to send at each SNR."""
    rates: tuple[str, ...] = ()
    """Names of the codec's rates to send at; the default is all that it offers."""

    def snrs_db(self) -> tuple[float, ...]:
        """Return the SNRs in dB."""
        return self.snr_db.values() if isinstance(self.snr_db, SnrRange) else self.snr_db


Scenario = DownlinkScenario | LinkScenario
TASKS: dict[str, type[Scenario]] = {"downlink": DownlinkScenario, "link": LinkScenario}


def load_scenario(path: str | Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        ScenarioError: listing every mistake with file, line, path and the nearest valid name.
    """
    return load_tagged(path, "task", TASKS)
