"""The ``semsim`` command: one file a command, errors without tracebacks."""

from __future__ import annotations

import os
import sys

# pydantic would look for plug-ins of its own through all installed distributions, which costs
# more than checking a scenario.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

import typer

from semsim.cli import (
    adapt,
    agent,
    allocate,
    bank,
    calibrate,
    continual,
    evaluate,
    link,
    listing,
    profile,
    reproduce,
    run,
    schema,
    search,
    sweep,
    train,
    validate,
    versions,
    zoo,
)
from semsim.errors import SemsimError

app = typer.Typer(
    name="semsim",
    help=(
        "Simulate semantic communication networks, link and system together.\n\n"
        "Start with [bold]semsim run scenarios/downlink5.yaml[/bold]: real photographs go "
        "through a learned codec and a simulated channel to five users, and a report shows "
        "what arrived."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(run.run)
app.command()(link.link)
app.command()(sweep.sweep)
app.command()(validate.validate)
app.command()(schema.schema)
app.command("list")(listing.list_plugins)
app.command("eval")(evaluate.evaluate)
app.command()(calibrate.calibrate)
app.command()(adapt.adapt)
app.command()(allocate.allocate)
app.command()(profile.profile)
app.command()(train.train)
app.command()(bank.bank)
app.command()(search.search)
app.command()(continual.continual)
app.add_typer(agent.app, name="agent")
app.add_typer(zoo.app, name="zoo")
app.command("reproduce")(reproduce.reproduce)
app.command()(versions.version)


def main() -> None:
    """Run the command line; a mistake of the user's ends with a message and exit code 2."""
    try:
        app()
    except SemsimError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        raise SystemExit(130) from None
