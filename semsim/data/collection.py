"""``collection``: small labelled sets, unlike photographs, that ship with semsim."""

from __future__ import annotations

import csv
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semsim.data.config import CollectionConfig
from semsim.data.images import read_image
from semsim.data.labelled import LabelledImages
from semsim.documents import read_yaml
from semsim.errors import DataError


class Collection(LabelledImages):
    """One split of a collection; owners and licences are in collection_pack/LICENSES.md.

    ``fashion`` are 6,000 pictures of Fashion-MNIST (28×28, grey, white on black), each class as
    often as the others in every ten consecutive images. ``emoji`` are 1,417 pictures of Noto Emoji
    (64×64, on white) in a random but fixed order, with their Unicode names as captions and their
    Unicode groups as classes; no two are nearly alike. Names are ``<collection>/<original>``.

    Attributes:
        classes: what the labels stand for.

    Raises:
        DataError: if the package's folder of collections is damaged.
    """

    Config = CollectionConfig

    def __init__(self, config: CollectionConfig) -> None:
        with as_file(files("semsim.data") / "collection_pack") as folder:
            table, sheet = folder / f"{config.name}.csv", folder / f"{config.name}.webp"
            if not (table.is_file() and sheet.is_file()):
                raise DataError(f"{folder}: {config.name} is missing; reinstall semsim-net")
            about = read_yaml(folder / "index.yaml").data["collections"][config.name]
            with table.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            tiles = _tiles(sheet, about["side"], len(rows))
        chosen = [i for i, row in enumerate(rows) if config.split in ("all", row["split"])]
        captions = [rows[i]["caption"] for i in chosen]
        self.classes: tuple[str, ...] = tuple(about["classes"])
        super().__init__(
            tiles[chosen],
            np.array([int(rows[i]["label"]) for i in chosen], np.int64),
            [f"{config.name}/{rows[i]['name']}" for i in chosen],
            config.size,
            captions if all(captions) else None,
        )


def _tiles(path: Path, side: int, count: int) -> NDArray[np.uint8]:
    """Cut a sheet into its first ``count`` images ``[count, side, side, 3]``."""
    sheet = np.asarray(read_image(path))
    rows, columns = sheet.shape[0] // side, sheet.shape[1] // side
    if rows * columns < count:
        raise DataError(f"{path}: holds fewer than {count} pictures; reinstall semsim-net")
    whole = sheet.reshape(rows, side, columns, side, 3).swapaxes(1, 2)
    return whole.reshape(-1, side, side, 3)[:count]
