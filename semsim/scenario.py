"""Scenario files: what an experimenter varies. Importing this loads neither torch nor sionna."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from semsim.allocation.config import UtilityConfig
from semsim.codecs.classical.config import ClassicalFormat
from semsim.codecs.ftsc.config import FtscConfig
from semsim.codecs.ftsc.tuning.config import TuningConfig
from semsim.config import PluginConfig, PluginField, Strict, check_tagged, load_tagged
from semsim.documents import Document
from semsim.engine.config import (
    AdaptConfig,
    CellConfig,
    ComputeConfig,
    FeedbackConfig,
    IndependentFading,
)
from semsim.engine.dynamics.config import DynamicsConfig
from semsim.link.config import ModemConfig, PowerConstraint, SnrConvention
from semsim.link.stages import SemanticNoiseConfig, SpreadingConfig

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
    source: SourceConfig | None = None
    """Images of this user; the default is the scenario's."""

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
    modem: ModemConfig = ModemConfig()
    """For codecs that send bits."""
    power_constraint: PowerConstraint = "unit"
    """`none` reproduces papers that ignore the power constraint; all results then say so."""
    snr_convention: SnrConvention = "es_n0"
    """What an SNR means; the others reproduce public codes, and all results then say so."""
    semantic_noise: SemanticNoiseConfig | None = None
    """Noise on the sender's image before it is encoded; quality is judged without it."""


class DownlinkScenario(ScenarioBase):
    """One sender and N receivers that share bandwidth, power and compression (FTSC, Section V)."""

    task: Literal["downlink"]
    codec: CodecConfig
    channel: ChannelConfig
    slots: int = Field(1, ge=1)
    """Each slot, every user receives one image, unless `dynamics` says otherwise."""
    cell: CellConfig
    users: Annotated[
        Annotated[DrawnUsers, Tag("mapping")]
        | Annotated[tuple[UserConfig, ...], Field(min_length=1), Tag("list")],
        Discriminator(_form),
    ]
    """Receivers one by one, or `count` of them at random distances."""
    feedback: FeedbackConfig = FeedbackConfig()
    """What the sender knows of the users' gains."""
    compute: ComputeConfig = ComputeConfig()
    utility: UtilityConfig = UtilityConfig()
    adapt: AdaptConfig | None = None
    """Fine-tuning of the users' FTSC decoders while the downlink runs."""
    dynamics: DynamicsConfig | None = None
    """What couples the slots: movement, requests in queues, a battery, users who come and go. By
    default, slots are independent but for the fading."""
    allocator: AllocatorConfig
    """Who decides."""
    compare: tuple[AllocatorConfig, ...] = ()
    """Other allocators to judge on the very same slots."""

    def user_codecs(self) -> tuple[PluginConfig, ...]:
        """Return the codec of every user."""
        if isinstance(self.users, DrawnUsers):
            return (self.codec,) * self.users.count
        return tuple(user.codec or self.codec for user in self.users)

    def user_sources(self) -> tuple[PluginConfig, ...]:
        """Return the source of every user's images."""
        if isinstance(self.users, DrawnUsers):
            return (self.source,) * self.users.count
        return tuple(user.source or self.source for user in self.users)

    def tuning_users(self) -> tuple[int, ...]:
        """Return the users whose decoders are tuned."""
        if self.adapt is None:
            return ()
        everyone = tuple(range(len(self.user_codecs())))
        return everyone if self.adapt.users is None else self.adapt.users

    @property
    def slot_s(self) -> float | None:
        """Length of a slot in seconds, where `dynamics` or the fading tells it."""
        if self.dynamics is not None and self.dynamics.slot_s is not None:
            return self.dynamics.slot_s
        fading = self.cell.fading
        return None if isinstance(fading, IndependentFading) else fading.slot_s

    @model_validator(mode="after")
    def _in_time(self) -> DownlinkScenario:
        dynamics = self.dynamics
        if dynamics is None:
            return self
        fading, slot_s = self.cell.fading, self.slot_s
        if slot_s is None:
            raise ValueError("'dynamics.slot_s' is missing: how long is a slot?")
        if not isinstance(fading, IndependentFading) and fading.slot_s != slot_s:
            raise ValueError(
                f"'dynamics.slot_s' is {slot_s:g}, but 'cell.fading.slot_s' is {fading.slot_s:g}; "
                "leave the former out"
            )
        if self.adapt is not None:
            raise ValueError("'adapt' needs independent slots; leave out 'adapt' or 'dynamics'")
        if self.cell.rate == "mcs" and self.modem.retransmissions:
            raise ValueError(
                "with 'dynamics', 'cell.rate: mcs' charges the planned channel uses, which know no "
                "'modem.retransmissions'; set these to 0 or 'rate' to shannon"
            )
        if dynamics.mobility is not None:
            self._check_movement(dynamics.mobility.radius_m)
        places = len(self.user_codecs())
        population = dynamics.population
        if population is not None and (population.start_users or 0) > places:
            raise ValueError(
                f"'dynamics.population.start_users' is {population.start_users}, but 'users' has "
                f"only {places} places"
            )
        return self

    def _check_movement(self, radius_m: float) -> None:
        model = self.cell.propagation
        if getattr(model, "indoor_share", 0.0) > 0:
            raise ValueError(
                "'dynamics.mobility' moves users outdoors; leave out 'indoor_share' of "
                "'cell.propagation'"
            )
        if radius_m > model.reach_m[1]:
            raise ValueError(
                f"'dynamics.mobility.radius_m' is {radius_m:g}, but {model.model} holds up to "
                f"{model.reach_m[1]:g} m; lower it"
            )
        users = self.users
        farthest_m = (
            users.distance_m[1]
            if isinstance(users, DrawnUsers)
            else max(user.range_m for user in users)
        )
        if farthest_m > radius_m:
            raise ValueError(
                f"'dynamics.mobility.radius_m' is {radius_m:g}, but users start up to "
                f"{farthest_m:g} m from the sender; raise it"
            )

    @model_validator(mode="after")
    def _tuned(self) -> DownlinkScenario:
        codecs = self.user_codecs()
        for user in self.tuning_users():
            if user >= len(codecs):
                raise ValueError(
                    f"'adapt.users' names {user}, but users are 0 to {len(codecs) - 1}"
                )
            if not isinstance(codecs[user], FtscConfig):
                raise ValueError(
                    f"'adapt' tunes decoders of FTSC; user {user} has {codecs[user].kind!r}: leave "
                    "that user out of 'adapt.users'"
                )
        return self


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


class LinkSystem(Strict):
    """One curve: a codec with its modem, or the separation baseline."""

    label: str | None = None
    """Name in tables and figures; the default is the codec's kind."""
    codec: CodecConfig | None = None
    """A codec at its own rates."""
    separation: ClassicalFormat | None = None
    """A classical codec, 5G LDPC and the best MCS, at the channel uses of `match`."""
    match: str | None = None
    """With `separation`: the label of the system whose channel uses it gets, rate by rate."""
    modem: ModemConfig | None = None
    """Modem of this system; the default is the scenario's."""
    rates: tuple[str, ...] = ()
    """Names of the codec's rates to send at; the default is all that it offers."""

    @model_validator(mode="after")
    def _one_kind(self) -> LinkSystem:
        if (self.codec is None) == (self.separation is None):
            raise ValueError("give either 'codec' or 'separation'")
        if (self.separation is None) != (self.match is None):
            raise ValueError(
                "'separation' and 'match' (a label to take channel uses from) go together"
            )
        if self.separation is not None and self.rates:
            raise ValueError("the rates of 'separation' are those of the system in 'match'")
        if self.separation is not None and self.modem is not None and self.modem.coding == "none":
            raise ValueError("'separation' needs a modem with coding: ldpc")
        return self

    @property
    def name(self) -> str:
        """The label, or what the system is."""
        if self.label is not None:
            return self.label
        return self.codec.kind if self.codec is not None else f"{self.separation} separation"


class LimitsConfig(Strict):
    """What theory allows, at the channel uses of one of the systems."""

    match: str
    """Label of the system whose channel uses the limits get, rate by rate."""
    opta: tuple[Literal["source", "image", "patch"], ...] = ("image", "patch")
    """Best PSNR of a Gaussian source by reverse water-filling: of the `gaussian` source itself (a
    bound), or one with the covariance of the images, whole or in patches of 8×8 (references)."""
    linear: bool = False
    """Best linear analog code for the same covariances."""
    at_capacity: tuple[ClassicalFormat, ...] = ()
    """Classical codecs whose bits arrive without error at the capacity of each image's channel."""


class LinkScenario(ScenarioBase):
    """Systems on channels over a range of SNRs, beside what theory allows."""

    task: Literal["link"]
    systems: tuple[LinkSystem, ...] = Field(min_length=1)
    """What to compare."""
    channels: tuple[ChannelConfig, ...] = Field(min_length=1)
    """The channels to compare on."""
    snr_db: Annotated[
        Annotated[SnrRange, Tag("mapping")]
        | Annotated[tuple[float, ...], Field(min_length=1), Tag("list")],
        Discriminator(_form),
    ]
    """Es/N0 in dB: `{start, stop, step}` or a list."""
    images: int = Field(7, ge=1)
    """How many images to send at each SNR."""
    draws: int = Field(1, ge=1)
    """How often to send each, over other noise and fading."""
    precision_db: float = Field(0.1, gt=0)
    """The half-width of the 95 % interval of the mean PSNR that is hoped for; tables say where
    the images are too few for it."""
    feedback_error_db: float = Field(0.0, ge=0)
    """Standard deviation of the error of the SNR that codec and modem are told."""
    spreading: SpreadingConfig | None = None
    """Walsh spreading: groups of images share the air as the users of one cell."""
    limits: LimitsConfig | None = None
    """Bounds and references to draw."""

    @model_validator(mode="after")
    def _labels(self) -> LinkScenario:
        names = [system.name for system in self.systems]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two systems are called {twice[0]!r}; give each a 'label'")
        own = [system.name for system in self.systems if system.codec is not None]
        wanted = [system.match for system in self.systems if system.match is not None]
        wanted += [self.limits.match] if self.limits is not None else []
        for label in wanted:
            if label not in own:
                known = ", ".join(own) or "none"
                raise ValueError(
                    f"'match' names {label!r}, which is no system with a codec ({known})"
                )
        return self

    @model_validator(mode="after")
    def _groups(self) -> LinkScenario:
        if self.spreading is None:
            return self
        if self.images * self.draws % self.spreading.users:
            raise ValueError(
                f"'spreading' sends to {self.spreading.users} users at once: make images × draws a "
                "multiple of that"
            )
        modems = [system.modem or self.modem for system in self.systems]
        if any(modem.retransmissions for modem in modems) or self.feedback_error_db:
            raise ValueError(
                "'spreading' sends to all users of a group alike: it goes with neither "
                "'retransmissions' nor 'feedback_error_db'"
            )
        return self

    def snrs_db(self) -> tuple[float, ...]:
        """Return the SNRs in dB."""
        return self.snr_db.values() if isinstance(self.snr_db, SnrRange) else self.snr_db


class AdaptScenario(ScenarioBase):
    """A deployed FTSC codec is tuned on images that it does not know (FTSC, Section IV)."""

    task: Literal["adapt"]
    codec: CodecConfig
    """FTSC of one scaling rate: what both ends have been deployed with."""
    channel: ChannelConfig | None = None
    """Between the two ends; none is the paper's ideal channel."""
    snr_db: float = 20.0
    """Es/N0 in dB; plays no part without a channel."""
    modem: ModemConfig = ModemConfig(mcs="adaptive", retransmissions=3)
    """For indices, and for originals, which are sent until they arrive."""
    tuning: TuningConfig = TuningConfig()
    """Mode, iterations, learning rates."""
    images: int = Field(32, ge=1)
    """How many images to send for fine-tuning."""
    judged: int = Field(64, ge=2)
    """How many others to judge before and after."""
    watch_every: int = Field(25, ge=1)
    """Iterations between two looks at the judged images, for the convergence plot."""
    bandwidth_hz: float = Field(1e6, gt=0)
    """For the time on the air."""

    @model_validator(mode="after")
    def _one_rate(self) -> AdaptScenario:
        if not isinstance(self.codec, FtscConfig) or len(self.codec.scalings) != 1:
            raise ValueError(
                "'codec' is FTSC of one scaling rate, such as {kind: ftsc, scalings: ['[4,2]']}"
            )
        if self.modem.coding == "none":
            raise ValueError("'modem' needs coding: ldpc, whose CRC tells what arrived")
        if self.semantic_noise is not None:
            raise ValueError("'semantic_noise' is not sent in a fine-tuning phase; leave it out")
        return self


Scenario = DownlinkScenario | LinkScenario | AdaptScenario
TASKS: dict[str, type[Scenario]] = {
    "downlink": DownlinkScenario,
    "link": LinkScenario,
    "adapt": AdaptScenario,
}


def load_scenario(path: str | Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        ScenarioError: listing every mistake with file, line, path and the nearest valid name.
    """
    return load_tagged(path, "task", TASKS)


def check_scenario(document: Document) -> Scenario:
    """Check a scenario that was read before; see :func:`load_scenario`."""
    return check_tagged(document, "task", TASKS)
