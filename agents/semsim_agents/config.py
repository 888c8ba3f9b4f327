"""What an agent is trained on and how, as YAML has it; neither torch nor ray is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, model_validator

from semsim.allocation.config import AllocatorConfig
from semsim.config import PluginConfig, PluginField, Strict

_Sizes = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class NetworkConfig(Strict):
    """The network that looks at an observation and acts."""

    kind: Literal["users", "flat"] = "users"
    """`users`: one network for every user, which also sees what all have in common; it does not
    depend on the order of users, nor on their number. `flat`: one network for the whole row."""
    hidden: _Sizes = (64, 64)
    """Units of the hidden layers."""
    deviation: float = Field(0.4, gt=0, le=2)
    """Standard deviation of continuous actions at the start; 2 is the range of an entry."""


class _Learning(Strict):
    gamma: float = Field(0.99, ge=0, lt=1)
    """Discount of a slot. 0 where slots are independent of what was done before, as in static
    scenarios: then nothing is to be learned from later slots but noise."""
    learning_rate: float = Field(3e-4, gt=0)


class PpoConfig(_Learning):
    """Proximal policy optimisation (Schulman et al., 2017), by RLlib."""

    kind: Literal["ppo"] = "ppo"
    batch: int = Field(4096, ge=2)
    """Slots of all cells between two updates."""
    minibatch: int = Field(512, ge=1)
    epochs: int = Field(8, ge=1)
    """Passes over a batch."""
    lambda_: float = Field(0.95, ge=0, le=1, alias="lambda")
    """Of generalised advantage estimation."""
    clip: float = Field(0.2, gt=0)
    entropy: float = Field(0.0, ge=0)
    """Weight of the entropy in the objective."""
    multi_agent: bool = False
    """One agent a user, all of one policy, each with its own view, in the PettingZoo world."""

    @model_validator(mode="after")
    def _check(self) -> PpoConfig:
        if self.minibatch > self.batch:
            raise ValueError(f"minibatch: {self.minibatch} is more than the batch, {self.batch}")
        return self


class SacConfig(_Learning):
    """Soft actor-critic (Haarnoja et al., 2018), by RLlib; continuous actions only."""

    kind: Literal["sac"] = "sac"
    batch: int = Field(256, ge=1)
    """Slots of an update, drawn from the memory."""
    memory: int = Field(200_000, ge=1)
    """Slots that are remembered."""
    updates_per_slot: float = Field(0.05, gt=0)
    """Updates for each slot of a cell: below 1 where slots are cheap, as they are here."""
    begin: int = Field(2_000, ge=1)
    """Slots before the first update."""
    tau: float = Field(0.005, gt=0, le=1)
    """Pace of the target networks."""
    entropy_per_entry: float = Field(-1.0)
    """Target entropy of each entry of the action, in nats."""


class CloneConfig(Strict):
    """Behaviour cloning: before it learns by itself, the agent imitates an allocator."""

    allocator: Annotated[PluginConfig, PluginField("allocators")]
    slots: int = Field(20_000, ge=1)
    """Slots of the allocator that are looked at."""
    epochs: int = Field(20, ge=1)
    batch: int = Field(512, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    deviation: float = Field(0.1, gt=0, le=2)
    """Standard deviation of the actions afterwards: how far the agent then tries other ones."""


class JudgeConfig(Strict):
    """How agents are compared: always on the same drops, which training does not see."""

    slots: int = Field(2_000, ge=2)
    """Slots of all cells together, for each allocator."""
    cells: int = Field(50, ge=2)
    """Drops side by side; an interval counts every one as one sample."""
    every_slots: int = Field(50_000, ge=1)
    """Slots of training between two points of the curve, each with a checkpoint."""
    compare: tuple[Annotated[PluginConfig, PluginField("allocators")], ...] = ()
    """Beside the scenario's own allocators."""


class ResourcesConfig(Strict):
    """Who does the work."""

    runners: int = Field(0, ge=0)
    """Processes that collect slots; 0: the one that learns does."""
    cells: int = Field(64, ge=1)
    """Cells of each, stepped together."""
    gpus_per_learner: float = Field(0, ge=0)
    learners: int = Field(0, ge=0)
    """Processes that learn; 0: one, in the driver."""


class Uniform(Strict):
    """A value between two numbers."""

    uniform: tuple[float, float]


class LogUniform(Strict):
    """A value between two positive numbers, evenly in its logarithm."""

    log_uniform: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]


class Choice(Strict):
    """One of some values."""

    choice: Annotated[tuple[Any, ...], Field(min_length=1)]


class TuneConfig(Strict):
    """A search by Ray Tune: poor trials are stopped early by ASHA (Li et al., 2020)."""

    samples: int = Field(8, ge=1)
    """Settings that are tried."""
    space: dict[str, Uniform | LogUniform | Choice] = Field(min_length=1)
    """What is searched, by its place in the file: ``algorithm.learning_rate``."""
    grace_slots: int = Field(50_000, ge=1)
    """Slots that every trial gets."""
    reduction: int = Field(3, ge=2)
    """Of so many trials, one goes on."""
    parallel: int = Field(2, ge=1)
    """Trials side by side, one core each."""


class AgentAllocatorConfig(AllocatorConfig):
    """A trained agent in the place of an allocator; torch runs it, Ray is not needed."""

    kind: Literal["agent"] = "agent"
    sees_all: ClassVar[bool] = True
    checkpoint: Path
    """A safetensors file that `semsim agent train` or `export` wrote; relative paths start at the
    working directory."""
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    """Refuse the file unless it has this hash."""


class AgentConfig(Strict):
    """An agent: its world, its algorithm, its network."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    description: str = ""
    scenario: Path
    """Of ``task: downlink``; relative to this file."""
    seed: int = Field(0, ge=0)
    slots: int = Field(500_000, ge=1)
    """Slots of all cells together, after which training ends."""
    episode_slots: int = Field(32, ge=1)
    """Slots of an episode."""
    actions: Literal["continuous", "discrete"] = "continuous"
    levels: int = Field(5, ge=2)
    """Of shares and power, for discrete actions."""
    share_range_db: float = Field(20.0, gt=0, lt=300)
    power_range_db: float = Field(40.0, gt=0, lt=300)
    reward: Literal["linear", "asinh"] = "linear"
    """What is learned from: rewards in units of their spread, or asinh of that, which tells bad
    from worse far from what is usual, and is right only where slots are independent."""
    algorithm: Annotated[PpoConfig | SacConfig, Field(discriminator="kind")]
    network: NetworkConfig = NetworkConfig()
    clone: CloneConfig | None = None
    judge: JudgeConfig = JudgeConfig()
    resources: ResourcesConfig = ResourcesConfig()
    tune: TuneConfig | None = None

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> AgentConfig:
        if self.algorithm.kind == "sac" and self.actions == "discrete":
            raise ValueError("actions: 'sac' acts on continuous ones only; take 'ppo'")
        folder = (info.context or {}).get("folder")
        if folder is not None and not self.scenario.is_absolute():
            # Whole, since processes of Ray's may work in folders of their own.
            object.__setattr__(self, "scenario", (Path(folder) / self.scenario).resolve())
        return self
