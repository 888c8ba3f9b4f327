"""``folder``: the user's own images."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from semsim.data.config import FolderConfig
from semsim.data.images import SUFFIXES, Photographs, read_image
from semsim.errors import DataError


class Folder(Photographs):
    """The images of a folder that match ``include``, of one split.

    Names are paths below the folder. A file is in ``test`` if 5 divides the CRC-32 of its name.
    Labels, where asked for, number the folders directly below the folder, whether or not they
    hold an image of this split.

    Raises:
        DataError: if the folder is missing or empty, a file in it cannot be read, or an image has
            no class though classes were asked for.
    """

    Config = FolderConfig

    def __init__(self, config: FolderConfig) -> None:
        root = config.path.expanduser()
        if not root.is_dir():
            raise DataError(f"{root}: there is no such folder; give an existing one as 'path'")
        found = {path for pattern in config.include for path in _images(root, pattern)}
        if not found:
            raise DataError(
                f"{root}: no images match {', '.join(config.include)}; "
                f"semsim reads {', '.join(sorted(SUFFIXES))}"
            )
        names = [path.relative_to(root).as_posix() for path in sorted(found)]
        names = [name for name in names if config.split in ("all", _split(name))]
        if not names:
            raise DataError(
                f"{root}: none of the {len(found)} images falls to the split {config.split!r}; "
                "add images, or set 'split: all'"
            )
        files = _Files([root / name for name in names], max(config.max_side, config.size))
        labels = _labels(root, names) if config.labels == "folders" else None
        super().__init__(
            files, names, config.size, config.crop, config.least, labels, hold=config.hold
        )


class _Files:
    """Photographs that are read whenever they are asked for."""

    def __init__(self, paths: Sequence[Path], max_side: int) -> None:
        self._paths = paths
        self._max_side = max_side

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int, /) -> Image.Image:
        return read_image(self._paths[index], self._max_side)


def _images(root: Path, pattern: str) -> list[Path]:
    try:
        found = list(root.glob(pattern))
    except (ValueError, IndexError, NotImplementedError) as error:
        raise DataError(
            f"{root}: {pattern!r} in 'include' is no pattern below the folder ({error}); "
            "write one such as '**/*.png'"
        ) from error
    return [path for path in found if path.suffix.lower() in SUFFIXES and path.is_file()]


def _split(name: str) -> str:
    return "train" if zlib.crc32(name.encode()) % 5 else "test"


def _labels(root: Path, names: Sequence[str]) -> list[int]:
    classes = sorted(path.name for path in root.iterdir() if path.is_dir())
    number = {name: i for i, name in enumerate(classes)}
    labels = []
    for name in names:
        folder, _, below = name.partition("/")
        if not below:
            raise DataError(
                f"{root / name}: lies in no class folder; move it into one, or set 'labels: none'"
            )
        labels.append(number[folder])
    return labels
