"""The trainings of ``agents-gap``: every agent's file, with three seeds, as tasks of Ray."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from semsim.config import load
from semsim.errors import SemsimError
from semsim.experiments.definition import Scale, Setting
from semsim_agents.cluster import ray_session
from semsim_agents.config import AgentConfig

#: Where the agents' files are, from the root of a checkout.
CONFIGS = Path("agents/configs")
#: By world and agent: its file, and slots of training at each scale.
AGENTS: dict[str, dict[str, tuple[str, dict[Scale, int]]]] = {
    "static": {
        "PPO": ("ppo_downlink5", {"small": 400_000, "paper": 2_000_000}),
        "SAC": ("sac_downlink5", {"small": 60_000, "paper": 600_000}),
        "cloned + PPO": ("cloned_ppo_downlink5", {"small": 200_000, "paper": 2_000_000}),
    },
    "time-coupled": {
        "PPO": ("ppo_dynamic", {"small": 600_000, "paper": 6_000_000}),
        "SAC": ("sac_dynamic", {"small": 60_000, "paper": 600_000}),
        "cloned + PPO": ("cloned_ppo_dynamic", {"small": 600_000, "paper": 6_000_000}),
    },
}
SEEDS = (1, 2, 3)
#: Points of each learning curve.
_POINTS = 10


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        world: ``static`` or ``time-coupled``.
        agent: what tables call it.
        seed: of its slots and weights.
        config: what is trained.
        folder: of its checkpoints, curve and weights.
    """

    world: str
    agent: str
    seed: int
    config: AgentConfig
    folder: Path

    @property
    def weights(self) -> Path:
        """Of the best agent."""
        return self.folder / f"{self.config.name}.safetensors"

    @property
    def finished(self) -> Path:
        """There once the training has come to its end."""
        return self.folder / "finished"

    def curve(self) -> pd.DataFrame:
        """Return the curve that training left, with what it belongs to."""
        table = pd.read_csv(self.folder / "curve.csv")
        return table.assign(world=self.world, agent=self.agent, seed=self.seed)


def jobs(setting: Setting) -> list[Job]:
    """Return all trainings.

    Raises:
        SemsimError: outside a checkout, where the agents' files are not found.
    """
    if not CONFIGS.is_dir():
        raise SemsimError(f"{CONFIGS}: not found; run this experiment in a checkout of semsim")
    found = []
    for world, agents in AGENTS.items():
        for agent, (name, slots) in agents.items():
            base = load(CONFIGS / f"{name}.yaml", AgentConfig)
            total = slots[setting.scale]
            judging = base.judge.model_copy(update={"every_slots": max(total // _POINTS, 1)})
            for seed in SEEDS:
                config = base.model_copy(update={"seed": seed, "slots": total, "judge": judging})
                folder = setting.keep / "agents-gap" / f"{name}-{total}-{seed}"
                found.append(Job(world, agent, seed, config, folder))
    return found


def train_all(wanted: list[Job], setting: Setting) -> None:
    """Train what is not trained yet, ``setting.workers`` side by side, each from where it was."""
    missing = [job for job in wanted if not job.finished.exists()]
    if not missing:
        return
    # The longest first, so that no worker is left with one at the end.
    missing.sort(key=lambda job: -job.config.slots)
    done = len(wanted) - len(missing)
    setting.report(done, len(wanted), "training")
    with ray_session(setting.workers):
        for job in _trained(missing, setting.workers):
            done += 1
            setting.report(done, len(wanted), f"{job.world}: {job.agent}, seed {job.seed}")


def _trained(missing: list[Job], workers: int) -> Iterator[Job]:
    """Yield every training as it ends; one worker is this process itself."""
    if workers == 1:
        for job in missing:
            _train(job.config, str(job.folder))
            yield job
        return
    import ray

    remote = ray.remote(num_cpus=1, max_retries=3)(_train)
    waiting = {remote.remote(job.config, str(job.folder.resolve())): job for job in missing}
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=1)
        ray.get(ready[0])
        yield waiting.pop(ready[0])


def _train(config: AgentConfig, folder: str) -> None:
    import torch

    from semsim_agents.learning.training import Training

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        Training(config, Path(folder)).run(resume=True)
    finally:
        torch.set_num_threads(threads)
    (Path(folder) / "finished").touch()
