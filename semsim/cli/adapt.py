"""``semsim adapt``."""

from __future__ import annotations

import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from semsim.cli.fields import checked, mapping
from semsim.cli.options import Device, Json, Quiet


class Mode(StrEnum):
    """How the decoder is tuned."""

    DFT = "dft"
    LSDFT = "lsdft"


def adapt(
    codec: Annotated[
        str,
        typer.Option(
            help="An FTSC codec of one scaling rate: 'ftsc', or a mapping as in scenarios."
        ),
    ] = "{kind: ftsc, scalings: ['[4,2]']}",
    mode: Annotated[
        Mode,
        typer.Option(help="dft sends originals as labels; lsdft sends nothing but latents."),
    ] = Mode.LSDFT,
    source: Annotated[
        str,
        typer.Option(help="The unknown images: a source's kind, or a mapping as in scenarios."),
    ] = "{kind: scenes, size: 64}",
    channel: Annotated[
        str, typer.Option(help="A channel's kind, a mapping, or 'ideal'.")
    ] = "ideal",
    snr: Annotated[float, typer.Option(help="Es/N0 in dB.")] = 20.0,
    modem: Annotated[
        str, typer.Option(help="Modulation and coding of bits, as in scenarios.")
    ] = "{mcs: adaptive, retransmissions: 3}",
    images: Annotated[
        int, typer.Option(min=1, help="How many images to send for fine-tuning.")
    ] = 32,
    judged: Annotated[
        int, typer.Option(min=2, help="How many others to judge before and after.")
    ] = 64,
    steps: Annotated[int, typer.Option(min=1, help="Iterations.")] = 300,
    batch: Annotated[int, typer.Option(min=1, help="Images an iteration.")] = 16,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Of the decoder.")] = 3e-4,
    bandwidth: Annotated[
        float, typer.Option(min=1.0, help="In Hz, for the time on the air.")
    ] = 1e6,
    seed: Annotated[int, typer.Option(min=0, help="Seed of noise and order.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the run's folder.")] = Path("runs"),
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Tune a deployed FTSC decoder on unknown images over the air; show what it brings and costs.

    Writes the adapted weights, a table of before and after, pictures, and the convergence.

    Example: `semsim adapt --mode dft --source '{kind: folder, path: my/photos, size: 64}'`
    """
    fields: dict[str, Any] = {
        "task": "adapt",
        "name": f"adapt-{mode.value}",
        "description": f"semsim adapt --mode {mode.value}",
        "seed": seed,
        "codec": mapping(codec, "--codec"),
        "source": mapping(source, "--source"),
        "channel": None if channel == "ideal" else mapping(channel, "--channel"),
        "snr_db": snr,
        "modem": mapping(modem, "--modem"),
        "tuning": {
            "mode": mode.value,
            "steps": steps,
            "batch": batch,
            "learning_rate": learning_rate,
            "seed": seed,
        },
        "images": images,
        "judged": judged,
        "bandwidth_hz": bandwidth,
    }
    from semsim.scenario import AdaptScenario

    scenario = checked(fields, AdaptScenario)
    gc.enable()

    from semsim.cli.running import run_and_show

    run_and_show(scenario, out=out, device=device, json=json, quiet=quiet)
