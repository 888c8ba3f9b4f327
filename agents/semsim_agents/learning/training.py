"""Trains an agent: warm start, learning, judging on the way, checkpoints, resuming."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from ray.rllib.algorithms import Algorithm
from ray.rllib.core.rl_module import RLModule
from tensorboardX import SummaryWriter

from semsim.documents import read_yaml
from semsim.errors import CheckpointError
from semsim.results import write_json, write_text
from semsim.rng import Streams
from semsim_agents.config import AgentAllocatorConfig, AgentConfig, PpoConfig, SacConfig
from semsim_agents.export import (
    ActionSettings,
    Agent,
    new_agent,
    settings_of,
    write_agent,
)
from semsim_agents.judging import judge
from semsim_agents.learning.algorithms import SHARED, algorithm_config, build, is_multi_agent
from semsim_agents.learning.cloning import clone
from semsim_agents.learning.modules import PpoModule, SacModule
from semsim_agents.learning.worlds import environment_arguments, layout_of, reward_scale
from semsim_envs.vector import DownlinkVectorEnv

#: Of a configuration, what may change between a run and the one that goes on with it.
_MAY_CHANGE = {"slots", "resources", "judge", "description", "tune"}


@dataclass(frozen=True)
class Step:
    """What a training tells on its way.

    Attributes:
        slots: of all cells together, so far.
        total: at the end.
        slots_per_s: since this process started, judging and checkpoints included.
        utility: a slot, of the agent as it acts when judged, NaN before the first time.
        half: of its 95 % interval.
        stage: what is being done.
        figures: of the last update.
    """

    slots: int
    total: int
    slots_per_s: float
    utility: float
    half: float
    stage: str
    figures: dict[str, float]


@dataclass
class _Progress:
    """What a checkpoint remembers beside RLlib's own."""

    slots: int = 0
    seconds: float = 0.0
    best: float = -math.inf
    curve: list[dict[str, float]] | None = None


Told = Callable[[Step], None]


class Training:
    """One run of a configuration; Ray must be there (:func:`semsim_agents.cluster.ray_session`).

    Args:
        config: what to train.
        folder: for checkpoints, curve, logs and weights.
        report: told about progress.

    Raises:
        ScenarioError: if the scenario does not fit.
    """

    def __init__(self, config: AgentConfig, folder: Path, report: Told = lambda _: None) -> None:
        self.config, self.folder, self._report = config, folder, report
        self._progress = _Progress(curve=[])
        env = DownlinkVectorEnv(1, **environment_arguments(config))
        self._cell = env.cell
        self._layout = layout_of(env)
        multi, sac = is_multi_agent(config), isinstance(config.algorithm, SacConfig)
        self.agent = new_agent(
            settings_of(
                self._layout,
                env.view.scales,
                ActionSettings(
                    kind=config.actions,
                    share_range_db=config.share_range_db,
                    power_range_db=config.power_range_db,
                    levels=config.levels,
                ),
                config.network.kind,
                config.network.hidden,
                sac=sac,
                multi_agent=multi,
            ),
            config.network.deviation,
        )

    @property
    def weights(self) -> Path:
        """Where the best agent so far is."""
        return self.folder / f"{self.config.name}.safetensors"

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    def run(self, *, resume: bool = False) -> dict[str, Any]:
        """Train to the end and return the card of the best agent.

        Raises:
            CheckpointError: if ``resume`` finds a run of another configuration.
        """
        going_on = resume and self._checkpoint.is_dir()
        if going_on:
            self._check_same()
        else:
            shutil.rmtree(self.folder / "tensorboard", ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        initial = None if going_on or self.config.clone is None else self._cloned()
        scale = reward_scale(self.config)
        algorithm = build(algorithm_config(self.config, self._layout, scale, initial))
        try:
            if going_on:
                self._restore(algorithm)
            with _logs(self.folder, self._progress.slots) as log:
                return self._learn(algorithm, log)
        finally:
            algorithm.stop()

    def export_latest(self, to: Path) -> dict[str, Any]:
        """Write the agent of the last checkpoint to ``to``, and return its card.

        Raises:
            CheckpointError: if there is none, or one of another configuration.
        """
        if not self._checkpoint.is_dir():
            raise CheckpointError(f"{self._checkpoint}: there is no checkpoint; train first")
        self._check_same()
        kept = self._checkpoint / "rllib" / "learner_group" / "learner" / "rl_module"
        module = RLModule.from_checkpoint(str((kept / policy_name(self.config)).resolve()))
        if not isinstance(module, PpoModule | SacModule):  # RLlib falls back to a bare one
            raise CheckpointError(
                f"{self._checkpoint}: was written by another version of semsim; export the best "
                "weights (without --latest), or train again"
            )
        take_weights(self.agent, self.config, module.get_state())
        self._progress = self._kept_progress()
        points = self._progress.curve or [{"utility": math.nan, "half": math.nan}]
        return write_agent(to.with_suffix(".safetensors"), self.agent, self._described(points[-1]))

    def _cloned(self) -> dict[str, torch.Tensor]:
        config = self.config

        def told(done: int, epochs: int, loss: float) -> None:
            self._tell(0.0, f"cloning: epoch {done}/{epochs}", {"loss": loss})

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(Streams(config.seed).numpy("weights").integers(2**62)))
            clone(self.agent, config, told)
        return {name: value.clone() for name, value in self.agent.actor.state_dict().items()}

    def _learn(self, algorithm: Algorithm, log: SummaryWriter) -> dict[str, Any]:
        config, progress = self.config, self._progress
        begun, first = time.perf_counter(), progress.slots
        before = progress.seconds
        if not progress.curve:
            self._judge(algorithm, log)
        due = _next(progress.slots, config.judge.every_slots)
        while progress.slots < config.slots:
            result = algorithm.train()
            progress.slots = int(result["num_env_steps_sampled_lifetime"])
            seconds = time.perf_counter() - begun
            progress.seconds = before + seconds
            figures = _figures(result)
            for name, value in figures.items():
                log.add_scalar(f"learning/{name}", value, progress.slots)
            self._tell((progress.slots - first) / seconds, "learning", figures)
            if progress.slots >= due or progress.slots >= config.slots:
                self._judge(algorithm, log)
                self._save(algorithm)
                due = _next(progress.slots, config.judge.every_slots)
        return self._card()

    def _tell(self, pace: float, stage: str, figures: dict[str, float]) -> None:
        curve = self._progress.curve
        last = curve[-1] if curve else {"utility": math.nan, "half": math.nan}
        slots, total = self._progress.slots, self.config.slots
        step = Step(slots, total, pace, last["utility"], last["half"], stage, figures)
        self._report(step)

    def _judge(self, algorithm: Algorithm, log: SummaryWriter) -> None:
        """Judge the agent on slots that it does not learn from, and keep it if it is the best."""
        config, progress = self.config, self._progress
        self._take_weights(algorithm)
        current = self.folder / "current.safetensors"
        write_agent(current, self.agent, {})
        seed = int(Streams(config.seed).numpy("judge").integers(2**31))
        method = {"agent": AgentAllocatorConfig(checkpoint=current)}
        wanted = config.judge
        row = judge(
            self._cell, method, wanted.slots, wanted.cells, seed, config.episode_slots
        ).iloc[0]
        utility, half = float(row["utility"]), float(row["half"])
        point = {"slots": float(progress.slots), "seconds": round(progress.seconds, 1)}
        point |= {name: float(row[name]) for name in ("utility", "half", "delivered", "energy_j")}
        if progress.curve is not None:
            progress.curve.append(point)
            table = pd.DataFrame(progress.curve).to_csv(index=False, float_format="%.6g")
            write_text(self.folder / "curve.csv", table)
        for name in ("utility", "delivered", "energy_j"):
            log.add_scalar(f"judged/{name}", point[name], progress.slots)
        if utility > progress.best:
            progress.best = utility
            write_agent(self.weights, self.agent, self._described(point))
        for path in (current, current.with_suffix(".yaml")):
            path.unlink()
        self._tell(0.0, f"judged: {utility:.3f} ± {half:.3f}", {})

    def _described(self, point: dict[str, float]) -> dict[str, Any]:
        config = self.config
        figures = ("utility", "half", "delivered")
        return {
            "algorithm": config.algorithm.kind,
            "scenario": config.scenario.name,
            "seed": config.seed,
            "slots": int(point.get("slots", 0)),
            "cloned": None if config.clone is None else config.clone.allocator.kind,
            "parameters": sum(weights.numel() for weights in self.agent.actor.parameters()),
            "figures": {name: round(point[name], 4) for name in figures if name in point},
        }

    def _card(self) -> dict[str, Any]:
        card: dict[str, Any] = read_yaml(self.weights.with_suffix(".yaml")).data
        return card | {"weights": str(self.weights)}

    def _take_weights(self, algorithm: Algorithm) -> None:
        """Take the actor's weights from the learner."""
        states = algorithm.learner_group.get_weights()
        take_weights(self.agent, self.config, states[policy_name(self.config)])

    def _save(self, algorithm: Algorithm) -> None:
        """Keep a checkpoint: the old one is there until the new one is whole."""
        fresh, old = self.folder / "checkpoint.new", self.folder / "checkpoint.old"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        algorithm.save_to_path(str((fresh / "rllib").resolve()))
        write_json(fresh / "progress.json", asdict(self._progress))
        write_json(fresh / "config.json", self._comparable())
        if self._checkpoint.is_dir():
            shutil.rmtree(old, ignore_errors=True)
            self._checkpoint.rename(old)
        fresh.rename(self._checkpoint)
        shutil.rmtree(old, ignore_errors=True)

    def _comparable(self) -> dict[str, Any]:
        fields = self.config.model_dump(mode="json", by_alias=True)
        return {name: value for name, value in fields.items() if name not in _MAY_CHANGE}

    def _check_same(self) -> None:
        kept = json.loads((self._checkpoint / "config.json").read_text(encoding="utf-8"))
        now = json.loads(json.dumps(self._comparable()))
        different = sorted(name for name in now if kept.get(name) != now[name])
        if different:
            raise CheckpointError(
                f"{self._checkpoint}: was trained with another {', '.join(different)}; train "
                "without --resume, or give another --folder"
            )

    def _kept_progress(self) -> _Progress:
        kept = json.loads((self._checkpoint / "progress.json").read_text(encoding="utf-8"))
        return _Progress(**kept)

    def _restore(self, algorithm: Algorithm) -> None:
        self._progress = self._kept_progress()
        algorithm.restore_from_path(str((self._checkpoint / "rllib").resolve()))


def policy_name(config: AgentConfig) -> str:
    """Return what RLlib calls the policy that is trained."""
    return SHARED if is_multi_agent(config) else "default_policy"


def take_weights(agent: Agent, config: AgentConfig, state: dict[str, Any]) -> None:
    """Fill an agent with the actor's part of the state of an RLlib module."""
    prefix = "actor." if isinstance(config.algorithm, PpoConfig) else "pi."
    actor = {
        key.removeprefix(prefix): torch.as_tensor(value)
        for key, value in state.items()
        if key.startswith(prefix)
    }
    agent.actor.load_state_dict(actor)


def _next(slots: int, every: int) -> int:
    return (slots // every + 1) * every


def _figures(result: dict[str, Any]) -> dict[str, float]:
    """Return what is worth watching of RLlib's many figures."""
    learners = result.get("learners", {})
    found: dict[str, Any] = next(
        (row for name, row in learners.items() if name != "__all_modules__"), {}
    )
    wanted = ("entropy", "vf_explained_var", "mean_kl_loss", "alpha_value", "qf_mean", "total_loss")
    return {name: float(found[name]) for name in wanted if name in found}


@contextmanager
def _logs(folder: Path, slots: int) -> Iterator[SummaryWriter]:
    writer = SummaryWriter(str(folder / "tensorboard"), purge_step=slots)
    try:
        yield writer
    finally:
        writer.close()
