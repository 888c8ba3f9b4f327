"""``semsim zoo list | verify | rebuild``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import Device, Json, Quiet, Resume

app = typer.Typer(
    help="The shipped checkpoints: what they are, whether they are whole, how to make them again.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("list")
def list_checkpoints(json: Json = None) -> None:
    """List every shipped checkpoint with its card: codec, size, held-out figures, recipe, hash."""
    from dataclasses import asdict

    from rich.table import Table

    from semsim import zoo
    from semsim.cli.output import make_console
    from semsim.results import write_json

    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("name", "codec", "parameters", "MB", "held out", "recipe", "SHA-256"):
        table.add_column(head, no_wrap=head != "held out", overflow="fold")
    cards = [zoo.card(name) for name in zoo.names()]
    for card in cards:
        shown = (_figure(name, value) for name, value in card.figures.items())
        figures = ", ".join(filter(None, shown))
        table.add_row(
            card.name,
            card.codec["kind"],
            f"{card.parameters:,}",
            f"{zoo.size_bytes(card.name) / 1e6:.1f}",
            figures,
            card.recipe,
            card.sha256[:12],
        )
    make_console().print(table)
    if json is not None:
        write_json(json, [asdict(card) for card in cards])


def _figure(name: str, value: float) -> str:
    """Return a held-out figure of a card in words, nothing of those that tell little alone."""
    short = name.removeprefix("held_out_")
    if "psnr_db" in short and "teacher" not in short:
        return f"{short.replace('psnr_db', 'PSNR')}: {value:.1f} dB"
    share = short.startswith(("accuracy", "attributes"))
    return f"{short}: {100 * value:.1f} %" if share else ""


@app.command()
def verify(
    name: Annotated[
        list[str] | None, typer.Argument(help="Checkpoints; the default is all.")
    ] = None,
) -> None:
    """Check that files match the hashes on their cards, fit their codecs and hold numbers."""
    gc.enable()

    from semsim import zoo
    from semsim.cli.output import make_console
    from semsim.errors import CheckpointError, MissingExtraError

    console = make_console()
    wrong = 0
    for checkpoint in name or zoo.names():
        try:
            zoo.verify(checkpoint)
        except MissingExtraError as error:
            console.print(f"[yellow]not checked[/yellow]  {checkpoint}: {error}", highlight=False)
        except CheckpointError as error:
            wrong += 1
            console.print(f"[red]wrong[/red]  {checkpoint}: {error}", highlight=False)
        else:
            console.print(f"[green]whole[/green]  {checkpoint}", highlight=False)
    if wrong:
        raise CheckpointError(
            f"{wrong} of {len(name or zoo.names())} checkpoints are not what their cards say; get "
            "them again, or make them again with `python -m semsim zoo rebuild NAME`"
        )


@app.command()
def rebuild(
    name: Annotated[str, typer.Argument(help="A shipped checkpoint.", show_default=False)],
    recipes: Annotated[Path, typer.Option(help="Where the recipes are.")] = Path("recipes"),
    folder: Annotated[
        Path, typer.Option(help="Folder for checkpoints and weights; a sub-folder by name.")
    ] = Path("runs/training"),
    resume: Resume = False,
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Train a shipped checkpoint again by its recipe; the shipped one stays as it is.

    A recipe that starts from the weights of another is preceded by that one.
    """
    from semsim import zoo
    from semsim.cli.train import train
    from semsim.config import load
    from semsim.errors import SemsimError
    from semsim.training.recipe import Recipe

    card = zoo.card(name)
    if card.needs:
        typer.echo(f"{card.recipe} needs: {card.needs}")
    stages = [recipes / card.recipe]
    while (before := load(stages[0], Recipe).after) is not None:
        if recipes / before in stages:
            raise SemsimError(f"{stages[0]}: 'after: {before}' leads back to itself")
        stages.insert(0, recipes / before)
    for stage in stages[:-1]:
        first = load(stage, Recipe).name
        if not (folder / first / f"{first}.safetensors").exists():
            train(stage, folder, resume, device, None, quiet)
    train(stages[-1], folder, resume, device, json, quiet)
    typer.echo(f"shipped: SHA-256 {card.sha256}, after {card.steps} steps: {card.figures}")
