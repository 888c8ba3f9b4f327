"""Ray Tune over an agent's configuration: many settings begin, ASHA stops the poor ones early."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import ValidationError
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import BasicVariantGenerator

from semsim.errors import ScenarioError, SemsimError
from semsim.results import write_text
from semsim_agents.config import AgentConfig, Choice, LogUniform, TuneConfig, Uniform
from semsim_agents.learning.training import Step, Training

#: Told how many trials have ended, how many there are, and what just happened.
Told = Callable[[int, int, str], None]


def with_values(config: AgentConfig, values: dict[str, Any]) -> AgentConfig:
    """Return the configuration with other values at dotted places.

    Raises:
        ScenarioError: if a place does not exist, or a value does not fit it.
    """
    fields = config.model_dump(mode="json", by_alias=True)
    for place, value in values.items():
        *path, last = place.split(".")
        node: Any = fields
        for name in path:
            node = node.get(name) if isinstance(node, dict) else None
        if not isinstance(node, dict) or last not in node:
            raise ScenarioError(f"tune.space: {place!r} is no place in {config.name}'s file")
        node[last] = value
    try:
        return AgentConfig.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise ScenarioError(f"tune.space: {values}: {first['msg']}") from error


def search_space(wanted: TuneConfig) -> dict[str, Any]:
    """Return the space as Ray Tune has it."""
    found: dict[str, Any] = {}
    for place, values in wanted.space.items():
        if isinstance(values, Uniform):
            found[place] = tune.uniform(*values.uniform)
        elif isinstance(values, LogUniform):
            found[place] = tune.loguniform(*values.log_uniform)
        elif isinstance(values, Choice):
            found[place] = tune.choice(list(values.choice))
    return found


def tune_agent(
    config: AgentConfig,
    folder: Path,
    *,
    resume: bool = False,
    report: Told = lambda _done, _total, _what: None,
) -> pd.DataFrame:
    """Search, keep the best agent as ``NAME.safetensors`` and its settings as ``best.yaml``.

    Ray must be there. Every trial has a folder of its own and goes on from its last checkpoint
    when its process or its machine is lost; several machines must all see ``folder``.

    Args:
        config: with ``tune``.
        folder: of the search.
        resume: go on with an interrupted search.
        report: told about progress.

    Returns:
        one row a trial, the best first: the values, ``utility``, ``slots``, ``folder``.

    Raises:
        ScenarioError: if there is nothing to search, or a place in the space does not exist.
        SemsimError: if no trial came to an end.
    """
    wanted = config.tune
    if wanted is None:
        raise ScenarioError(f"{config.name}: 'tune' is not set: say which values to search")
    folder = folder.resolve()
    with_values(config, {place: _first(values) for place, values in wanted.space.items()})
    if not resume:
        shutil.rmtree(folder / "trials", ignore_errors=True)
    trials = folder / "trials"
    grace = max(wanted.grace_slots // config.judge.every_slots, 1)
    last = max(-(-config.slots // config.judge.every_slots), grace)
    settings = tune.TuneConfig(
        metric="utility",
        mode="max",
        num_samples=wanted.samples,
        max_concurrent_trials=wanted.parallel,
        search_alg=BasicVariantGenerator(random_state=config.seed, max_concurrent=wanted.parallel),
        # Time is counted in points of the curve, of which every trial has as many.
        scheduler=ASHAScheduler(
            time_attr="training_iteration",
            max_t=last + 1,
            grace_period=grace,
            reduction_factor=wanted.reduction,
        ),
        trial_dirname_creator=_name,
    )
    trainable = tune.with_resources(
        tune.with_parameters(_trial, text=config.model_dump_json(by_alias=True)),
        {"cpu": 1, "gpu": config.resources.gpus_per_learner},
    )
    if resume and tune.Tuner.can_restore(str(trials)):
        tuner = tune.Tuner.restore(
            str(trials),
            trainable,
            restart_errored=True,
            resume_unfinished=True,
            param_space=search_space(wanted),
        )
    else:
        tuner = tune.Tuner(
            trainable,
            param_space=search_space(wanted),
            tune_config=settings,
            run_config=tune.RunConfig(
                name="trials",
                storage_path=str(folder),
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=3),
                callbacks=[_Watch(wanted.samples, report)],
            ),
        )
    return _kept(config, folder, tuner.fit())


def _first(values: Uniform | LogUniform | Choice) -> Any:
    if isinstance(values, Choice):
        return values.choice[0]
    return values.uniform[0] if isinstance(values, Uniform) else values.log_uniform[0]


def _name(trial: Any) -> str:
    return f"trial-{trial.trial_id}"


def _trial(values: dict[str, Any], text: str) -> None:
    """Train with some values in a process of Ray's, and tell of every point of the curve."""
    config = AgentConfig.model_validate_json(text)
    resources = config.resources.model_copy(update={"runners": 0, "learners": 0})
    own = with_values(config.model_copy(update={"resources": resources}), values)
    context = tune.get_context()
    folder = Path(context.get_trial_dir())

    def told(step: Step) -> None:
        if step.stage.startswith("judged"):
            tune.report({"utility": step.utility, "slots": step.slots, "folder": str(folder)})

    Training(own, folder, told).run(resume=True)


def _nobody(done: int, total: int, what: str) -> None:
    """Tell nobody."""


class _Watch(tune.Callback):  # type: ignore[misc]
    """Tells about trials as they go."""

    def __init__(self, total: int, report: Told) -> None:
        super().__init__()
        self._total, self._report, self._done = total, report, 0

    def __getstate__(self) -> dict[str, Any]:
        """Return all but who is told: Tune keeps a copy on disk, a progress bar stays here."""
        return self.__dict__ | {"_report": _nobody}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **_: Any
    ) -> None:
        """Tell of a point of a trial's curve."""
        del iteration, trials
        what = f"{trial.trial_id}: {result['utility']:.3f} after {result['slots']:,} slots"
        self._report(self._done, self._total, what)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
        """Tell that a trial has ended, of itself or stopped by ASHA."""
        del iteration, trials
        self._done += 1
        self._report(self._done, self._total, f"{trial.trial_id} ended")


def _kept(config: AgentConfig, folder: Path, results: tune.ResultGrid) -> pd.DataFrame:
    rows = [
        result.config | {name: result.metrics[name] for name in ("utility", "slots", "folder")}
        for result in results
        if result.metrics and "utility" in result.metrics
    ]
    if not rows:
        raise SemsimError(f"{folder}: no trial came to a result; their logs are in its folder")
    table = pd.DataFrame(rows).sort_values("utility", ascending=False, ignore_index=True)
    best = table.iloc[0]
    places = list(config.tune.space) if config.tune is not None else []
    chosen = with_values(config, {place: _plain(best[place]) for place in places})
    fields = chosen.model_dump(mode="json", by_alias=True, exclude={"tune"})
    write_text(folder / "best.yaml", yaml.safe_dump(fields, sort_keys=False, allow_unicode=True))
    write_text(folder / "trials.csv", table.to_csv(index=False))
    for ending in (".safetensors", ".yaml"):
        shutil.copy2(
            Path(best["folder"]) / f"{config.name}{ending}", folder / f"{config.name}{ending}"
        )
    return table


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
