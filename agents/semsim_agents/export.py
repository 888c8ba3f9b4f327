"""A trained agent as a file: weights as safetensors, with all that it takes to act by them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError

from semsim.codecs import checkpoints
from semsim.config import Strict
from semsim.documents import read_yaml
from semsim.errors import CheckpointError
from semsim_agents.networks import Actor, Agents, Kind, Layout, view_layout
from semsim_envs.observations import Scales


class ActionSettings(Strict):
    """How actions are read: arguments of :class:`semsim_envs.actions.Actions`."""

    kind: Literal["continuous", "discrete"]
    share_range_db: float
    power_range_db: float
    levels: int


class LayoutSettings(Strict):
    """Fields of :class:`semsim_agents.networks.Layout`."""

    users: int = Field(ge=1)
    fields: int = Field(ge=1)
    whole: int = Field(ge=0)
    choices: tuple[int, int, int, int]


class ScaleSettings(Strict):
    """Fields of :class:`semsim_envs.observations.Scales`."""

    users: int = Field(ge=1)
    gain_range_db: tuple[float, float]
    rho_max: float
    dynamic: bool
    population: bool
    queue: int
    deadline_s: float | None
    old_s: float
    capacity_j: float | None
    full_quality: tuple[float, ...] | None = None


class AgentSettings(Strict):
    """What stands in the metadata of an agent's weights."""

    kind: Literal["agent"] = "agent"
    layout: LayoutSettings
    network: Literal["users", "flat"]
    hidden: tuple[int, ...]
    seen_deviation: bool
    squashed: bool
    """Whether means go through tanh."""
    multi_agent: bool
    actions: ActionSettings
    scales: ScaleSettings


@dataclass(frozen=True)
class Agent:
    """A network that acts, and how to speak with it.

    Attributes:
        network: an actor for the whole cell, or for each user.
        settings: of network, observations and actions.
        sha256: of its file, empty before there is one.
    """

    network: Actor | Agents
    settings: AgentSettings
    sha256: str = ""

    @property
    def actor(self) -> Actor:
        """What is trained."""
        return self.network.actor if isinstance(self.network, Agents) else self.network

    @property
    def scales(self) -> Scales:
        """Of its observations."""
        return Scales(**self.settings.scales.model_dump())

    @torch.no_grad()
    def act(self, observation: Any) -> Any:
        """Return the most likely actions ``[E, 3N + 1]`` for observations ``[E, size]``, numpy."""
        rows = torch.as_tensor(observation, dtype=torch.float32)
        return self.network.act(rows, self.settings.squashed).numpy()


def new_agent(settings: AgentSettings, deviation: float = 0.4) -> Agent:
    """Return an agent that has learned nothing yet."""
    layout = Layout(**settings.layout.model_dump())
    seen = view_layout(layout) if settings.multi_agent else layout
    kind: Kind = "flat" if settings.multi_agent else settings.network
    actor = Actor(seen, kind, settings.hidden, deviation, settings.seen_deviation)
    return Agent(Agents(layout, actor) if settings.multi_agent else actor, settings)


def write_agent(path: Path, agent: Agent, card: dict[str, Any]) -> dict[str, Any]:
    """Write ``NAME.safetensors`` and its card ``NAME.yaml``; return the card.

    Raises:
        SemsimError: if they cannot be written.
    """
    sizes = agent.settings.model_dump(mode="json")
    sha256 = checkpoints.write(path, agent.actor.state_dict(), sizes)
    whole = {"name": path.stem, "sha256": sha256} | card
    checkpoints.write_card(path.with_suffix(".yaml"), whole)
    return whole


def read_agent(path: Path, sha256: str | None = None, users: int | None = None) -> Agent:
    """Read what :func:`write_agent` wrote.

    Args:
        path: of the weights.
        sha256: that they must have.
        users: whom it is to act for, if not for as many as it was trained with.

    Raises:
        CheckpointError: if it is missing, damaged, no agent, or cannot act for so many.
    """
    found = checkpoints.read(path.expanduser(), sha256)
    try:
        settings = AgentSettings.model_validate(found.model)
    except ValidationError as error:
        raise CheckpointError(
            f"{path}: holds no agent; `semsim agent train` and `export` write them"
        ) from error
    if users is not None and users != settings.layout.users:
        settings = _with_users(path, settings, users)
    agent = new_agent(settings)
    checkpoints.load_into(agent.actor, found)
    return Agent(agent.network.eval(), settings, found.sha256)


def export_best(weights: Path, to: Path) -> dict[str, Any]:
    """Copy an agent with its card to another place; return the card.

    Raises:
        CheckpointError: if there is no agent.
    """
    agent = read_agent(weights)
    card = read_yaml(weights.with_suffix(".yaml")).data
    kept = {name: value for name, value in card.items() if name not in ("name", "sha256")}
    return write_agent(to.with_suffix(".safetensors"), agent, kept)


def _with_users(path: Path, settings: AgentSettings, users: int) -> AgentSettings:
    if settings.network == "flat" and not settings.multi_agent:
        raise CheckpointError(
            f"{path}: was trained for {settings.layout.users} users and can act for no other "
            f"number, the scenario has {users}; train one whose network is of kind 'users'"
        )
    layout = settings.layout.model_copy(update={"users": users})
    scales = settings.scales.model_copy(update={"users": users})
    return settings.model_copy(update={"layout": layout, "scales": scales})


def settings_of(
    layout: Layout,
    scales: Scales,
    actions: ActionSettings,
    network: Kind,
    hidden: tuple[int, ...],
    *,
    sac: bool,
    multi_agent: bool,
) -> AgentSettings:
    """Return the settings of an agent for a layout and scales."""
    return AgentSettings(
        layout=LayoutSettings(**asdict(layout)),
        network=network,
        hidden=hidden,
        seen_deviation=sac,
        squashed=sac,
        multi_agent=multi_agent,
        actions=actions,
        scales=ScaleSettings(**asdict(scales)),
    )
