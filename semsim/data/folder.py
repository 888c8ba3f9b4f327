"""``folder``: the user's own images."""

from __future__ import annotations

from pathlib import Path

from semsim.data.config import FolderConfig
from semsim.data.images import SUFFIXES, Photographs, read_image
from semsim.errors import DataError


class Folder(Photographs):
    """All images of a folder that match ``include``.

    Raises:
        DataError: if the folder is missing or empty, or a file in it cannot be read.
    """

    Config = FolderConfig

    def __init__(self, config: FolderConfig) -> None:
        root = config.path.expanduser()
        if not root.is_dir():
            raise DataError(f"{root}: there is no such folder; give an existing one as 'path'")
        paths = sorted({path for pattern in config.include for path in _images(root, pattern)})
        if not paths:
            raise DataError(
                f"{root}: no images match {', '.join(config.include)}; "
                f"semsim reads {', '.join(sorted(SUFFIXES))}"
            )
        max_side = max(config.max_side, config.size)
        images = [read_image(path, max_side) for path in paths]
        names = [path.relative_to(root).as_posix() for path in paths]
        super().__init__(images, names, config.size, config.crop, config.least)


def _images(root: Path, pattern: str) -> list[Path]:
    try:
        found = list(root.glob(pattern))
    except (ValueError, IndexError, NotImplementedError) as error:
        raise DataError(
            f"{root}: {pattern!r} in 'include' is no pattern below the folder ({error}); "
            "write one such as '**/*.png'"
        ) from error
    return [path for path in found if path.suffix.lower() in SUFFIXES and path.is_file()]
