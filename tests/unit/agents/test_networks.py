"""Networks: rows to users and back, no order among users, the same views as in PettingZoo."""

from pathlib import Path

import numpy as np
import pytest
import torch

from semsim_agents.networks import Actor, Agents, Layout, Network, view_layout
from semsim_envs.downlink import DownlinkEnv
from semsim_envs.parallel import DownlinkParallel

SCENARIOS = Path(__file__).parents[3] / "scenarios"
LAYOUT = Layout(users=4, fields=3, whole=1)


def permuted(rows: torch.Tensor, fields: int, order: list[int]) -> torch.Tensor:
    """Give the users another order in rows of ``fields`` a user and some more."""
    users = len(order)
    own = rows[..., : fields * users].reshape(*rows.shape[:-1], fields, users)[..., order]
    return torch.cat([own.flatten(-2), rows[..., fields * users :]], dim=-1)


@pytest.mark.parametrize("seen", [False, True])
def test_users_have_no_order(seen: bool) -> None:
    torch.manual_seed(0)
    actor = Actor(LAYOUT, "users", (8, 8), seen=seen)
    for weights in actor.network.own_head.parameters():
        torch.nn.init.normal_(weights)
    rows, order = torch.rand(5, LAYOUT.size), [2, 0, 3, 1]
    one = actor.act(rows, squashed=seen)
    other = actor.act(permuted(rows, LAYOUT.fields, order), squashed=seen)
    torch.testing.assert_close(permuted(one, 3, order), other)
    assert not torch.allclose(one, other)


def test_a_network_for_users_takes_any_number_of_them() -> None:
    torch.manual_seed(0)
    few, many = Layout(2, 3, 1), Layout(6, 3, 1)
    actor = Actor(few, "users", (8,))
    wide = Actor(many, "users", (8,))
    wide.load_state_dict(actor.state_dict())
    row = torch.rand(1, few.size)
    # Three copies of the same two users: the mean over all is the same, and so is what each gets.
    copies = permuted(
        torch.cat([row[:, :6].reshape(1, 3, 2).repeat(1, 1, 3).flatten(1), row[:, 6:]], 1),
        3,
        list(range(6)),
    )
    one, three = actor.act(row, squashed=False), wide.act(copies, squashed=False)
    torch.testing.assert_close(three[:, :2], one[:, :2])
    torch.testing.assert_close(three[:, -1], one[:, -1])


def test_rows_are_taken_apart_as_environments_put_them_together() -> None:
    env = DownlinkEnv(SCENARIOS / "downlink_dynamic.yaml")
    observation, _ = env.reset(seed=3)
    fields = [field for field in env.view.fields if field.each]
    layout = Layout(env.cell.users, len(fields), len(env.view.fields) - len(fields))
    assert layout.size == observation.size
    own, whole = layout.users_of(torch.as_tensor(observation)[None])
    state = env.state()
    assert state.waiting is not None
    names = [field.name for field in fields]
    queue = own[0, :, names.index("queue")].numpy()
    np.testing.assert_allclose(queue, state.waiting.queue / 6, rtol=1e-6)
    assert whole.shape == (1, 1)
    action = torch.rand(2, layout.outputs)
    entries, total = layout.entries_of(action)
    assert layout.row(entries, total).equal(action)


def test_logits_stand_in_the_order_of_the_action_space() -> None:
    layout = Layout(users=3, fields=2, whole=0, choices=(5, 5, 2, 5))
    actor = Actor(layout, "flat", (4,))
    outputs = torch.arange(layout.outputs, dtype=torch.float32)[None]
    sizes = [part.shape[-1] for part in actor.logits(outputs)]
    assert sizes == [5] * 6 + [2] * 3 + [5]  # MultiDiscrete: all bandwidths, powers, rates, total
    assert actor.act(torch.rand(7, layout.size), squashed=False).shape == (7, 10)


def test_agents_see_and_act_as_in_the_parallel_world() -> None:
    world = DownlinkParallel(SCENARIOS / "downlink_dynamic.yaml")
    observations, _ = world.reset(seed=1)
    fields = world.env.view.fields
    each = sum(field.each for field in fields)
    layout = Layout(world.env.cell.users, each, len(fields) - each)
    torch.manual_seed(0)
    actor = Actor(view_layout(layout), "flat", (8,))
    for head in (actor.network.own_head, actor.network.whole_head):
        torch.nn.init.normal_(head.weight)  # type: ignore[arg-type]
    joint = Agents(layout, actor)
    row = torch.as_tensor(world.state())[None]
    views = joint.views(row)[0]
    for user, agent in enumerate(world.possible_agents):
        np.testing.assert_allclose(views[user], observations[agent], rtol=1e-6)
    apart = {
        agent: actor.act(torch.as_tensor(seen)[None], squashed=False)[0].detach().numpy()
        for agent, seen in observations.items()
    }
    together = joint.act(row, squashed=False)[0].detach().numpy()
    np.testing.assert_allclose(world._joined(apart), together, rtol=1e-5, atol=1e-6)


def test_a_critic_does_not_care_who_is_who() -> None:
    torch.manual_seed(1)
    critic = Network(LAYOUT, "users", (8, 8), 0, 1)
    rows = torch.rand(3, LAYOUT.size)
    other = permuted(rows, LAYOUT.fields, [3, 1, 0, 2])
    values = [critic(*LAYOUT.users_of(seen))[1] for seen in (rows, other)]
    torch.testing.assert_close(*values)
