"""``semsim profile``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from semsim.cli.fields import system
from semsim.cli.options import Json

if TYPE_CHECKING:
    from semsim.profiling import End, Profile
    from semsim.report.cells import Table


def profile(
    codec: Annotated[
        list[str],
        typer.Argument(
            help=(
                "A codec's kind, a checkpoint of the zoo, a .safetensors file that `semsim train` "
                "wrote, or a mapping as in scenarios: '{kind: rkd_sc, weights: random}'. Untrained "
                "weights cost as much as trained ones."
            ),
            show_default=False,
        ),
    ],
    size: Annotated[
        int, typer.Option(min=16, max=640, help="Height and width of the image, in pixels.")
    ] = 32,
    rate: Annotated[
        str | None,
        typer.Option(help="Name of a rate; the default is the highest of each codec."),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="How often to time each end.")] = 30,
    cpu_gflops: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help=(
                "Peak rate of this CPU, for the estimate of an IoT device; by default 871.49, "
                "that of RKD-SC's CPU."
            ),
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:N or mps.")] = "cpu",
    json: Json = None,
) -> None:
    """Tell what codecs cost: parameters, operations and time of sender and receiver at batch 1.

    Parameters are those that take part at the rate; operations (2 a multiply-add) are the codec's
    own count, by torch's counter where it is a network of torch. Times are medians of encoding and
    decoding alone, without channel and modem, on as many threads as torch takes (OMP_NUM_THREADS).

    The column IoT is no measurement. It is RKD-SC's estimate for a Raspberry Pi 4 B (Table II,
    footnote): the sender's time on the CPU × 871.49/32, the ratio of the peak rates of the paper's
    CPU and the Pi. Give this machine's rate with --cpu-gflops to make it one of your own.

    Example: `semsim profile trangdeepsc deepjscc-1-6 '{kind: rkd_sc}' --size 32`
    """
    from semsim.profiling import PAPER_CPU_GFLOPS

    gflops = cpu_gflops or PAPER_CPU_GFLOPS
    found = [_measure(text, size, rate, runs, device) for text in codec]

    import torch

    from semsim.cli.output import make_console, show_table

    threads = torch.get_num_threads()
    show_table(make_console(), _table(found, device, threads, size, gflops))
    if json is not None:
        from semsim.results import write_json

        rows = [_row(label, made, device, gflops) for label, made in found]
        common = {"device": device, "threads": threads, "size": size, "runs": runs}
        write_json(json, common | {"cpu_gflops": gflops, "codecs": rows})


def _measure(text: str, size: int, rate: str | None, runs: int, device: str) -> tuple[str, Profile]:
    named = system(text)

    from semsim.assembly import named_rate, offered_rates
    from semsim.channels.devices import check_device
    from semsim.profiling import profile as measure
    from semsim.shortcuts import load_codec, load_source

    check_device(device)
    codec = load_codec(named["codec"], device)
    image = load_source({"kind": "photos", "size": size}).take(1).to(device)
    label = str(named["label"])
    offered = offered_rates(codec, image.shape, label)
    chosen = offered[-1] if rate is None else named_rate(offered, rate, label)
    return label, measure(codec, image, chosen, runs=runs)


def _iot_ms(made: Profile, device: str, gflops: float) -> float | None:
    """Return the estimate of the sender's time, which only a CPU's time allows."""
    from semsim.profiling import on_a_pi_ms

    return on_a_pi_ms(made.sender.median_ms, gflops) if device == "cpu" else None


def _row(label: str, made: Profile, device: str, gflops: float) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "codec": label,
        "rate": made.rate.name,
        "payload": made.rate.payload,
        "unit": made.rate.unit,
        "parameters": made.parameters,
        "sender": asdict(made.sender),
        "receiver": asdict(made.receiver),
        "sender_iot_ms_estimated": _iot_ms(made, device, gflops),
    }


def _table(
    found: list[tuple[str, Profile]], device: str, threads: int, size: int, gflops: float
) -> Table:
    from semsim.profiling import PI_GFLOPS
    from semsim.report.cells import Table

    def cells(end: End) -> tuple[str, str, str]:
        flops = f"{end.flops / 1e6:,.1f}" if end.flops else "–"
        return f"{end.parameters:,}", flops, f"{end.median_ms:.2f}"

    rows = []
    for label, made in found:
        iot_ms = _iot_ms(made, device, gflops)
        estimate = "–" if iot_ms is None else f"{iot_ms:.1f}"
        rows.append((label, made.rate.name, *cells(made.sender), estimate, *cells(made.receiver)))
    heads = ("parameters", "MFLOP", "ms")
    columns = (
        *("codec", "rate"),
        *(f"sender\n{head}" for head in heads),
        "sender\nIoT ms",
        *(f"receiver\n{head}" for head in heads),
    )
    note = f"MFLOP: 2 a multiply-add, – where the codec counts none. ms: medians on {device}"
    if device == "cpu":
        note += (
            f", {threads} thread{'s' * (threads > 1)}. IoT: estimated, not measured, as in RKD-SC "
            f"(Table II, footnote): the sender's ms × {gflops:g}/{PI_GFLOPS:g}"
        )
    return Table(f"One image of {size}×{size}", columns, tuple(rows), note + ".")
