from pathlib import Path

import pytest
import torch

from semsim.codecs import checkpoints
from semsim.codecs.checkpoints import hashes_within
from semsim.errors import CheckpointError


def test_weights_are_found_at_any_depth(tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    sha256 = checkpoints.write(own, {"a": torch.ones(2)}, {})
    shipped = {name: checkpoints.shipped(name).sha256 for name in ("deepjscc-1-6", "ftsc-4-2")}
    data = {
        "objective": {"codec": {"kind": "deepjscc", "weights": "deepjscc-1-6"}},
        "systems": [
            {"codec": {"weights": {"path": str(own), "sha256": None}}},
            {"codec": {"weights": {"4-2": "ftsc-4-2"}}},
            {"codec": {"weights": "random"}, "captioner": {"weights": None}},
        ],
        "weights": 3,
    }
    assert hashes_within(data) == {**shipped, str(own): sha256}
    checkpoints.write(own, {"a": torch.zeros(2)}, {})
    assert hashes_within(data)[str(own)] != sha256


def test_missing_weights_are_named() -> None:
    with pytest.raises(CheckpointError, match="no shipped weights are named 'nobody'"):
        hashes_within({"codec": {"weights": "nobody"}})
    with pytest.raises(CheckpointError, match="nowhere"):
        hashes_within([{"weights": {"path": "nowhere.safetensors"}}])
