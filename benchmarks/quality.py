"""FTSC beside JPEG, WebP, AVIF and HEVC at equal bits an image, on held-out photographs.

Error-free. Every codec has the same number of bits for the same images; the classical ones are
searched for the best quality that fits, per image, with their headers counted and without. The
images are the `test` photographs of semsim (central squares), which no shipped codec has seen, and
then, with --crops, random squares of them at mixed scales. HEVC needs the extra `hevc`.

    python benchmarks/quality.py --size 256
    python benchmarks/quality.py --size 64
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from semsim import load_codec, load_source
from semsim.link.metrics import psnr_db, ssim
from semsim.types import BitPayload, Codec, Csi, Rate, ReceivedBits, Source


def error_free(codec: Codec, source: Source, rate: Rate) -> dict[str, float]:
    """Mean PSNR and SSIM over the images that could be sent, and how many could not."""
    csi = Csi(snr=torch.full((len(source),), 100.0))
    payload = codec.encode(source, csi, rate)
    if not isinstance(payload, BitPayload):
        raise TypeError("equal bits are for codecs that send bits")
    received = ReceivedBits(payload.bits, torch.zeros(len(source)), 1)
    output = codec.decode(received, csi, rate)
    lost = torch.zeros(len(source), dtype=torch.bool) if output.outage is None else output.outage
    if output.image is None:
        raise TypeError("equal bits are for codecs that return images")
    kept = ~lost
    return {
        "psnr_db": float(psnr_db(source.image, output.image)[kept].mean()),
        "ssim": float(ssim(source.image, output.image)[kept].mean()),
        "lost": int(lost.sum()),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=256, help="height and width in pixels")
    parser.add_argument("--crops", type=int, default=0, help="random squares besides")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows to FILE")
    options = parser.parse_args()

    photos = load_source({"kind": "photos", "split": "test", "size": options.size})
    source = photos.take(len(photos) + options.crops)
    ftsc = load_codec("ftsc")
    rates = ftsc.rates(source.shape)
    rivals = {
        f"{form} ({headers})": load_codec(
            {
                "kind": "classical",
                "format": form.lower(),
                "headers": headers_kind,
                "rhos": [rate.rho for rate in rates],
            }
        )
        for form in ("JPEG", "WebP", "AVIF", "HEVC")
        for headers, headers_kind in (("headers counted", "sent"), ("headers free", "agreed"))
    }
    rows = []
    for rate in rates:
        for name, codec in {"FTSC VQ-VAE-2": ftsc, **rivals}.items():
            offered = next(r for r in codec.rates(source.shape) if r.payload == rate.payload)
            row = {"rate": rate.name, "bits": rate.payload, "codec": name}
            rows.append(row | error_free(codec, source, offered))
    table = Table(
        title=f"{len(source)} held-out images of {options.size}×{options.size}, no channel"
    )
    for head in ("scaling", "bits an image", "codec", "PSNR dB", "SSIM", "do not fit"):
        table.add_column(head, justify="left" if head == "codec" else "right")
    for row in rows:
        cells = (f"{row['psnr_db']:.2f}", f"{row['ssim']:.3f}", str(row["lost"] or ""))
        table.add_row(str(row["rate"]), f"{row['bits']:,}", str(row["codec"]), *cells)
    Console(width=100).print(table)
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
