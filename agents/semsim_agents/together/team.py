"""Training a codec on several workers: Ray starts them, torch.distributed adds up gradients.

Ray Train starts a process a worker with a process group among them, and starts them all anew from
the last checkpoint when one dies. Rank 0 sends progress, checkpoints and weights to a mailbox
beside the driver, which alone writes, so that machines need no disk in common.
"""

from __future__ import annotations

import os
import platform
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from semsim.channels.devices import check_device
from semsim.errors import SemsimError
from semsim.results import recorded_versions
from semsim.training.gang import check_shareable
from semsim.training.logs import Logs
from semsim.training.loop import CHECKPOINT, Progress
from semsim.training.recipe import Recipe
from semsim_agents.cluster import environment, ray_session
from semsim_agents.together.mailbox import Failed, Finished, Kept, Told, make_mailbox
from semsim_agents.together.work import Order, work

#: What every worker runs.
Work: TypeAlias = Callable[[Order], None]

#: For Ray Train: workers stay in the driver's folder, look for the dead often, measure nothing.
_SETTINGS = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
    "RAY_TRAIN_METRICS_ENABLED": "0",
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
}


@dataclass(frozen=True)
class Team:
    """Who trains.

    Attributes:
        workers: processes that share every batch.
        address: of a running cluster; ``None`` starts Ray on this machine.
        device: ``cpu``, or ``cuda`` for one GPU a worker.
        cpus: that Ray reserves for a worker, and threads that it computes with.
        retries: how often all go on from the last checkpoint after one has died.
    """

    workers: int = 2
    address: str | None = None
    device: str = "cpu"
    cpus: int = 1
    retries: int = 3

    @property
    def needs(self) -> dict[str, float]:
        """What Ray reserves for each worker."""
        gpu = {"GPU": 1.0} if self.device == "cuda" else {}
        return {"CPU": float(self.cpus), **gpu}

    def check(self) -> None:
        """Refuse devices that cannot be given to every worker.

        Raises:
            SemsimError: for a device that has a number, or is neither of the two.
            DeviceError: if Ray is to start here and there is no such device here.
        """
        if self.device not in ("cpu", "cuda"):
            raise SemsimError(
                f"--device {self.device}: several workers compute on 'cpu', or on 'cuda' with one "
                "GPU each, which Ray chooses"
            )
        if self.address is None:
            check_device(self.device)


def train_together(
    recipe: Recipe,
    path: Path,
    folder: Path,
    team: Team,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda _: None,
    task: Work = work,
) -> list[dict[str, Any]]:
    """Train as :func:`semsim.training.run.train_recipe` does, on several workers.

    Args:
        recipe: the checked recipe.
        path: its file, named on the cards.
        folder: for the checkpoint, the logs and the weights; only this process writes there.
        team: who trains.
        resume: go on from the folder's checkpoint, whoever made it.
        report: told about every step.
        task: what every worker runs.

    Returns:
        the cards: one for each set of weights that the recipe's objective leaves.

    Raises:
        ScenarioError: if several workers cannot share the recipe's batches.
        SemsimError: if there is no room for them, or workers died more often than is tried again.
    """
    check_shareable(recipe, team.workers)
    team.check()
    here = team.workers * team.cpus if team.address is None else None
    with ray_session(here, address=team.address), environment(_SETTINGS), Logs(folder) as log:
        _check_room(team)
        kept = folder / CHECKPOINT
        found = kept.read_bytes() if resume and kept.is_file() else None
        order = Order(
            recipe.model_dump_json(),
            path.name,
            make_mailbox(found),
            team.device,
            team.cpus,
            recorded_versions(),
        )
        for message in _messages(team, order, task):
            if isinstance(message, Told):
                progress = Progress(**message.progress)
                log(progress)
                report(progress)
            elif isinstance(message, Kept):
                _write(kept, message.content)
            else:
                return _written(message, folder)
    raise SemsimError("the workers ended without a word; run again with --resume")


def _messages(team: Team, order: Order, task: Work) -> Iterator[Told | Kept | Finished]:
    """Yield what rank 0 says until it has finished."""
    import ray

    # Beside this thread, where Ray Train would take Ctrl-C for itself.
    left = threading.Event()
    fitting = threading.Thread(target=_fit, args=(team, order, task, left), daemon=True)
    fitting.start()
    try:
        while True:
            for message in ray.get(order.mailbox.take.remote()):
                if isinstance(message, Finished | Failed):
                    fitting.join()
                if isinstance(message, Failed):
                    raise message.error
                yield message
    finally:
        left.set()


def _fit(team: Team, order: Order, task: Work, left: threading.Event) -> None:
    """Run the workers; how that ended goes to the mailbox, where it counts if nothing else did."""
    from ray.exceptions import RayActorError
    from ray.train import ControllerError, WorkerGroupError

    died = f"workers died more than {team.retries} times; if memory ran out, use fewer"
    why = "the workers ended without weights"
    for attempt in range(team.retries + 1):
        try:
            with tempfile.TemporaryDirectory() as storage:
                _trainer(team, order, task, storage).fit()
        except WorkerGroupError:
            why = died
        except ControllerError as error:
            # Ray Train does not try again when a worker dies while it is being started.
            if isinstance(error.controller_failure, RayActorError):
                why = died
                if attempt < team.retries:
                    continue
            else:
                why = f"Ray Train: {error.controller_failure}"
        except Exception as error:  # whatever Ray raises is told to the thread that waits
            why = f"Ray Train: {error}"
        break
    if not left.is_set():
        failed = SemsimError(f"{why}. Any checkpoint is kept: run again with --resume")
        order.mailbox.post.remote(Failed(failed))


def _trainer(team: Team, order: Order, task: Work, storage: str) -> Any:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    return TorchTrainer(
        lambda: task(order),
        scaling_config=ScalingConfig(
            num_workers=team.workers,
            use_gpu=team.device == "cuda",
            resources_per_worker=team.needs,
        ),
        run_config=RunConfig(
            storage_path=storage,
            failure_config=FailureConfig(max_failures=team.retries),
        ),
    )


def _check_room(team: Team) -> None:
    """Refuse what Ray would wait for without an end: all workers have to run at once."""
    import ray

    has: dict[str, float] = ray.cluster_resources()
    where = team.address or platform.node()
    for name, need in team.needs.items():
        wanted = need * team.workers
        if has.get(name, 0.0) < wanted:
            raise SemsimError(
                f"--workers {team.workers} ask for {wanted:g} {name} together, and Ray at {where} "
                f"has {has.get(name, 0.0):g}; ask for less, or give the --address of a cluster"
            )


def _written(finished: Finished, folder: Path) -> list[dict[str, Any]]:
    for name, content in finished.files.items():
        _write(folder / name, content)
    return [card | {"weights": str(folder / Path(card["weights"]).name)} for card in finished.cards]


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(content)
    os.replace(temporary, path)
