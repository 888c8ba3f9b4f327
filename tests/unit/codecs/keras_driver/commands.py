"""The command line with a Keras codec, in this process."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from semsim.codecs import checkpoints

from .bench import Bench


def sweep(bench: Bench) -> Any:
    """``semsim link`` in this process."""
    from typer.testing import CliRunner

    from semsim.cli.main import app

    path = bench.folder / "link.yaml"
    arguments = ["link", str(path), "--out", str(bench.folder / "runs"), "--workers", "1", "-q"]
    path.write_text(scenario(bench.folder), encoding="utf-8")
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    (run,) = (bench.folder / "runs").iterdir()
    table = pd.read_parquet(run / "sweep.parquet")
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    return {
        "exit": done.exit_code,
        "psnr_db": table.groupby("snr_db")["psnr_db"].mean().to_dict(),
        "cbr": sorted(set(table["cbr"])),
        "manifest": json.dumps(manifest),
        "sha256": checkpoints.sha256_of(bench.folder / "enc.keras"),
    }


def training(bench: Bench) -> Any:
    """``semsim train`` in this process, then the weights that it wrote."""
    from typer.testing import CliRunner

    from semsim.cli.main import app

    path = bench.folder / "tune.yaml"
    path.write_text(
        f"""\
name: tune
objective:
  kind: reconstruction
  codec: {{kind: keras, encoder: {bench.folder}/enc.keras, decoder: {bench.folder}/dec.keras}}
link: {{channel: rayleigh, snr_db: {{low: 5, high: 15}}}}
sources: [{{kind: photos, split: train, size: 16, crop: random}}]
batch: 16
steps: 20
optimizer: {{learning_rate: 0.01, warmup_steps: 1, average: 0.5}}
""",
        encoding="utf-8",
    )
    arguments = ["train", str(path), "--folder", str(bench.folder / "training"), "-q"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    (weights,) = (bench.folder / "training").rglob("*.safetensors")
    tuned = bench.codec(weights={"path": weights})
    with torch.no_grad():
        before, after = (float(bench.loss(c, bench.image)) for c in (bench.codec(), tuned))
    return {"exit": done.exit_code, "before": before, "after": after}


def command_line(bench: Bench) -> list[str]:
    """Exit code and message of ``semsim link`` with a model that must be refused."""
    from semsim.cli.main import main

    path = bench.folder / "lambda.yaml"
    path.write_text(scenario(bench.folder, "enc_lambda"), encoding="utf-8")
    sys.argv = ["semsim", "link", str(path), "--out", str(bench.folder / "none"), "-q"]
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        try:
            main()
        except SystemExit as end:
            return [str(end.code), told.getvalue()]
    return ["0", told.getvalue()]


def scenario(folder: Path, encoder: str = "enc") -> str:
    """A link scenario for a pair in ``folder``."""
    return f"""\
task: link
name: keras
seed: 4
source: {{kind: photos, size: 64}}
images: 2
systems:
  - label: Keras
    codec: {{kind: keras, encoder: {folder}/{encoder}.keras, decoder: {folder}/dec.keras}}
channels: [awgn]
snr_db: [0, 20]
"""
