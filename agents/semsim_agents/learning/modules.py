"""The networks as RLlib modules."""

from __future__ import annotations

from typing import Any

import gymnasium
import torch
from ray.rllib.algorithms.sac.sac_learner import (
    ACTION_DIST_INPUTS_NEXT,
    QF_PREDS,
    QF_TWIN_PREDS,
)
from ray.rllib.core.columns import Columns
from ray.rllib.core.distribution.torch.torch_distribution import (
    TorchDiagGaussian,
    TorchMultiCategorical,
    TorchSquashedGaussian,
)
from ray.rllib.core.learner.utils import make_target_network
from ray.rllib.core.rl_module.apis import (
    InferenceOnlyAPI,
    QNetAPI,
    TargetNetworkAPI,
    ValueFunctionAPI,
)
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import Tensor, nn

from semsim_agents.networks import Actor, Layout, Network


def _actor(settings: dict[str, Any], seen: bool = False) -> Actor:
    actor = Actor(
        settings["layout"], settings["kind"], settings["hidden"], settings["deviation"], seen
    )
    if settings["initial"] is not None:
        actor.load_state_dict(settings["initial"])
    return actor


class PpoModule(TorchRLModule, InferenceOnlyAPI, ValueFunctionAPI):  # type: ignore[misc]
    """An actor and, in a network of its own, a critic."""

    def setup(self) -> None:
        """Build the networks."""
        settings = self.model_config
        layout, kind, hidden = settings["layout"], settings["kind"], settings["hidden"]
        self.actor = _actor(settings)
        self.critic = Network(layout, kind, hidden, 0, 1)
        if isinstance(self.action_space, gymnasium.spaces.MultiDiscrete):
            self.action_dist_cls = TorchMultiCategorical.get_partial_dist_cls(
                space=self.action_space, input_lens=[int(n) for n in self.action_space.nvec]
            )
        else:
            self.action_dist_cls = TorchDiagGaussian

    def get_non_inference_attributes(self) -> list[str]:
        """Return what is not needed to act."""
        return ["critic"]

    def _forward(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {Columns.ACTION_DIST_INPUTS: self.actor(batch[Columns.OBS])}

    def compute_values(self, batch: dict[str, Any], embeddings: Any = None) -> Tensor:  # noqa: ARG002
        """Return the values ``[B]`` of the observations."""
        values: Tensor = self.critic(*self.critic.layout.users_of(batch[Columns.OBS]))[1]
        return values.squeeze(-1)


class Judge(nn.Module):
    """What an action is worth, by observation and action (the Q of SAC)."""

    def __init__(self, layout: Layout, kind: Any, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.layout = layout
        seen = Layout(layout.users, layout.fields + 3, layout.whole + 1)
        self.network = Network(seen, kind, hidden, 0, 1)

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        """Return ``[B]`` for ``[B, size]`` and ``[B, 3N + 1]``."""
        own, whole = self.layout.users_of(observation)
        entries, total = self.layout.entries_of(action)
        value: Tensor = self.network(
            torch.cat([own, entries], dim=-1), torch.cat([whole, total], dim=-1)
        )[1]
        return value.squeeze(-1)


class SacModule(TorchRLModule, InferenceOnlyAPI, TargetNetworkAPI, QNetAPI):  # type: ignore[misc]
    """An actor and two judges with slow copies, named as RLlib's SAC learner asks for them."""

    def setup(self) -> None:
        """Build the networks."""
        settings = self.model_config
        layout, kind, hidden = settings["layout"], settings["kind"], settings["hidden"]
        # The learner takes what it optimises by these names.
        self.pi_encoder = nn.Identity()
        self.pi = _actor(settings, seen=True)
        if not self.inference_only:
            self.qf_encoder, self.qf_twin_encoder = nn.Identity(), nn.Identity()
            self.qf = Judge(layout, kind, hidden)
            self.qf_twin = Judge(layout, kind, hidden)
        self.action_dist_cls = TorchSquashedGaussian.get_partial_dist_cls(low=-1.0, high=1.0)

    def get_non_inference_attributes(self) -> list[str]:
        """Return what is not needed to act."""
        return ["qf", "qf_twin", "target_qf", "target_qf_twin", "qf_encoder", "qf_twin_encoder"]

    def make_target_networks(self) -> None:
        """Make the slow copies."""
        self.target_qf = make_target_network(self.qf)
        self.target_qf_twin = make_target_network(self.qf_twin)

    def get_target_network_pairs(self) -> list[tuple[Any, Any]]:
        """Return networks with their slow copies."""
        return [(self.qf, self.target_qf), (self.qf_twin, self.target_qf_twin)]

    def forward_target(self, batch: dict[str, Any]) -> Tensor:
        """Return the lower of what both slow copies say, ``[B]``."""
        seen, action = batch[Columns.OBS], batch[Columns.ACTIONS]
        return torch.minimum(self.target_qf(seen, action), self.target_qf_twin(seen, action))

    def compute_q_values(self, batch: dict[str, Any]) -> Tensor:
        """Return the lower of what both judges say, ``[B]``."""
        seen, action = batch[Columns.OBS], batch[Columns.ACTIONS]
        return torch.minimum(self.qf(seen, action), self.qf_twin(seen, action))

    def _forward(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {Columns.ACTION_DIST_INPUTS: self.pi(batch[Columns.OBS])}

    def _forward_train(self, batch: dict[str, Any], **_: Any) -> dict[str, Any]:
        seen, following = batch[Columns.OBS], batch[Columns.NEXT_OBS]
        inputs, next_inputs = self.pi(seen), self.pi(following)
        kind = self.get_train_action_dist_cls()
        action, logp = kind.from_logits(inputs).rsample_and_logp()
        next_action, next_logp = kind.from_logits(next_inputs).sample_and_logp()
        judges = [*self.qf.parameters(), *self.qf_twin.parameters()]
        for weight in judges:  # the actor's loss passes through the judges and leaves them alone
            weight.requires_grad = False
        q_curr = self.compute_q_values({Columns.OBS: seen, Columns.ACTIONS: action})
        for weight in judges:
            weight.requires_grad = True
        aim = {Columns.OBS: following, Columns.ACTIONS: next_action.detach()}
        return {
            QF_PREDS: self.qf(seen, batch[Columns.ACTIONS]),
            QF_TWIN_PREDS: self.qf_twin(seen, batch[Columns.ACTIONS]),
            Columns.ACTION_DIST_INPUTS: inputs,
            ACTION_DIST_INPUTS_NEXT: next_inputs,
            "logp_resampled": logp,
            "logp_next_resampled": next_logp.detach(),
            "q_curr": q_curr,
            "q_target_next": self.forward_target(aim).detach(),
        }
