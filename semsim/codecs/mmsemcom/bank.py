"""A bank: images that a receiver has generated of each class, and what describes them.

A folder with ``manifest.json`` (what made it, and hashes), a lossless WebP sheet for each class,
and ``descriptions.safetensors`` (prompts, image and fused features of every image by the features
with the SHA-256 that it names). The set of a class is the same for every transmission, so that it
is made once. Descriptions by other features are computed when first asked for, and kept in the
cache of the user.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from semsim.codecs.checkpoints import sha256_of
from semsim.codecs.mmsemcom.features import Features, describe_all
from semsim.data.images import read_image
from semsim.errors import DataError
from semsim.registry import suggest
from semsim.types import ImageShape

MANIFEST = "manifest.json"
DESCRIPTIONS = "descriptions.safetensors"
CACHE = Path("~/.cache/semsim/banks")


def sheet_name(label: int) -> str:
    """Return what the sheet of a class is called."""
    return f"class-{label:03d}.webp"


@dataclass(frozen=True)
class Bank:
    """Generated images.

    Attributes:
        name: of the bank.
        identity: SHA-256 of all that it holds and of what made it.
        classes: what its labels stand for.
        images: ``[classes, P, 3, H, W]`` bytes.
        folder: where it is.
        of: its recipe, and the hash of its sampler's weights.
    """

    name: str
    identity: str
    classes: tuple[str, ...]
    images: Tensor
    folder: Path
    of: dict[str, Any]

    @property
    def shape(self) -> ImageShape:
        """``(C, H, W)`` of one image."""
        _, _, c, h, w = self.images.shape
        return int(c), int(h), int(w)

    @cached_property
    def flat(self) -> Tensor:
        """``[classes · P, 3, H, W]`` bytes, class by class."""
        return self.images.flatten(0, 1)


@dataclass(frozen=True)
class Descriptions:
    """What describes the images of a bank; single precision, rounded to half.

    Attributes:
        prompts: ``[classes, P, n_text]`` places in the list of candidates.
        image: ``[classes, P, d_image]``.
        fused: ``[classes, P, d_fusion]``.
    """

    prompts: Tensor
    image: Tensor
    fused: Tensor

    def write(self, folder: Path, bank: Bank, features_sha256: str) -> None:
        """Write ``descriptions.safetensors`` into ``folder``."""
        tensors = {
            "prompts": self.prompts.to(torch.int16),
            "image": self.image.half(),
            "fused": self.fused.half(),
        }
        known = {"bank": bank.identity, "features": features_sha256}
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{DESCRIPTIONS}.{os.getpid()}"
        packed = {name: value.cpu().contiguous() for name, value in tensors.items()}
        temporary.write_bytes(save(packed, metadata=known))
        os.replace(temporary, folder / DESCRIPTIONS)


def shipped_banks() -> list[str]:
    """Return the names of the banks that ship."""
    return sorted(path.parent.name for path in _shipped().glob(f"*/{MANIFEST}"))


def _shipped() -> Path:
    return Path(str(files("semsim.codecs.mmsemcom") / "banks"))


def read_bank(bank: str | Path) -> Bank:
    """Read a bank that ships, by its name, or one in a folder.

    Raises:
        DataError: if there is none, or it is damaged.
    """
    folder = Path(bank).expanduser()
    if isinstance(bank, str) and not folder.is_dir():
        folder = _shipped() / bank
        if not (folder / MANIFEST).is_file():
            known = shipped_banks()
            raise DataError(
                f"no bank is named {bank!r}{suggest(bank, known)}; banks that ship: "
                f"{', '.join(known) or 'none'}; `semsim bank RECIPE` makes others"
            )
    if not (folder / MANIFEST).is_file():
        raise DataError(
            f"{folder}: there is no whole bank; make it, or go on, by `semsim bank RECIPE`"
        )
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    try:
        return _read(folder, manifest)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder}: not a bank ({error!r}); make it again") from error


def _read(folder: Path, manifest: dict[str, Any]) -> Bank:
    count, side = manifest["of"]["per_class"], manifest["side"]
    sheets = []
    for name, sha256 in manifest["sheets_sha256"].items():
        if sha256_of(folder / name) != sha256:
            raise DataError(f"{folder / name}: is damaged; make the bank again")
        sheets.append(_tiles(folder / name, side, count))
    return Bank(
        name=manifest["name"],
        identity=manifest["identity"],
        classes=tuple(manifest["of"]["classes"]),
        images=torch.stack(sheets),
        folder=folder,
        of=manifest["of"],
    )


def _tiles(path: Path, side: int, count: int) -> Tensor:
    """Cut a sheet into its first ``count`` images ``[count, 3, side, side]``."""
    sheet = np.asarray(read_image(path))
    rows, columns = sheet.shape[0] // side, sheet.shape[1] // side
    whole = sheet.reshape(rows, side, columns, side, 3).transpose(0, 2, 4, 1, 3)
    return torch.from_numpy(np.ascontiguousarray(whole.reshape(-1, 3, side, side)[:count]))


def kept_descriptions(bank: Bank, features_sha256: str) -> Descriptions | None:
    """Return what has been kept of these features: with the bank, or in the cache."""
    for folder in (bank.folder, _cached(bank, features_sha256)):
        found = _read_descriptions(folder / DESCRIPTIONS, bank, features_sha256)
        if found is not None:
            return found
    return None


def _cached(bank: Bank, features_sha256: str) -> Path:
    return CACHE.expanduser() / f"{bank.identity[:16]}-{features_sha256[:16]}"


def _read_descriptions(path: Path, bank: Bank, features_sha256: str) -> Descriptions | None:
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if file.metadata() != {"bank": bank.identity, "features": features_sha256}:
                return None
            prompts, image, fused = map(file.get_tensor, ("prompts", "image", "fused"))
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path}: is damaged ({error}); delete it") from error
    return Descriptions(prompts.long(), image.float(), fused.float())


def describe_bank(bank: Bank, features: Features, device: str = "cpu") -> Descriptions:
    """Describe the images of a bank, whatever has been kept."""
    with torch.no_grad():
        candidates = features.read()
    told = [
        describe_all(features, images.to(device), candidates) for images in bank.images
    ]  # a class each
    return Descriptions(
        prompts=torch.stack([part.prompts for part in told]),
        image=torch.stack([part.image for part in told]).half().float(),
        fused=torch.stack([part.fused for part in told]).half().float(),
    )


def descriptions(
    bank: Bank, features: Features, features_sha256: str | None, device: str = "cpu"
) -> Descriptions:
    """Return what describes a bank's images, kept or computed; computed ones are cached.

    Args:
        bank: whose images.
        features: that describe them, on ``device`` and in evaluation mode.
        features_sha256: of their weights; ``None`` for weights that nobody has trained.
        device: where to compute.
    """
    if features_sha256 is None:
        return describe_bank(bank, features, device)
    found = kept_descriptions(bank, features_sha256)
    if found is None:
        found = describe_bank(bank, features, device)
        found.write(_cached(bank, features_sha256), bank, features_sha256)
    return found
