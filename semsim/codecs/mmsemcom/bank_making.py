"""Making a bank: batch after batch, so that an interrupted one goes on."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from semsim.codecs import checkpoints
from semsim.codecs.mmsemcom.bank import (
    MANIFEST,
    Bank,
    describe_bank,
    kept_descriptions,
    read_bank,
    sheet_name,
)
from semsim.codecs.mmsemcom.bank_config import BankRecipe
from semsim.codecs.mmsemcom.features import Features
from semsim.errors import DataError
from semsim.results import recorded_versions, write_json
from semsim.rng import Streams
from semsim.types import Report

#: WebP has no larger sides.
_MOST_PIXELS = 16383


def make_bank(
    recipe: BankRecipe,
    folder: Path,
    device: str = "cpu",
    *,
    resume: bool = True,
    report: Report = lambda *_: None,
) -> Bank:
    """Draw the images of a bank into ``folder`` and describe them.

    Images of batch k of a class follow from the recipe's seed, the class and k alone, so that an
    interrupted bank is the same as one that was not. A folder that holds the whole bank already is
    left as it is.

    Args:
        recipe: what to make.
        folder: of this bank.
        device: where to compute.
        resume: go on with what is there; otherwise what is there is deleted.
        report: told about progress.

    Raises:
        DataError: if the folder holds (part of) another bank, images are too many for a sheet, or
            the sampler is untrained (its weights would be others after an interruption) or does
            not know a class.
    """
    sampler = recipe.sampler.build(device)
    known = _identity(recipe, sampler)
    parts = folder / "parts"
    if not resume and any(path.is_file() for path in _marks(folder)):
        shutil.rmtree(folder)
    _check_folder(folder, known)
    if not (folder / MANIFEST).is_file():
        parts.mkdir(parents=True, exist_ok=True)
        write_json(parts / "of.json", known)
        _draw(recipe, sampler, parts, device, report)
        _write_sheets(recipe, parts, folder, known)
        shutil.rmtree(parts)
    bank = read_bank(folder)
    checkpoint = None if recipe.features is None else checkpoints.named(recipe.features)
    if checkpoint is not None and kept_descriptions(bank, checkpoint.sha256) is None:
        report(0, 1, "describing")
        features = Features.restore(checkpoint).eval().to(device)
        describe_bank(bank, features, device).write(folder, bank, checkpoint.sha256)
    return bank


def _identity(recipe: BankRecipe, sampler: Any) -> dict[str, Any]:
    """Return all that decides the images."""
    asked = recipe.model_dump(mode="json", exclude={"features", "name"})
    if sampler.checkpoint is None:
        raise DataError("sampler.weights: random weights draw nothing; train them first")
    asked["sampler"]["weights"] = sampler.checkpoint.sha256
    return asked


def _marks(folder: Path) -> tuple[Path, Path]:
    """Return the files that say whose bank it is, of a whole one and of a part."""
    return folder / MANIFEST, folder / "parts" / "of.json"


def _check_folder(folder: Path, known: dict[str, Any]) -> None:
    for path in _marks(folder):
        if not path.is_file():
            continue
        found = json.loads(path.read_text(encoding="utf-8"))
        if found.get("of", found) != known:
            raise DataError(
                f"{folder}: holds a bank of another recipe or other weights; name another --folder "
                "or --fresh to delete it"
            )


def _draw(recipe: BankRecipe, sampler: Any, parts: Path, device: str, report: Report) -> None:
    batches = math.ceil(recipe.per_class / recipe.batch)
    todo = [(c, k) for c in range(len(recipe.classes)) for k in range(batches)]
    fast = recipe.precision == "bfloat16"
    for done, (label, k) in enumerate(todo):
        report(done, len(todo), recipe.classes[label])
        path = parts / f"{label:03d}-{k:05d}.npy"
        if path.is_file():
            continue
        count = min(recipe.batch, recipe.per_class - k * recipe.batch)
        generator = Streams(recipe.seed).child("bank", label).torch(f"batch {k}", device)
        labels = torch.full((count,), label, device=device)
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=fast):
            try:
                image = sampler.draw(labels, generator)
            except ValueError as error:
                raise DataError(
                    f"classes: the sampler cannot draw {recipe.classes[label]!r}, which is class "
                    f"{label} ({error}); name the classes that it was trained on, in their order"
                ) from error
        _save(path, (255.0 * image.float()).round().to(torch.uint8).cpu().numpy())
    report(len(todo), len(todo), "images")


def _save(path: Path, values: NDArray[np.uint8]) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, values)
    os.replace(temporary, path)


def _write_sheets(recipe: BankRecipe, parts: Path, folder: Path, known: dict[str, Any]) -> None:
    hashes = {}
    for label in range(len(recipe.classes)):
        images = np.concatenate([np.load(p) for p in sorted(parts.glob(f"{label:03d}-*.npy"))])
        path = folder / sheet_name(label)
        _sheet(images).save(path, lossless=True, quality=80, method=4)
        hashes[path.name] = checkpoints.sha256_of(path)
    identity = hashlib.sha256(json.dumps([known, hashes], sort_keys=True).encode()).hexdigest()
    side = int(images.shape[-1])
    write_json(
        folder / MANIFEST,
        {
            "name": recipe.name,
            "identity": identity,
            "side": side,
            "sheets_sha256": hashes,
            "of": known,
            "versions": recorded_versions(),
        },
    )


def _sheet(images: NDArray[np.uint8]) -> Image.Image:
    """Images ``[P, 3, H, H]`` side by side, row by row, as square as can be."""
    count, _, side, _ = images.shape
    columns = math.ceil(math.sqrt(count))
    if columns * side > _MOST_PIXELS:
        raise DataError(
            f"{count} images of {side} pixels do not fit on a sheet of {_MOST_PIXELS} pixels; "
            "lower per_class"
        )
    rows = math.ceil(count / columns)
    whole = np.zeros((rows * columns, 3, side, side), np.uint8)
    whole[:count] = images
    tiles = whole.reshape(rows, columns, 3, side, side).transpose(0, 3, 1, 4, 2)
    return Image.fromarray(np.ascontiguousarray(tiles.reshape(rows * side, columns * side, 3)))
