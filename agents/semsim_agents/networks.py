"""Networks that act on observations of a cell; torch alone, so that trained ones run without Ray.

An observation is ``[F fields × N users, C fields of the cell]``, an action ``[3 entries × N users,
total power]`` (``docs/environments.md``). :class:`Layout` takes rows apart into users and puts them
together again; a network between the two treats all users alike, or sees the row as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Kind = Literal["users", "flat"]
#: Entries of an action that each user has: bandwidth, power, rate.
OWN = 3
#: Standard deviations stay between e^-5 and e^1.
_LOG_DEVIATIONS = -5.0, 1.0


@dataclass(frozen=True)
class Layout:
    """How observations and actions are laid out.

    Attributes:
        users: N.
        fields: F, observed of each user.
        whole: C, observed of the cell.
        choices: outputs for an entry of bandwidth, power, rate and total power: 1 where it is a
            number, the number of levels where it is chosen.
    """

    users: int
    fields: int
    whole: int
    choices: tuple[int, int, int, int] = (1, 1, 1, 1)

    @property
    def size(self) -> int:
        """Length of an observation."""
        return self.fields * self.users + self.whole

    @property
    def outputs(self) -> int:
        """Outputs for a whole action."""
        return self.users * sum(self.choices[:OWN]) + self.choices[OWN]

    def users_of(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is observed of users ``[B, N, F]`` and of the cell ``[B, C]``."""
        own = observation[..., : self.fields * self.users]
        own = own.reshape(*own.shape[:-1], self.fields, self.users).transpose(-1, -2)
        return own, observation[..., self.fields * self.users :]

    def entries_of(self, action: Tensor) -> tuple[Tensor, Tensor]:
        """Return users' entries ``[B, N, 3]`` and the total ``[B, 1]`` of continuous actions."""
        own = action[..., : OWN * self.users].reshape(*action.shape[:-1], OWN, self.users)
        return own.transpose(-1, -2), action[..., OWN * self.users :]

    def row(self, own: Tensor, total: Tensor) -> Tensor:
        """Return ``[B, outputs]`` from outputs for users ``[B, N, 3 entries]`` and the total."""
        parts = torch.split(own, list(self.choices[:OWN]), dim=-1)
        return torch.cat([*(part.flatten(-2) for part in parts), total], dim=-1)


class UsersTrunk(nn.Module):
    """Layers that treat all users alike: each sees itself, the mean of all, and the cell.

    They are those of Zaheer et al., "Deep Sets" (2017), eq. (4): whatever the order of the users,
    the result has the same order.
    """

    def __init__(self, fields: int, whole: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        sizes = (fields + whole, *hidden)
        self.own = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, hidden, strict=False))
        self.mean = nn.ModuleList(
            nn.Linear(a, b, bias=False) for a, b in zip(sizes, hidden, strict=False)
        )

    def forward(self, own: Tensor, whole: Tensor) -> Tensor:
        """Map ``[B, N, F]`` and ``[B, C]`` to ``[B, N, hidden]``."""
        x = torch.cat([own, whole.unsqueeze(-2).expand(*own.shape[:-1], -1)], dim=-1)
        for layer, mixing in zip(self.own, self.mean, strict=True):
            x = torch.tanh(layer(x) + mixing(x.mean(dim=-2, keepdim=True)))
        return x


def layers(inputs: int, hidden: tuple[int, ...]) -> nn.Sequential:
    """Return fully connected layers with tanh."""
    sizes = (inputs, *hidden)
    parts: list[nn.Module] = []
    for a, b in zip(sizes, hidden, strict=False):
        parts += [nn.Linear(a, b), nn.Tanh()]
    return nn.Sequential(*parts)


class Network(nn.Module):
    """From an observation to numbers for every user and for the cell.

    Args:
        layout: of observations.
        kind: ``users`` or ``flat``.
        hidden: units of the hidden layers.
        own: numbers for each user.
        whole: numbers for the cell.
        gain: of the last layer's first weights.
    """

    def __init__(
        self,
        layout: Layout,
        kind: Kind,
        hidden: tuple[int, ...],
        own: int,
        whole: int,
        gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.layout, self.kind, self._own = layout, kind, own
        if kind == "users":
            self.trunk: nn.Module = UsersTrunk(layout.fields, layout.whole, hidden)
            self.own_head: nn.Module = nn.Linear(hidden[-1], own) if own else nn.Identity()
        else:
            self.trunk = layers(layout.size, hidden)
            size = own * layout.users
            self.own_head = nn.Linear(hidden[-1], size) if own else nn.Identity()
        self.whole_head = nn.Linear(hidden[-1], whole)
        for head in (self.own_head, self.whole_head):
            if isinstance(head, nn.Linear):
                nn.init.orthogonal_(head.weight, gain)
                nn.init.zeros_(head.bias)

    def forward(self, own: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``[B, N, F]``, ``[B, C]`` to ``[B, N, own]`` (empty for none), ``[B, whole]``."""
        if self.kind == "users":
            x = self.trunk(own, whole)
            pooled = x.mean(dim=-2)
            mine = self.own_head(x) if self._own else x[..., :0]
        else:
            row = torch.cat([own.transpose(-1, -2).flatten(-2), whole], dim=-1)
            pooled = self.trunk(row)
            mine = self.own_head(pooled).unflatten(-1, (self.layout.users, -1))
            mine = mine if self._own else mine[..., :0]
        return mine, self.whole_head(pooled)


class Actor(nn.Module):
    """What the actions are drawn by.

    Continuous: means and logarithms of standard deviations, ``[B, 2 (3N + 1)]``. Discrete: logits
    of all levels of all entries, ``[B, outputs]``.

    Args:
        layout: of observations and actions.
        kind: of the network.
        hidden: its layers.
        deviation: standard deviation at the start.
        seen: whether it depends on the observation, as SAC needs it, or not, as is usual for PPO.
    """

    def __init__(
        self,
        layout: Layout,
        kind: Kind,
        hidden: tuple[int, ...],
        deviation: float = 0.4,
        seen: bool = False,
    ) -> None:
        super().__init__()
        self.layout, self.seen = layout, seen
        self.continuous = layout.choices == (1, 1, 1, 1)
        own, total = sum(layout.choices[:OWN]), layout.choices[OWN]
        self._heads = 2 if self.continuous and seen else 1
        self.network = Network(layout, kind, hidden, own * self._heads, total * self._heads, 0.01)
        if self.continuous:
            # One for each kind of entry, the same for all users.
            value = math.log(deviation)
            self.log_deviation = nn.Parameter(torch.full((OWN + 1,), value))

    def forward(self, observation: Tensor) -> Tensor:
        """Return what the distribution of actions takes, for observations ``[B, size]``."""
        own, total = self.network(*self.layout.users_of(observation))
        if not self.continuous:
            return self.layout.row(own, total)
        spread = self.log_deviation[:OWN].expand(*own.shape[:-1], OWN)
        spread_total = self.log_deviation[OWN:].expand(*total.shape[:-1], 1)
        if self.seen:
            own, more = own.chunk(2, dim=-1)
            total, more_total = total.chunk(2, dim=-1)
            spread, spread_total = spread + more, spread_total + more_total
        log_deviation = self.layout.row(spread, spread_total).clamp(*_LOG_DEVIATIONS)
        return torch.cat([self.layout.row(own, total), log_deviation], dim=-1)

    def act(self, observation: Tensor, squashed: bool) -> Tensor:
        """Return the most likely actions, ``[B, 3N + 1]``.

        Args:
            observation: ``[B, size]``.
            squashed: whether means go through tanh, as SAC's do, or are cut at -1 and 1.
        """
        outputs = self(observation)
        if self.continuous:
            mean = outputs[..., : self.layout.outputs]
            return torch.tanh(mean) if squashed else mean.clamp(-1.0, 1.0)
        return torch.stack([part.argmax(dim=-1) for part in self.logits(outputs)], dim=-1)

    def logits(self, outputs: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of every entry of discrete actions, ``[B, levels]`` each."""
        sizes = [n for n in self.layout.choices[:OWN] for _ in range(self.layout.users)]
        return torch.split(outputs, [*sizes, self.layout.choices[OWN]], dim=-1)


class Agents(nn.Module):
    """The same actor for every user, each with a view of its own, as in the PettingZoo world.

    Args:
        layout: of the whole cell.
        actor: of one agent: its view is ``[F, F means, C]``, its action has four entries.
    """

    def __init__(self, layout: Layout, actor: Actor) -> None:
        super().__init__()
        self.layout, self.actor = layout, actor

    def act(self, observation: Tensor, squashed: bool) -> Tensor:
        """Return the most likely actions of all agents together, ``[B, 3N + 1]``."""
        actions = self.actor.act(self.views(observation), squashed)  # [B, N, 4]
        wishes = actions[..., OWN].to(observation.dtype).mean(dim=-1, keepdim=True)
        total = wishes if self.actor.continuous else wishes.round()
        entries = actions[..., :OWN].transpose(-1, -2).flatten(-2)
        return torch.cat([entries.to(total.dtype), total], dim=-1)

    def views(self, observation: Tensor) -> Tensor:
        """Return what each agent sees, ``[B, N, 2 F + C]``."""
        own, whole = self.layout.users_of(observation)
        mean = own.mean(dim=-2, keepdim=True).expand_as(own)
        return torch.cat([own, mean, whole.unsqueeze(-2).expand(*own.shape[:-1], -1)], dim=-1)


def view_layout(layout: Layout) -> Layout:
    """Return the layout of one agent's view and action."""
    return Layout(1, 2 * layout.fields + layout.whole, 0, layout.choices)
