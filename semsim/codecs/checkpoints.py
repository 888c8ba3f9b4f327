"""Weights as safetensors, known by their SHA-256; pickles are refused.

A shipped checkpoint is two files in ``semsim/codecs/weights``: ``NAME.safetensors`` (half
precision) and ``NAME.yaml``, its card: recipe, data, seed, figures, versions and hash.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, get_args

import torch
import yaml
from pydantic import BaseModel
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from semsim.codecs.weights_config import RANDOM, WeightsFile
from semsim.documents import read_yaml
from semsim.errors import CheckpointError

_HOW_TO_REBUILD = "make it again with `python -m semsim train recipes/{name}.yaml`"


class Checkpoint:
    """Tensors and the configuration of the model that they fill.

    Attributes:
        tensors: the model's state dict, single precision.
        model: the model's configuration as plain data.
        sha256: of the file.
        origin: where it came from, for reports.
        name: of the file, without its ending.
    """

    def __init__(
        self, tensors: dict[str, Tensor], model: dict[str, Any], sha256: str, origin: str
    ) -> None:
        self.tensors = tensors
        self.model = model
        self.sha256 = sha256
        self.origin = origin
        self.name = Path(origin).stem


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path, sha256: str | None = None) -> Checkpoint:
    """Read a safetensors file written by :func:`write`.

    Raises:
        CheckpointError: if it is missing, no safetensors file, or not the one with ``sha256``.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: there are no weights; train them or mend the path")
    found = sha256_of(path)
    if sha256 is not None and found != sha256:
        raise CheckpointError(
            f"{path}: the SHA-256 is {found}, expected {sha256}; the file is damaged or another "
            "one: get it again, or change the hash if you trust this file"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path}: not a safetensors file ({error}); semsim reads no pickles (.pt, .ckpt)"
        ) from error
    if "model" not in metadata:
        raise CheckpointError(f"{path}: its metadata lack the model's configuration ('model')")
    single = {
        name: value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
    }
    return Checkpoint(single, json.loads(metadata["model"]), found, str(path))


def pack(state: dict[str, Tensor], model: dict[str, Any]) -> bytes:
    """Return the file of ``state`` in half precision with the model's configuration."""
    half = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in state.items()
    }
    return save(half, metadata={"model": json.dumps(model, sort_keys=True)})


def write(path: Path, state: dict[str, Tensor], model: dict[str, Any]) -> str:
    """Write ``state`` as :func:`pack` makes it; return the SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(pack(state, model))
    os.replace(temporary, path)
    return sha256_of(path)


def folder() -> Any:
    """Return where the shipped checkpoints are."""
    return files("semsim.codecs") / "weights"


def shipped(name: str) -> Checkpoint:
    """Read the shipped checkpoint ``name`` and check it against the hash on its card.

    Raises:
        CheckpointError: if it is missing or damaged.
    """
    with as_file(folder()) as place:
        card_path = place / f"{name}.yaml"
        if not card_path.is_file():
            remedy = _HOW_TO_REBUILD.format(name=name.replace("-", "_"))
            raise CheckpointError(f"no shipped weights are named {name!r}; {remedy}")
        card = read_yaml(card_path).data
        return read(place / f"{name}.safetensors", card["sha256"])


def named(weights: str | WeightsFile) -> Checkpoint | None:
    """Return the checkpoint that a configuration names; ``None`` for ``random`` weights.

    Raises:
        CheckpointError: if it is missing or damaged.
    """
    if isinstance(weights, WeightsFile):
        return read(weights.path.expanduser(), weights.sha256)
    return None if weights == RANDOM else shipped(weights)


def hashes(*configs: object) -> dict[str, str]:
    """Return the SHA-256, by name, of semsim's own weights that ``configs`` name.

    What names none (no field ``weights``, or ``random``) adds nothing.

    Raises:
        CheckpointError: if weights are missing or damaged.
    """
    weights = (getattr(config, "weights", None) for config in configs)
    found = (named(one) for one in weights if one is not None)
    return {one.name: one.sha256 for one in found if one is not None}


def hashes_within(config: BaseModel) -> dict[str, str]:
    """Return the SHA-256, by name, of all weights that a recipe or a scenario names, at any depth.

    Raises:
        CheckpointError: if weights are missing or damaged.
    """
    found: dict[str, str] = {}
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if not _names_weights(field.annotation):
            found |= _hashes_of_parts(value)
            continue
        for one in value.values() if isinstance(value, dict) else (value,):
            checkpoint = None if one is None else named(one)
            if checkpoint is not None:
                found[str(one.path) if isinstance(one, WeightsFile) else one] = checkpoint.sha256
    return found


def _names_weights(annotation: object) -> bool:
    return annotation is WeightsFile or any(map(_names_weights, get_args(annotation)))


def _hashes_of_parts(value: object) -> dict[str, str]:
    if isinstance(value, BaseModel):
        return hashes_within(value)
    found: dict[str, str] = {}
    parts = value.values() if isinstance(value, dict) else value
    for part in parts if isinstance(parts, Iterable) and not isinstance(parts, str) else ():
        found |= _hashes_of_parts(part)
    return found


def load_into(module: torch.nn.Module, checkpoint: Checkpoint) -> None:
    """Fill ``module`` with the checkpoint's tensors.

    Raises:
        CheckpointError: if names or shapes differ.
    """
    try:
        module.load_state_dict(checkpoint.tensors)
    except RuntimeError as error:
        raise CheckpointError(f"{checkpoint.origin}: does not fit this model: {error}") from error


def write_card(path: Path, card: dict[str, Any]) -> None:
    """Write a card next to its weights."""
    path.write_text(yaml.safe_dump(card, sort_keys=False, allow_unicode=True), encoding="utf-8")
