"""`semsim adapt` at the command line."""

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from semsim import load_codec
from semsim.cli.main import app
from semsim.errors import DataError, ScenarioError, SemsimError

_SMALL = ["--images", "4", "--judged", "3", "--steps", "2", "--batch", "2", "-q"]


@pytest.mark.parametrize("mode", ["dft", "lsdft"])
def test_it_writes_weights_that_scenarios_can_use(tmp_path: Path, mode: str) -> None:
    command = ["adapt", "--mode", mode, *_SMALL, "--out", str(tmp_path)]
    done = CliRunner().invoke(
        app, [*command, "--json", str(tmp_path / "said.json")], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    assert "Before and after fine-tuning" in done.output
    said = json.loads((tmp_path / "said.json").read_text())
    folder = Path(said["folder"])
    names = {path.name for path in folder.iterdir()}
    assert {"adapted.safetensors", "adapted.yaml", "images.png", "convergence.png"} <= names
    assert said["summary"]["images_tuned_on"] == 4
    weights = {"[4,2]": {"path": str(folder / "adapted.safetensors")}}
    codec = load_codec({"kind": "ftsc", "scalings": ["[4,2]"], "weights": weights})
    assert codec.rates((3, 64, 64))[0].payload == 2880
    items = [row["item"] for row in said["air"]]
    expected = {
        "dft": ["originals (PNG)", "digest"],
        "lsdft": ["quantisation losses", "latents"],
    }
    assert items == expected[mode]


def test_mistakes_end_without_a_traceback(tmp_path: Path) -> None:
    def mistake(*options: str) -> BaseException | None:
        command = ["adapt", *_SMALL, "--out", str(tmp_path / "runs"), *options]
        return CliRunner().invoke(app, command).exception

    several = mistake("--codec", "{kind: ftsc}")
    assert isinstance(several, ScenarioError)
    assert "one scaling rate" in str(several)
    bare = mistake("--modem", "{coding: none}")
    assert "CRC" in str(bare)
    for mode in ("dft", "lsdft"):
        modem = "{mcs: 5, fidelity: abstracted}"
        far = mistake("--mode", mode, "--channel", "awgn", "--snr", "-20", "--modem", modem)
        assert isinstance(far, SemsimError)
        assert "none of the 4 images of the fine-tuning phase arrived at -20 dB" in str(far)
    Image.new("RGB", (64, 64), "grey").save(tmp_path / "grey.png")
    few = mistake("--source", f"{{kind: folder, path: '{tmp_path}', size: 64}}")
    assert isinstance(few, DataError)
    assert "7 different images" in str(few)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())
