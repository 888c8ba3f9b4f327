"""``semsim calibrate``."""

from __future__ import annotations

import gc
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from semsim.cli.fields import checked, mapping, snrs, system
from semsim.cli.options import CORES, Device, Json, Quiet, Resume, Workers


def calibrate(
    codec: Annotated[
        list[str],
        typer.Argument(
            help=(
                "A codec as in `semsim eval`: a kind, a checkpoint, a .safetensors file, or a "
                "mapping; the rates of several make one curve."
            ),
            show_default=False,
        ),
    ],
    source: Annotated[
        str, typer.Option(help="A source's kind, or a mapping as in scenarios.")
    ] = "{kind: photos, size: 256}",
    channel: Annotated[str, typer.Option(help="A channel's kind, or a mapping.")] = "awgn",
    snr: Annotated[
        str,
        typer.Option(
            help="Es/N0 in dB: start:stop:step, or values with commas. The curve is the highest's."
        ),
    ] = "4:20:4",
    images: Annotated[int, typer.Option(min=1, help="How many images to send.")] = 7,
    draws: Annotated[int, typer.Option(min=1, help="How often to send each.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of noise and fading.")] = 0,
    curve: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the curve to FILE, for scenarios to name."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the run's folder.")] = Path("runs"),
    workers: Workers = CORES,
    resume: Resume = True,
    device: Device = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Measure PSNR over ρ and fit Q = a + b ln ρ (FTSC eq. 8), the curve that allocators use.

    An interrupted measurement goes on where it was. A scenario uses the curve with
    `utility: {quality_curve: {path: FILE}}`.

    Example: `semsim calibrate ftsc --snr 20`
    """
    fields: dict[str, Any] = {
        "task": "link",
        "name": "calibrate",
        "seed": seed,
        "source": mapping(source, "--source"),
        "systems": _systems(codec),
        "channels": [mapping(channel, "--channel")],
        "snr_db": snrs(snr),
        "images": images,
        "draws": draws,
    }
    if device is not None:
        fields["device"] = device
    from semsim.scenario import LinkScenario

    scenario = checked(fields, LinkScenario)
    command = shlex.join(
        [
            *("semsim", "calibrate", *codec, "--source", source, "--channel", channel),
            *("--snr", snr, "--images", str(images), "--draws", str(draws), "--seed", str(seed)),
        ]
    )
    gc.enable()

    from semsim.cli.output import make_console, show_tables
    from semsim.cli.progress import progress_bar

    with progress_bar(quiet) as report:
        from dataclasses import replace

        import matplotlib as mpl

        from semsim.allocation.calibration import write
        from semsim.channels.devices import check_device
        from semsim.report.curves import curve_figure, curve_tables
        from semsim.report.figures import STYLE
        from semsim.report.page import write_page
        from semsim.results import run_folder
        from semsim.sweep.calibrate import calibrate as measure
        from semsim.sweep.run import folder_of_points, forget

        check_device(scenario.device)
        keep = folder_of_points(out, scenario)
        if not resume:
            forget(keep)
        results, calibration = measure(
            scenario, command=command, workers=workers, keep=keep, report=report
        )
        report(0, 0, "writing the report")
        curves = calibration.model_dump(mode="json")
        results = replace(results, summary=results.summary | {"calibration": curves})
        shown = curve_tables(calibration)
        with mpl.rc_context(STYLE):
            drawn = {"curve": curve_figure(calibration)}
        with run_folder(out, results.name) as (temporary, folder):
            results.write(temporary)
            write_page(results, temporary, drawn, shown)
        forget(keep)
    show_tables(shown, results, folder, json)
    _ = calibration.curve  # refuses what allocation cannot use, once all is shown
    for path in (folder / "curve.yaml", *([curve] if curve is not None else [])):
        write(path, calibration)
        make_console().print(f"curve: {path}", soft_wrap=True, highlight=False)


def _systems(codecs: list[str]) -> list[dict[str, Any]]:
    """Return one system a codec, by a name that is short enough to stand beside every point."""
    systems = [system(text) for text in codecs]
    for i, chosen in enumerate(systems, start=1):
        options = chosen["codec"]
        if codecs[i - 1].lstrip().startswith("{") and isinstance(options, dict):
            kind = str(options.get("kind"))
            chosen["label"] = kind if len(codecs) == 1 else f"{kind} {i}"
    return systems
