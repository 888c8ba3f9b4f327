"""FTSC beside JPEG, WebP, AVIF and HEVC at equal bits an image, on held-out photographs.

Error-free. Every codec has the same number of bits for the same images; the classical ones are
searched for the best quality that fits, per image, with their headers counted and without. First at
FTSC's fixed number of bits an index, then at what its entropy-coded stream takes of each image,
with the bits that tell its length. The images are the `test` photographs of semsim (central
squares), which no shipped codec has seen, and then, with --crops, random squares of them at mixed
scales. HEVC needs the extra `hevc`, the streams need `entropy`.

    python benchmarks/quality.py --size 256
    python benchmarks/quality.py --size 64
    python benchmarks/quality.py --size 64 --formats none
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from semsim import load_codec, load_source
from semsim.codecs.classical.codec import Classical
from semsim.link.metrics import psnr_db, ssim
from semsim.types import BitPayload, Codec, Csi, Rate, ReceivedBits, Source

Figures = dict[str, float]


def error_free(codec: Codec, source: Source, rate: Rate) -> tuple[list[Figures], list[int]]:
    """PSNR and SSIM of each image, not a number where it could not be sent, and the bits taken.

    Streams that differ in length take the bits that tell it besides.
    """
    csi = Csi(snr=torch.full((len(source),), 100.0))
    payload = codec.encode(source, csi, rate)
    if not isinstance(payload, BitPayload):
        raise TypeError("equal bits are for codecs that send bits")
    width = payload.bits.shape[1]
    bits = [width] * len(source)
    if payload.lengths is not None:
        bits = [length + width.bit_length() for length in payload.lengths.tolist()]
    received = ReceivedBits(payload.bits, torch.zeros(len(source)), 1)
    output = codec.decode(received, csi, rate)
    lost = torch.zeros(len(source), dtype=torch.bool) if output.outage is None else output.outage
    if output.image is None:
        raise TypeError("equal bits are for codecs that return images")
    found = {
        "psnr_db": psnr_db(source.image, output.image).masked_fill(lost, math.nan).tolist(),
        "ssim": ssim(source.image, output.image).masked_fill(lost, math.nan).tolist(),
    }
    return [{name: found[name][i] for name in found} for i in range(len(source))], bits


def each_in(codec: Classical, source: Source, bits: list[int]) -> list[Figures]:
    """Figures of images that each have a number of bits of their own."""
    return [
        error_free(codec, source.select([i]), codec.rate_of(source.shape, size))[0][0]
        for i, size in enumerate(bits)
    ]


def row(scaling: str, bits: list[int], name: str, figures: list[Figures]) -> dict[str, object]:
    """Means over the images that could be sent, and how many could not."""
    kept = [part for part in figures if not math.isnan(part["psnr_db"])]
    means = {
        key: statistics.fmean(part[key] for part in kept) if kept else math.nan
        for key in ("psnr_db", "ssim")
    }
    lost = len(figures) - len(kept)
    return {"rate": scaling, "bits": statistics.fmean(bits), "codec": name, **means, "lost": lost}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256, help="height and width in pixels")
    parser.add_argument("--crops", type=int, default=0, help="random squares besides")
    parser.add_argument(
        "--formats",
        nargs="+",
        default=["JPEG", "WebP", "AVIF", "HEVC"],
        choices=["JPEG", "WebP", "AVIF", "HEVC", "none"],
        help="the rivals",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args()

    photos = load_source({"kind": "photos", "split": "test", "size": options.size})
    source = photos.take(len(photos) + options.crops)
    fixed = load_codec("ftsc")
    entropy = load_codec({"kind": "ftsc", "index_code": "entropy"})
    rivals = {
        f"{form} ({headers})": load_codec(
            {"kind": "classical", "format": form.lower(), "headers": headers_kind}
        )
        for form in options.formats
        if form != "none"
        for headers, headers_kind in (("headers counted", "sent"), ("headers free", "agreed"))
    }
    rows = []
    for name, ftsc in {"FTSC, fixed": fixed, "FTSC, entropy coded": entropy}.items():
        for rate in ftsc.rates(source.shape):
            figures, bits = error_free(ftsc, source, rate)
            rows.append(row(rate.name, bits, name, figures))
            rows += [
                row(rate.name, bits, rival, each_in(codec, source, bits))
                for rival, codec in rivals.items()
                if isinstance(codec, Classical)
            ]
    table = Table(
        title=f"{len(source)} held-out images of {options.size}×{options.size}, no channel"
    )
    for head in ("scaling", "bits an image", "codec", "PSNR dB", "SSIM", "do not fit"):
        table.add_column(head, justify="left" if head == "codec" else "right")
    for line in rows:
        none = line["lost"] == len(source)
        quality = ("", "") if none else (f"{line['psnr_db']:.2f}", f"{line['ssim']:.3f}")
        cells = (*quality, str(line["lost"] or ""))
        table.add_row(str(line["rate"]), f"{line['bits']:,.0f}", str(line["codec"]), *cells)
    Console(width=100).print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
