from pathlib import Path
from typing import Any

import pytest
import torch

from semsim.codecs import checkpoints
from semsim.codecs.checkpoints import hashes_within
from semsim.errors import CheckpointError
from semsim.scenario import LinkScenario
from tests.unit.training.test_search import recipe


def _scenario(*codecs: dict[str, Any]) -> LinkScenario:
    return LinkScenario.model_validate(
        {
            "task": "link",
            "name": "x",
            "source": {"kind": "photos", "size": 32},
            "systems": [{"label": str(n), "codec": codec} for n, codec in enumerate(codecs)],
            "channels": ["awgn"],
            "snr_db": [0],
        }
    )


def test_weights_are_found_at_any_depth(tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    sha256 = checkpoints.write(own, {"a": torch.ones(2)}, {})
    names = ("deepjscc-1-6", "ftsc-4-2")
    asked = _scenario(
        {"kind": "deepjscc"},
        {"kind": "witt", "weights": {"path": str(own)}},
        {"kind": "ftsc", "scalings": ["[4,2]"], "weights": {"[4,2]": "ftsc-4-2"}},
        {"kind": "semvit", "weights": "random"},
        {"kind": "classical"},
    )
    expected = {name: checkpoints.shipped(name).sha256 for name in names}
    assert hashes_within(asked) == {**expected, str(own): sha256}
    checkpoints.write(own, {"a": torch.zeros(2)}, {})
    assert hashes_within(asked)[str(own)] != sha256


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no shipped weights are named 'nobody'"):
        hashes_within(_scenario({"kind": "deepjscc", "weights": "nobody"}))
    missing = {"path": str(tmp_path / "nowhere.safetensors")}
    with pytest.raises(CheckpointError, match="nowhere"):
        hashes_within(_scenario({"kind": "deepjscc", "weights": missing}))


def test_optimizers_of_weights_are_no_weights() -> None:
    assert hashes_within(recipe()) == {}
