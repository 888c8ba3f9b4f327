"""``semsim agent train | evaluate | tune | export``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from semsim.cli.options import Json, Quiet, Resume

if TYPE_CHECKING:
    from semsim_agents.config import AgentConfig

app = typer.Typer(
    help="Agents that learn to allocate: train them, compare them, search settings, keep them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Config = Annotated[Path, typer.Argument(help="An agent's file (YAML).", show_default=False)]
Folder = Annotated[Path, typer.Option(help="Folder for agents; a sub-folder by name.")]
Address = Annotated[
    str | None,
    typer.Option(help="Of a running Ray cluster, or 'auto'; the default is this machine alone."),
]
_FOLDER = Path("runs/agents")


@app.command()
def train(
    config: Config,
    folder: Folder = _FOLDER,
    resume: Resume = False,
    address: Address = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Train an agent, judging it on the way; keep the best as safetensors with a card.

    Example: `semsim agent train agents/configs/ppo_downlink5.yaml`
    """
    checked = _load(config)
    gc.enable()

    from semsim.cli.output import make_console
    from semsim.cli.progress import step_progress
    from semsim.results import write_json
    from semsim_agents.cluster import ray_session

    console = make_console()
    cores = 1 + checked.resources.runners + checked.resources.learners
    with ray_session(cores, address=address):
        from semsim_agents.learning.training import Step, Training

        with step_progress(console, quiet) as progress:
            task = progress.add_task(checked.name, total=checked.slots)

            def report(step: Step) -> None:
                text = f"{checked.name}: {step.stage}, {step.slots_per_s:.0f} slots/s"
                progress.update(task, completed=min(step.slots, step.total), description=text)
                if step.stage.startswith("judged"):
                    progress.console.print(f"slot {step.slots:,}: {step.stage}", highlight=False)

            card = Training(checked, folder / checked.name, report).run(resume=resume)
    console.print(f"weights: {card['weights']}", soft_wrap=True, highlight=False)
    if json is not None:
        write_json(json, card)


@app.command()
def evaluate(
    config: Config,
    folder: Folder = _FOLDER,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Weights to judge; by default what `train` kept.", show_default=False),
    ] = None,
    slots: Annotated[
        int, typer.Option(min=2, help="Slots of all cells together, for each allocator.")
    ] = 2_000,
    cells: Annotated[int, typer.Option(min=2, help="Drops side by side.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the drops; training uses others.")] = 0,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Compare an agent with the scenario's allocators, all on the same slots; Ray is not needed.

    Example: `semsim agent evaluate agents/configs/ppo_downlink5.yaml`
    """
    checked = _load(config)
    gc.enable()

    from semsim.cli.output import make_console, show_table
    from semsim.cli.progress import progress_bar
    from semsim.results import write_json

    with progress_bar(quiet) as report:
        from semsim_agents.judging import judge, judged_table, methods_of
        from semsim_envs.cell import cell_of, read_scenario

        weights = checkpoint or folder / checked.name / f"{checked.name}.safetensors"
        cell = cell_of(read_scenario(checked.scenario))
        methods = methods_of(cell, weights, checked.judge.compare)
        found = judge(cell, methods, slots, cells, seed, checked.episode_slots, report)
    show_table(make_console(), judged_table(found, checked.scenario.stem, cells))
    if json is not None:
        write_json(json, found.to_dict(orient="records"))


@app.command()
def tune(
    config: Config,
    folder: Folder = _FOLDER,
    resume: Resume = False,
    address: Address = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Search the settings that the file's 'tune' names by Ray Tune, with ASHA.

    Example: `semsim agent tune agents/configs/ppo_downlink5_tune.yaml`
    """
    checked = _load(config)
    gc.enable()

    from semsim.cli.output import make_console
    from semsim.cli.progress import progress_bar
    from semsim.results import write_json
    from semsim_agents.cluster import ray_session

    where = folder / f"{checked.name}-tune"
    with (
        progress_bar(quiet) as report,
        ray_session(checked.tune.parallel if checked.tune else 1, address=address),
    ):
        from semsim_agents.learning.tuning import tune_agent

        table = tune_agent(checked, where, resume=resume, report=report)
    console = make_console()
    console.print(table.drop(columns="folder").to_string(index=False), highlight=False)
    console.print(f"best settings: {where / 'best.yaml'}", soft_wrap=True, highlight=False)
    if json is not None:
        write_json(json, table.to_dict(orient="records"))


@app.command()
def export(
    config: Config,
    to: Annotated[Path, typer.Option(help="File for the weights (.safetensors).")],
    folder: Folder = _FOLDER,
    latest: Annotated[
        bool, typer.Option("--latest", help="The last checkpoint's, rather than the best ones.")
    ] = False,
) -> None:
    """Copy an agent's weights and card to a place of their own, and say how a scenario names them.

    Example: `semsim agent export agents/configs/ppo_downlink5.yaml --to weights/ppo.safetensors`
    """
    checked = _load(config)
    gc.enable()

    from semsim.cli.output import make_console
    from semsim_agents.export import export_best

    run = folder / checked.name
    if latest:
        from semsim_agents.cluster import ray_session

        with ray_session(1):  # its checkpoints are RLlib's
            from semsim_agents.learning.training import Training

            card = Training(checked, run).export_latest(to)
    else:
        card = export_best(run / f"{checked.name}.safetensors", to)
    line = f"allocator: {{kind: agent, checkpoint: {to}, sha256: {card['sha256']}}}"
    make_console().print(line, soft_wrap=True, highlight=False, markup=False)


def _load(path: Path) -> AgentConfig:
    from semsim.config import load
    from semsim_agents.config import AgentConfig

    return load(path, AgentConfig)
