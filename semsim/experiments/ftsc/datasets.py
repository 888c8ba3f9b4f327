"""The eight data sets of FTSC (Section III-B).

CIFAR comes through torchvision. The other six ask for a registration or a visit to a page: the user
unpacks them below one folder, and :func:`original` says what it expects where; see docs/data.md.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from semsim.errors import DataError
from semsim.registry import suggest


@dataclass(frozen=True)
class Original:
    """One of the paper's data sets.

    Attributes:
        title: what it shows.
        where: page to get it from.
        terms: its licence or terms, as far as they could be confirmed.
        images: how many there are, in train and test together.
        train: fields of a source; paths are below the user's folder.
        test: likewise.
    """

    title: str
    where: str
    terms: str
    images: int
    train: dict[str, Any]
    test: dict[str, Any]


def _folders(train: str, test: str, **options: Any) -> dict[str, dict[str, Any]]:
    """A data set with a folder for each split."""
    fields = {"kind": "folder", **options}
    return {"train": {**fields, "path": train}, "test": {**fields, "path": test}}


def _one_folder(path: str, **options: Any) -> dict[str, dict[str, Any]]:
    """A data set without a split of its own."""
    fields = {"kind": "folder", "path": path, **options}
    return {"train": {**fields, "split": "train"}, "test": {**fields, "split": "test"}}


def _torchvision(dataset: str, root: str) -> dict[str, dict[str, Any]]:
    fields = {"kind": "torchvision", "dataset": dataset, "root": root}
    return {"train": {**fields, "split": "train"}, "test": {**fields, "split": "test"}}


_UNCONFIRMED = "licence not confirmed; read it on the page. The characters belong to their owners"

#: The paper's eight, by the names of its tables in small letters.
ORIGINALS: dict[str, Original] = {
    "ffhq": Original(
        title="Flickr-Faces-HQ: faces, 1024×1024",
        where="https://github.com/NVlabs/ffhq-dataset",
        terms=(
            "CC BY-NC-SA 4.0 by NVIDIA; the photographs CC BY 2.0, CC BY-NC 2.0, public domain or "
            "U.S. government works, one by one in its metadata"
        ),
        images=70_000,
        # Its authors appoint the first 60,000 for training, the last 10,000 for validation.
        train={
            "kind": "folder",
            "path": "ffhq/images1024x1024",
            "include": ["[0-5]????/*.png"],
        },
        test={"kind": "folder", "path": "ffhq/images1024x1024", "include": ["6????/*.png"]},
    ),
    "imagenet": Original(
        title="ImageNet (ILSVRC 2012): 1,000 classes of photographs",
        where="https://www.image-net.org/download.php",
        terms="on registration, for non-commercial research and education only",
        images=1_331_167,
        **_folders("imagenet/train", "imagenet/val", labels="folders"),
    ),
    "cifar-10": Original(
        title="CIFAR-10: 10 classes of photographs, 32×32",
        where="https://www.cs.toronto.edu/~kriz/cifar.html",
        terms="no licence stated; the authors ask to cite their report",
        images=60_000,
        **_torchvision("cifar10", "cifar-10"),
    ),
    "cifar-100": Original(
        title="CIFAR-100: 100 classes of photographs, 32×32",
        where="https://www.cs.toronto.edu/~kriz/cifar.html",
        terms="no licence stated; the authors ask to cite their report",
        images=60_000,
        **_torchvision("cifar100", "cifar-100"),
    ),
    "pokemon": Original(
        title="Pokemon: drawn characters, 120×120",
        where="https://www.kaggle.com/datasets/vishalsubbiah/pokemon-images-and-types",
        terms=_UNCONFIRMED,
        images=809,
        **_one_folder("pokemon"),
    ),
    "x-ray": Original(
        title="Labelled chest X-ray images: normal, pneumonia",
        where="https://www.kaggle.com/datasets/tolgadincer/labeled-chest-xray-images",
        terms="CC BY 4.0 for the original, Kermany et al., https://doi.org/10.17632/rscbjbr9sj.2",
        images=5_856,
        **_folders("x-ray/chest_xray/train", "x-ray/chest_xray/test", labels="folders"),
    ),
    "cityscapes": Original(
        title="Cityscapes: streets from a car, 2048×1024",
        where="https://www.cityscapes-dataset.com/",
        terms="on registration, for non-commercial purposes; not to be distributed",
        images=3_475,
        **_folders("cityscapes/leftImg8bit/train", "cityscapes/leftImg8bit/val"),
    ),
    "naruto": Original(
        title="Naruto: faces of drawn characters",
        where="https://www.kaggle.com/datasets/neetuk/naruto-face-dataset",
        terms=_UNCONFIRMED,
        images=7_365,
        **_one_folder("naruto"),
    ),
}


def data_root() -> Path:
    """Return the folder of the user's data sets: ``SEMSIM_DATA``, or ``data`` if it is unset."""
    return Path(os.environ.get("SEMSIM_DATA") or "data")


def original(
    name: str, split: Literal["train", "test"], root: Path | None = None, size: int = 256
) -> dict[str, Any]:
    """Return the fields of a source of one of the paper's data sets.

    Photographs are read when they are drawn, so that none is too large for the memory. CIFAR is
    downloaded when the source is built, where the network allows.

    Args:
        name: a key of :data:`ORIGINALS`.
        split: the data set's own, or a fifth of the files to test.
        root: folder of the data sets; the default is :func:`data_root`.
        size: height and width of the images, central squares; the paper's are 256.

    Raises:
        DataError: if there is no such data set, or its folder is missing.
    """
    if name not in ORIGINALS:
        raise DataError(
            f"FTSC has no data set {name!r}{suggest(name, ORIGINALS)} "
            f"(known: {', '.join(ORIGINALS)})"
        )
    data_set = ORIGINALS[name]
    base = (data_root() if root is None else root).expanduser()
    fields = data_set.train if split == "train" else data_set.test
    if fields["kind"] == "torchvision":
        return {**fields, "root": str(base / fields["root"]), "size": size}
    folder = base / fields["path"]
    if not folder.is_dir():
        raise DataError(
            f"{folder}: there is no such folder; get {name} ({data_set.title}) from "
            f"{data_set.where} and unpack it there, or set SEMSIM_DATA to the folder that holds "
            f"{fields['path']}"
        )
    # Nothing is kept of a photograph but its central square, so it need not be larger when read.
    return {**fields, "path": str(folder), "size": size, "max_side": size, "hold": False}
