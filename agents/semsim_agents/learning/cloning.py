"""Behaviour cloning: an agent learns to do what an allocator does, before it learns by itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from semsim.allocation.active import allocator_of
from semsim.rng import Streams
from semsim.types import Allocation, DownlinkState
from semsim_agents.config import AgentConfig, CloneConfig
from semsim_agents.export import Agent
from semsim_agents.learning.worlds import environment_arguments
from semsim_agents.networks import OWN, Actor, Agents
from semsim_envs.slots import row_of
from semsim_envs.vector import DownlinkVectorEnv


def clone(agent: Agent, config: AgentConfig, told: Callable[[int, int, float], None]) -> float:
    """Train ``agent`` to act as the allocator of ``config.clone``, and return the last loss.

    The allocator plays its own slots; the agent sees what it would see in them. Entries of users
    who are not active are left out, and so are those of slots in which nobody is. Continuous
    actions are fitted in the least-squares sense, discrete ones by cross entropy.

    Args:
        agent: trained in place.
        config: with ``clone``.
        told: called with epochs done, epochs in all, loss.

    Raises:
        ValueError: if there is nothing to clone.
    """
    wanted = config.clone
    if wanted is None:
        raise ValueError(f"{config.name}: 'clone' is not set")
    streams = Streams(config.seed).child("clone")
    observations, actions, weights = _demonstrations(config, wanted)
    optimizer = torch.optim.Adam(agent.actor.parameters(), lr=wanted.learning_rate)
    rng = streams.numpy("order")
    loss = math.nan
    for epoch in range(wanted.epochs):
        losses = []
        for rows in _batches(len(observations), wanted.batch, rng):
            loss_now = _loss(agent, observations[rows], actions[rows], weights[rows])
            optimizer.zero_grad(set_to_none=True)
            loss_now.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(float(loss_now.detach()))
        loss = float(np.mean(losses))
        told(epoch + 1, wanted.epochs, loss)
    if agent.actor.continuous:
        with torch.no_grad():
            agent.actor.log_deviation.fill_(math.log(wanted.deviation))
    return loss


def _demonstrations(config: AgentConfig, wanted: CloneConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Return observations, the allocator's actions, and which of their entries matter."""
    cells = config.resources.cells
    env = DownlinkVectorEnv(cells, **environment_arguments(config))
    problem, dynamic = env.cell.problem, env.cell.scenario.dynamics is not None
    rng = Streams(config.seed).child("clone").numpy("allocator")
    allocator = allocator_of(wanted.allocator, problem, rng, dynamic=dynamic)
    # What allocators are compared on has the seed itself, what is cloned another.
    observation, _ = env.reset(seed=int(rng.integers(2**31)))
    rows: tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]] = ([], [], [])
    for _ in range(-(-wanted.slots // cells)):
        state = env.state()
        active = _active(state)
        found = allocator.allocate(state)
        taken = np.stack([_encoded(env, found, state, cell) for cell in range(cells)])
        total = active.any(axis=-1, keepdims=True)
        rows[0].append(observation)
        rows[1].append(taken)
        rows[2].append(np.concatenate([active] * OWN + [total], axis=-1))
        observation, *_ = env.step(
            taken.astype(np.float32) if env.coding.kind == "continuous" else taken
        )
    kept = [np.concatenate(column) for column in rows]
    some = kept[2].any(axis=-1)
    seen, acted, matter = (torch.as_tensor(column[some]) for column in kept)
    return seen, acted, matter


def _active(state: DownlinkState) -> np.ndarray:
    return np.ones(state.gain.shape, dtype=np.bool_) if state.active is None else state.active


def _encoded(
    env: DownlinkVectorEnv, found: Allocation, state: DownlinkState, cell: int
) -> np.ndarray:
    one = Allocation(found.rho[cell], found.b_hz[cell], found.p_w[cell])
    return env.coding.encode(one, row_of(state, cell).active, nearest=True)


def _batches(count: int, size: int, rng: np.random.Generator) -> Iterator[Tensor]:
    order = torch.as_tensor(rng.permutation(count))
    yield from torch.split(order, size)


def _loss(agent: Agent, seen: Tensor, acted: Tensor, matter: Tensor) -> Tensor:
    if isinstance(agent.network, Agents):
        return _agents_loss(agent.network, seen, acted, matter)
    return _actor_loss(agent.network, seen, acted, matter, agent.settings.squashed)


def _actor_loss(
    actor: Actor, seen: Tensor, acted: Tensor, matter: Tensor, squashed: bool
) -> Tensor:
    outputs, kept = actor(seen), matter.float()
    if actor.continuous:
        mean = outputs[..., : actor.layout.outputs]
        mean = torch.tanh(mean) if squashed else mean
        return ((mean - acted.float()).square() * kept).sum() / kept.sum()
    losses = [
        torch.nn.functional.cross_entropy(part, column.long(), reduction="none")
        for part, column in zip(actor.logits(outputs), acted.unbind(-1), strict=True)
    ]
    return (torch.stack(losses, dim=-1) * kept).sum() / kept.sum()


def _agents_loss(network: Agents, seen: Tensor, acted: Tensor, matter: Tensor) -> Tensor:
    """Every agent is asked for its own entries, and to wish for the total that was chosen."""
    users = network.layout.users
    views = network.views(seen).flatten(0, 1)
    own, total = acted[..., : OWN * users], acted[..., OWN * users :]
    mine = own.reshape(-1, OWN, users).transpose(-1, -2)
    asked = torch.cat([mine, total[:, None].expand(-1, users, -1)], dim=-1).flatten(0, 1)
    active = matter[..., :users].flatten()[:, None].expand(-1, OWN + 1)
    return _actor_loss(network.actor, views, asked, active, squashed=False)
