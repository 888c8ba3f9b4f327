"""From a configuration to an algorithm of RLlib."""

from __future__ import annotations

from typing import Any

import gymnasium
from ray.rllib.algorithms import Algorithm, AlgorithmConfig, PPOConfig, SACConfig
from ray.rllib.core.rl_module import RLModuleSpec
from ray.rllib.core.rl_module.multi_rl_module import MultiRLModuleSpec
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.tune.registry import register_env
from torch import Tensor

from semsim_agents.config import AgentConfig, PpoConfig, SacConfig
from semsim_agents.learning.modules import PpoModule, SacModule
from semsim_agents.learning.worlds import (
    RewardScale,
    ScaledParallel,
    environment_arguments,
    vector_world,
)
from semsim_agents.networks import Layout, view_layout

#: What RLlib registers a world as, and Gymnasium warns about when it does so again.
_RLLIB_WORLDS = "rllib-single-agent-env-v0", "rllib-multi-agent-env-v0"
#: The policy that all agents of a multi-agent world share.
SHARED = "user"


def is_multi_agent(config: AgentConfig) -> bool:
    """Tell whether every user is an agent."""
    return isinstance(config.algorithm, PpoConfig) and config.algorithm.multi_agent


def register_world(config: AgentConfig, scale: RewardScale) -> str:
    """Make the configuration's world known to RLlib; return the name that it has there."""
    name = f"semsim-{config.name}"
    if is_multi_agent(config):

        def make_parallel(_: Any) -> Any:
            return ParallelPettingZooEnv(ScaledParallel(scale, **environment_arguments(config)))

        register_env(name, make_parallel)
    else:

        def make_vector(context: Any) -> Any:
            return vector_world(config, scale, int(context["num_envs"]))

        register_env(name, make_vector)
    return name


def algorithm_config(
    config: AgentConfig,
    layout: Layout,
    scale: RewardScale,
    initial: dict[str, Tensor] | None = None,
) -> AlgorithmConfig:
    """Return what RLlib builds the configuration's algorithm from; its new API stack.

    Args:
        config: the agent's.
        layout: of the whole cell's observations and actions.
        scale: of rewards.
        initial: weights that the actor starts with; drawn by default.
    """
    multi = is_multi_agent(config)
    settings = config.algorithm
    built = _ppo(settings) if isinstance(settings, PpoConfig) else _sac(settings, layout)
    resources, network = config.resources, config.network
    built.environment(register_world(config, scale), disable_env_checking=True)
    built.framework("torch")
    built.env_runners(
        num_env_runners=resources.runners,
        num_envs_per_env_runner=resources.cells,
        gym_env_vectorize_mode="vector_entry_point" if not multi else "sync",
        rollout_fragment_length="auto",
        sample_timeout_s=600.0,
    )
    built.learners(num_learners=resources.learners, num_gpus_per_learner=resources.gpus_per_learner)
    built.fault_tolerance(restart_failed_env_runners=True, max_num_env_runner_restarts=1000)
    built.reporting(min_time_s_per_iteration=0, min_sample_timesteps_per_iteration=0)
    built.debugging(seed=config.seed, log_level="ERROR")
    seen = view_layout(layout) if multi else layout
    spec = RLModuleSpec(
        module_class=PpoModule if isinstance(settings, PpoConfig) else SacModule,
        model_config={
            "layout": seen,
            "kind": "flat" if multi else network.kind,
            "hidden": network.hidden,
            "deviation": network.deviation,
            "initial": initial,
        },
    )
    if multi:
        built.multi_agent(policies={SHARED}, policy_mapping_fn=_shared)
        built.rl_module(rl_module_spec=MultiRLModuleSpec(rl_module_specs={SHARED: spec}))
    else:
        built.rl_module(rl_module_spec=spec)
    return built


def build(config: AlgorithmConfig) -> Algorithm:
    """Return the algorithm; one process may build several, one after the other."""
    for name in _RLLIB_WORLDS:
        gymnasium.registry.pop(name, None)
    return config.build_algo()


def _shared(*_: Any, **__: Any) -> str:
    return SHARED


def _ppo(settings: PpoConfig) -> PPOConfig:
    built = PPOConfig()
    built.training(
        gamma=settings.gamma,
        lr=settings.learning_rate,
        train_batch_size_per_learner=settings.batch,
        minibatch_size=settings.minibatch,
        num_epochs=settings.epochs,
        lambda_=settings.lambda_,
        clip_param=settings.clip,
        entropy_coeff=settings.entropy,
        use_kl_loss=False,
        vf_clip_param=float("inf"),  # the default cuts every loss above 10
        vf_loss_coeff=0.5,
        grad_clip=0.5,
    )
    return built


def _sac(settings: SacConfig, layout: Layout) -> SACConfig:
    built = SACConfig()
    built.training(
        gamma=settings.gamma,
        actor_lr=settings.learning_rate,
        critic_lr=settings.learning_rate,
        alpha_lr=settings.learning_rate,
        train_batch_size_per_learner=settings.batch,
        replay_buffer_config={"type": "EpisodeReplayBuffer", "capacity": settings.memory},
        store_buffer_in_checkpoints=True,
        num_steps_sampled_before_learning_starts=settings.begin,
        training_intensity=settings.updates_per_slot * settings.batch,
        tau=settings.tau,
        target_entropy=settings.entropy_per_entry * layout.outputs,
        initial_alpha=0.1,
        grad_clip=10.0,
        twin_q=True,
    )
    built.lr = None
    return built
