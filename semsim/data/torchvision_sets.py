"""``torchvision``: labelled data sets, downloaded where the network allows."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torchvision import datasets
from torchvision.datasets.mnist import read_image_file, read_label_file

from semsim.data.config import TorchvisionConfig
from semsim.data.labelled import LabelledImages
from semsim.errors import DataError
from semsim.registry import suggest

DEFAULT_ROOT = Path("~/.cache/semsim/datasets")
#: Where Debian's package ``dataset-fashion-mnist`` puts its files.
DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")

#: Images ``[N, H, W, 3]`` or ``[N, H, W]`` (grey), and labels ``[N]``.
Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
#: These, and the names of the classes.
Loaded = tuple[NDArray[np.uint8], NDArray[np.int64], list[str]]


class TorchvisionSet(LabelledImages):
    """CIFAR-10, CIFAR-100, STL-10 or Fashion-MNIST, kept in memory as bytes.

    Grey images are repeated to three channels. Names are ``<data set>/<index>``; no captions.
    Fashion-MNIST is also read from a folder that holds the four IDX files themselves (plain or
    gzipped), such as that of Debian's package ``dataset-fashion-mnist``.

    Raises:
        DataError: if files are missing or damaged and cannot be downloaded, or there is no such
            class.
    """

    Config = TorchvisionConfig

    def __init__(self, config: TorchvisionConfig) -> None:
        images, labels, known = _load(config)
        kept = list(range(len(images)))
        if config.classes:
            place = _places(config, known)
            kept = [i for i, label in enumerate(labels.tolist()) if label in place]
            labels = np.array([place[int(labels[i])] for i in kept], np.int64)
            images = images[kept]
        super().__init__(images, labels, [f"{config.dataset}/{i}" for i in kept], config.size)


def _places(config: TorchvisionConfig, known: list[str]) -> dict[int, int]:
    """Return by label of the data set the place of its class among those that are wanted."""
    for name in config.classes:
        if name not in known:
            raise DataError(
                f"classes: {config.dataset} has no {name!r}{suggest(name, known)} "
                f"(it has {', '.join(known) or 'no names of classes'})"
            )
    return {known.index(name): place for place, name in enumerate(config.classes)}


def _load(config: TorchvisionConfig) -> Loaded:
    root = (config.root or DEFAULT_ROOT).expanduser()
    looked = [root]
    if config.dataset == "fashion_mnist":
        folders = [root] if config.root is not None else [root, DEBIAN_FASHION_MNIST]
        for folder in folders:
            if _idx_file(folder, config.split, "images-idx3-ubyte") is not None:
                return *_read_idx(folder, config.split), list(datasets.FashionMNIST.classes)
        looked = folders
    try:
        opened = _open(config, root)
        return *_arrays(opened), list(getattr(opened, "classes", ()))
    except Exception as error:  # files, archives and the network raise nearly anything
        raise DataError(_missing(config, looked, error)) from error


def _open(config: TorchvisionConfig, root: Path) -> Any:
    if config.dataset == "stl10":
        return datasets.STL10(root, split=config.split, download=config.download)
    kind = {
        "cifar10": datasets.CIFAR10,
        "cifar100": datasets.CIFAR100,
        "fashion_mnist": datasets.FashionMNIST,
    }[config.dataset]
    return kind(root, train=config.split == "train", download=config.download)


def _arrays(dataset: Any) -> Arrays:
    images = np.asarray(dataset.data)
    if isinstance(dataset, datasets.STL10):
        return images.transpose(0, 2, 3, 1), np.asarray(dataset.labels, np.int64)
    return images, np.asarray(dataset.targets, np.int64)


def _idx_file(folder: Path, split: str, what: str) -> Path | None:
    stem = f"{'train' if split == 'train' else 't10k'}-{what}"
    return next((p for p in (folder / stem, folder / f"{stem}.gz") if p.is_file()), None)


def _read_idx(folder: Path, split: str) -> Arrays:
    images = _idx_file(folder, split, "images-idx3-ubyte")
    labels = _idx_file(folder, split, "labels-idx1-ubyte")
    if images is None or labels is None:
        raise DataError(f"{folder}: of the {split} images and labels one is missing; restore it")
    with tempfile.TemporaryDirectory() as scratch:
        plain = [_unzipped(path, Path(scratch)) for path in (images, labels)]
        try:
            pixels, classes = read_image_file(str(plain[0])), read_label_file(str(plain[1]))
        except Exception as error:  # torchvision asserts, and views what it does not check
            raise DataError(
                f"{folder}: the {split} files are no IDX files ({error}); replace them"
            ) from error
    if len(pixels) != len(classes):
        raise DataError(
            f"{folder}: {len(pixels)} {split} images but {len(classes)} labels; replace the files"
        )
    return pixels.numpy(), classes.numpy()


def _unzipped(path: Path, scratch: Path) -> Path:
    if path.suffix != ".gz":
        return path
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be unzipped ({error}); replace it") from error
    plain = scratch / path.stem
    plain.write_bytes(content)
    return plain


def _missing(config: TorchvisionConfig, looked: list[Path], error: Exception) -> str:
    reason = " ".join(str(error).split())
    remedy = "put the files there (torchvision's layout), or set 'root' to where they are"
    if config.dataset == "fashion_mnist":
        remedy += ", or install Debian's package dataset-fashion-mnist"
    if not config.download:
        remedy += ", or set 'download: true'"
    return (
        f"{config.dataset}: the {config.split} files are not in "
        f"{' or '.join(map(str, looked))} ({reason}); {remedy}"
    )
