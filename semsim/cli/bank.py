"""``semsim bank``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated

import typer

from semsim.cli.options import Device, Json, Quiet, Resume


def bank(
    recipe: Annotated[Path, typer.Argument(help="A bank's recipe (YAML).", show_default=False)],
    folder: Annotated[
        Path, typer.Option(help="Folder of banks; each has a sub-folder by its name.")
    ] = Path("runs/banks"),
    resume: Resume = True,
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Generate the images that MMSemCom's receiver selects from.

    An interrupted bank goes on where it was. A scenario uses it with `codec: {kind: mmsemcom,
    weights: …, bank: FOLDER}`.

    Example: `semsim bank recipes/banks/mmsemcom_fashion.yaml`
    """
    from semsim.codecs.mmsemcom.bank_config import BankRecipe
    from semsim.config import load

    checked = load(recipe, BankRecipe)
    gc.enable()

    from semsim.channels.devices import check_device
    from semsim.cli.output import make_console
    from semsim.cli.progress import progress_bar
    from semsim.codecs.mmsemcom.bank_making import make_bank
    from semsim.results import write_json

    where = device or "cpu"
    check_device(where)
    console = make_console()
    with progress_bar(quiet) as report:
        made = make_bank(checked, folder / checked.name, where, resume=resume, report=report)
    count = made.images.shape[1]
    console.print(
        f"bank: {made.folder} ({count} images of each: {', '.join(made.classes)})",
        soft_wrap=True,
        highlight=False,
    )
    if json is not None:
        write_json(json, {"bank": str(made.folder), "identity": made.identity, "images": count})
