"""``semsim eval``."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated, Any

import typer

from semsim.cli.fields import checked, mapping, snrs, system
from semsim.cli.options import CORES, Device, Json, Quiet, Resume, Workers


def evaluate(
    codec: Annotated[
        list[str],
        typer.Argument(
            help=(
                "A codec's kind, a checkpoint of the zoo, a .safetensors file that `semsim train` "
                "wrote, or a mapping as in scenarios: '{kind: deepjscc, weights: deepjscc-1-12}'."
            ),
            show_default=False,
        ),
    ],
    source: Annotated[
        str, typer.Option(help="A source's kind, or a mapping as in scenarios.")
    ] = "{kind: photos, size: 32, least: 0.3}",
    channel: Annotated[
        list[str] | None,
        typer.Option(
            help="A channel's kind, or a mapping; several compare.  [default: awgn]",
            show_default=False,
        ),
    ] = None,
    snr: Annotated[
        str, typer.Option(help="Es/N0 in dB: start:stop:step, or values with commas.")
    ] = "0:18:3",
    images: Annotated[int, typer.Option(min=1, help="How many images to send.")] = 64,
    draws: Annotated[int, typer.Option(min=1, help="How often to send each.")] = 1,
    rate: Annotated[
        list[str] | None,
        typer.Option(help="Name of a rate of the first codec; the default is all that it offers."),
    ] = None,
    separation: Annotated[
        list[str] | None,
        typer.Option(
            help="Also jpeg, webp, avif or hevc with 5G LDPC at the first codec's channel uses."
        ),
    ] = None,
    limits: Annotated[
        bool,
        typer.Option("--limits", help="Also OPTA and the best linear code, for these images."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of noise and fading.")] = 0,
    scenario: Annotated[
        Path | None,
        typer.Option(help="Also write the link scenario that was run to this file, to go on from."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the run's folder.")] = Path("runs"),
    workers: Workers = CORES,
    resume: Resume = True,
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Compare codecs over a channel: PSNR and SSIM by SNR, beside bounds and separation.

    Example: `semsim eval trangdeepsc deepjscc-1-6 --channel rayleigh --snr 0:18:3`
    """
    systems = [system(text) for text in codec]
    first = systems[0]["label"]
    if rate:
        systems[0]["rates"] = rate
    systems += [{"separation": name, "match": first} for name in separation or []]
    fields: dict[str, Any] = {
        "task": "link",
        "name": "eval",
        "description": "semsim eval " + " ".join(codec),
        "seed": seed,
        "source": mapping(source, "--source"),
        "systems": systems,
        "channels": [mapping(text, "--channel") for text in channel or ["awgn"]],
        "snr_db": snrs(snr),
        "images": images,
        "draws": draws,
    }
    if limits:
        fields["limits"] = {"match": first, "linear": True}
    if device is not None:
        fields["device"] = device
    from semsim.scenario import LinkScenario

    resolved = checked(fields, LinkScenario)
    gc.enable()

    from semsim.cli.sweeping import sweep_and_show

    if scenario is not None:
        _write(scenario, fields)
    sweep_and_show(resolved, out=out, workers=workers, resume=resume, json=json, quiet=quiet)


def _write(path: Path, fields: dict[str, Any]) -> None:
    import yaml

    path.write_text(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True), encoding="utf-8")
