"""Keras codecs. TensorFlow lives in processes of its own: this one never imports it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from semsim.codecs.keras.bridge import fit, show
from semsim.codecs.keras.config import KerasConfig
from semsim.errors import ScenarioError
from semsim.scenario import load_scenario

ROOT = Path(__file__).parents[3]
#: Where the package keras_driver lies, which does what needs TensorFlow.
HERE = Path(__file__).parent

SCENARIO = """\
task: link
name: keras
source: {kind: photos, size: 64}
images: 2
systems:
  - {label: Keras, codec: {kind: keras, encoder: FOLDER/enc.keras, decoder: FOLDER/dec.keras}}
channels: [awgn]
snr_db: [0, 20]
"""


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    chosen = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=chosen, check=False)


def drive(folder: Path, device: str = "cpu") -> dict[str, Any]:
    path = os.pathsep.join([str(ROOT), str(HERE)])
    done = python("-m", "keras_driver", str(folder), device, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr[-3000:]
    seen: dict[str, Any] = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
    return seen


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("keras")


@pytest.fixture(scope="module")
def driven(folder) -> dict[str, Any]:
    return drive(folder)


@pytest.fixture
def seen(driven, request) -> Any:
    """What the check of the test's name saw."""
    found = driven[request.node.originalname.removeprefix("test_")]
    assert "error" not in found, found["error"]
    return found


def test_contract(seen) -> None:
    assert seen["even"] == ["k=128", 64, 64 / 768]
    assert seen["odd"] == ["k=33", 17, 17 / 192]


def test_parity(seen) -> None:
    # Both are the same TensorFlow kernels in single precision.
    assert len(seen) == 4
    assert max(error for errors in seen.values() for error in errors) < 1e-5


def test_pointers(seen) -> None:
    assert all(seen["shared"].values()), seen["shared"]
    assert all(seen["arrived"].values()), seen["arrived"]
    assert not seen["written"]


def test_aliases(seen) -> None:
    assert seen == {"input is kept": True, "gradients are kept": [1.0, 1.0]}


def test_finite_differences(seen) -> None:
    # Central differences in single precision: curvature and rounding were below 4e-4.
    assert len(seen) == 9
    assert max(abs(error) for error in seen.values()) < 3e-3, seen


def test_step(seen) -> None:
    assert seen["after"] < seen["before"]
    assert seen["changed"] > 1e-3
    assert seen["keras"] < 1e-5
    assert seen["without gradient"] == []


def test_modes(seen) -> None:
    state = [
        "encoder.state_0_moving_mean",
        "encoder.state_1_moving_variance",
        "encoder.state_2_seed_generator_state",
    ]
    assert seen["inference"] == [True, []]
    assert seen["training"] == [False, state]
    assert seen["frozen"] == [True, []]
    assert not seen["frozen learns"]
    assert seen["clone"] == []
    assert seen["clone computes"] == 0.0
    assert seen["kernel of the original"] > 0.1


def test_state(seen) -> None:
    assert seen["untouched"] > 0.1
    assert seen["state_dict"] == 0.0
    # Eleven bits: weights and sums of them are off by some 1e-3 of values up to one.
    assert 0 < seen["half precision"] < 5e-3
    assert seen["hashes"] == ["dec_snr.keras", "enc_snr.keras", "weights"]
    assert seen["saved"] < 1e-6


def test_modules(seen) -> None:
    assert "does not know class 'Scale'" in seen["unknown"]
    assert "'modules'" in seen["unknown"]
    assert "encoder.2_scale_of" in seen["parameters"]
    assert "decoder.0_kernel" in seen["parameters"]
    assert seen["rate"] == "k=128"


def test_flops(seen) -> None:
    for layer, (found, expected) in seen.items():
        assert found == expected, layer


def test_sweep(seen) -> None:
    assert seen["exit"] == 0
    assert seen["psnr_db"]["20.0"] > seen["psnr_db"]["0.0"]
    assert seen["cbr"] == pytest.approx([1 / 12])
    assert seen["sha256"] in seen["manifest"]


def test_training(seen) -> None:
    assert seen["exit"] == 0
    assert seen["after"] < 0.8 * seen["before"]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("missing", "CheckpointError", "none.keras: there is no such file"),
        ("suffix", "ValidationError", "ends in .keras"),
        ("junk", "CheckpointError", "junk.keras: no .keras file"),
        ("hash", "CheckpointError", "expected 000000"),
        ("lambda", "CheckpointError", "enc_lambda.keras: it holds a Lambda layer"),
        ("unknown module", "CheckpointError", "cannot import 'no_such_module'"),
        ("pair", "CheckpointError", "takes features 33, but"),
        ("three inputs", "CheckpointError", "it has 3 inputs"),
        ("SNR not said", "CheckpointError", "snr: db or linear"),
        ("SNR not taken", "CheckpointError", "neither has a second input"),
        ("size", "ValueError", "takes 16×16×3, not 32×32×3"),
        ("odd size", "ValueError", "returns 16×16×3 for images 15×15×3"),
        ("other image", "ValueError", "returns 8×8×3 for images 16×16×3"),
        ("unbuilt", "CheckpointError", "before it was built"),
        ("weights", "CheckpointError", "trained from other files"),
        ("own folder", "ValueError", "give another folder"),
        ("bits", "TypeError", "no decoded bits"),
        ("again", "RuntimeError", "only once"),
        ("overwritten", "RuntimeError", "modified by an inplace operation"),
        ("backend", "SemsimError", "KERAS_BACKEND=tensorflow"),
        ("command line", "2", "error: "),
    ],
)
def test_mistakes(seen, name, kind, message) -> None:
    assert seen[name][0] == kind
    assert message in seen[name][1]
    assert "Traceback" not in seen[name][1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("encoder: enc.h5, decoder: dec.keras", r"link.yaml:6: .*encoder: expected a file that"),
        ("encoder: enc.keras", r"decoder: this key is missing"),
        ("encoder: enc.keras, decoder: dec.keras, sn: db", r"codec.sn: unknown key"),
        ("encoder: enc.keras, decoder: dec.keras, pixels: [1, 1]", r"black and white must differ"),
        ("encoder: enc.keras, decoder: dec.keras, encoder_sha256: ab", r"encoder_sha256"),
        ("encoder: enc.keras, decoder: dec.keras, modules: ['a b']", r"modules"),
    ],
)
def test_wrong_options_are_told_without_tensorflow(tmp_path, options, message) -> None:
    path = tmp_path / "link.yaml"
    old = "encoder: FOLDER/enc.keras, decoder: FOLDER/dec.keras"
    path.write_text(SCENARIO.replace(old, options), encoding="utf-8")
    with pytest.raises(ScenarioError, match=message):
        load_scenario(path)


def test_shapes_that_fit() -> None:
    assert fit((None, 8, 4), (8, None, 4))
    assert not fit((8, 8, 4), (8, 8))
    assert show((None, 8)) == "?×8"
    assert KerasConfig(encoder="e.keras", decoder="d.keras").trainable


def test_without_tensorflow_the_command_says_what_to_install(tmp_path) -> None:
    for name in ("enc.keras", "dec.keras"):
        (tmp_path / name).write_bytes(b"")
    path = tmp_path / "link.yaml"
    path.write_text(SCENARIO.replace("FOLDER", str(tmp_path)), encoding="utf-8")
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from semsim.cli.main import main\n"
        f"sys.argv = ['semsim', 'link', {str(path)!r}, '--out', {str(tmp_path)!r}, '-q']\n"
        "main()"
    )
    done = python("-c", code)
    assert done.returncode == 2
    told = "error: codec keras needs TensorFlow: pip install 'semsim-net[tensorflow]'"
    assert done.stderr.strip() == told


def test_tensorflow_after_torch_and_sionna_works(driven) -> None:
    """The driver imports torch and sionna, then TensorFlow by the codec."""
    assert driven["triton"] == (find_spec("triton") is not None)


def test_tensorflow_before_triton_is_refused_and_does_not_crash() -> None:
    code = (
        "import tensorflow\n"
        "from semsim.codecs.keras.tensorflow import import_tensorflow\n"
        "from semsim.errors import SemsimError\n"
        "try:\n"
        "    print(import_tensorflow().__name__)\n"
        "except SemsimError as error:\n"
        "    print(error)\n"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    if find_spec("triton") is None:
        assert done.stdout.strip() == "tensorflow"
    else:
        assert "sionna.phy, or triton itself, before tensorflow" in done.stdout


def test_tensorflow_stays_out_of_this_process() -> None:
    assert "tensorflow" not in sys.modules


@pytest.mark.slow
def test_the_table_does_not_depend_on_the_number_of_workers(folder, driven) -> None:
    path = folder / "workers.yaml"
    path.write_text(SCENARIO.replace("FOLDER", str(folder)), encoding="utf-8")
    tables = []
    for workers in ("1", "2"):
        out = folder / f"workers{workers}"
        command = ("-m", "semsim", "link", str(path), "--out", str(out), "-q", "--workers")
        done = python(*command, workers)
        assert done.returncode == 0, done.stderr
        tables.append(pd.read_parquet(next(out.glob("*/sweep.parquet"))))
    pd.testing.assert_frame_equal(*tables)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(tmp_path) -> None:
    seen = drive(tmp_path, "cuda")
    # TensorFlow may multiply in TF32 there: ten bits.
    assert max(error for errors in seen["parity"].values() for error in errors) < 1e-2
    assert max(abs(error) for error in seen["finite_differences"].values()) < 0.1
    assert seen["step"]["after"] < seen["step"]["before"]
    assert seen["state"]["state_dict"] == 0.0
