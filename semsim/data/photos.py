"""``photos``: natural photographs inside the package (authors and licences in LICENSES.md)."""

from __future__ import annotations

from importlib.resources import as_file, files

from semsim.data.config import PhotosConfig
from semsim.data.images import Photographs, read_image
from semsim.documents import read_yaml
from semsim.errors import DataError


class Photos(Photographs):
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
        super().__init__(images, names, config.size, config.crop, config.least)
