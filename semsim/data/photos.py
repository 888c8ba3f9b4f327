"""``photos``: natural photographs inside the package (authors and licences in LICENSES.md)."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np

from semsim.data.config import PhotosConfig
from semsim.data.images import Photographs, read_image
from semsim.documents import read_yaml
from semsim.errors import DataError
from semsim.types import Source


class Photos:
    """The photographs of one split.

    Raises:
        DataError: if the package's folder of photographs is damaged.
    """

    Config = PhotosConfig

    def __init__(self, config: PhotosConfig) -> None:
        images, names = [], []
        with as_file(files("semsim.data") / "photos_pack") as folder:
            if not (folder / "index.yaml").is_file():
                raise DataError(f"{folder}: the photographs are missing; reinstall semsim-net")
            for entry in read_yaml(folder / "index.yaml").data["photos"]:
                if config.split in ("all", entry["split"]):
                    images.append(read_image(folder / entry["file"]))
                    names.append(entry["name"])
        self._photographs = Photographs(images, names, config.size, config.crop)

    def __len__(self) -> int:
        return len(self._photographs)

    def take(self, count: int) -> Source:
        """Return ``count`` images, always the same ones."""
        return self._photographs.take(count)

    def sample(self, count: int, rng: np.random.Generator) -> Source:
        """Draw ``count`` images with ``rng``."""
        return self._photographs.sample(count, rng)
