"""``kill -9`` in the middle of training, then ``--resume``: the same weights."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from safetensors.torch import load_file

RECIPE = """
name: killed
objective:
  kind: cotraining
  student:
    kind: trangdeepsc
    weights: random
    model: {hidden: 16, symbols: 4, channel_hidden: 16, blocks: 1}
  teacher:
    kind: vitdeepsc
    weights: random
    model: {hidden: 16, symbols: 4, channel_hidden: 16, blocks: 1, heads: 2, positions: 8}
link: {channel: rayleigh, snr_db: {low: 0, high: 20}}
sources:
  - {kind: photos, split: train, size: 16, crop: random}
batch: 4
steps: 40
checkpoint_every_steps: 1
"""

#: Trains like the command line, and kills its own process without warning after some steps.
KILLED = """
import os, signal, sys
from pathlib import Path
from semsim.config import load
from semsim.training.recipe import Recipe
from semsim.training.run import train_recipe

def report(progress):
    if progress.step == 17:
        os.kill(os.getpid(), signal.SIGKILL)

recipe = Path(sys.argv[1])
train_recipe(load(recipe, Recipe), recipe, Path(sys.argv[2]) / "killed", "cpu", report=report)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=one_thread
    )


def test_a_killed_training_resumes_to_the_same_weights(tmp_path: Path) -> None:
    recipe = tmp_path / "killed.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    whole, cut = str(tmp_path / "whole"), str(tmp_path / "cut")
    command = ("-m", "semsim", "train", str(recipe), "--quiet", "--folder")
    done = run(*command, whole)
    assert done.returncode == 0, done.stderr
    killed = run("-c", KILLED, str(recipe), cut)
    assert killed.returncode == -signal.SIGKILL
    assert not list((tmp_path / "cut").rglob("*.safetensors"))
    resumed = run(*command, cut, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    for name in ("killed", "killed-teacher"):
        left = load_file(tmp_path / "whole" / "killed" / f"{name}.safetensors")
        right = load_file(tmp_path / "cut" / "killed" / f"{name}.safetensors")
        assert left.keys() == right.keys()
        for key, value in left.items():
            assert value.equal(right[key]), f"{name}: {key}"
