"""torchvision's data sets, from tiny files that the tests write; nothing is downloaded."""

from __future__ import annotations

import gzip
import hashlib
import pickle
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torchvision import datasets

from semsim.data import torchvision_sets
from semsim.data.config import TorchvisionConfig
from semsim.data.torchvision_sets import TorchvisionSet
from semsim.errors import DataError

RNG = np.random.default_rng(11)
GREY = RNG.integers(0, 256, (5, 28, 28), np.uint8)
COLOUR = RNG.integers(0, 256, (4, 32, 32, 3), np.uint8)
LABELS = np.array([3, 1, 4, 1, 5], np.uint8)


def _idx(array: np.ndarray) -> bytes:
    """An array of bytes as an IDX file: magic number, big-endian sizes, values."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def _write_fashion(folder: Path, zipped: bool, labels: np.ndarray = LABELS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "t10k"):
        for what, array in (("images-idx3-ubyte", GREY), ("labels-idx1-ubyte", labels)):
            content = _idx(array)
            name = f"{part}-{what}" + (".gz" if zipped else "")
            (folder / name).write_bytes(gzip.compress(content) if zipped else content)


def _fashion(root: Path, **options: object) -> TorchvisionSet:
    return TorchvisionSet(
        TorchvisionConfig(dataset="fashion_mnist", root=root, download=False, **options)
    )


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("zipped", [True, False])
def test_fashion_mnist_from_bare_files(tmp_path: Path, split: str, zipped: bool) -> None:
    _write_fashion(tmp_path, zipped)
    source = _fashion(tmp_path, split=split)
    taken = source.take(5)
    assert len(source) == 5
    assert taken.image.shape == (5, 3, 28, 28)
    for channel in range(3):  # grey is repeated
        assert np.array_equal((taken.image[:, channel] * 255).round().numpy(), GREY)
    assert taken.label is not None
    assert taken.label.dtype == torch.int64
    assert taken.label.tolist() == LABELS.tolist()
    assert taken.caption is None
    assert taken.name == tuple(f"fashion_mnist/{i}" for i in range(5))


def test_fashion_mnist_in_torchvisions_layout(tmp_path: Path) -> None:
    _write_fashion(tmp_path / "FashionMNIST" / "raw", zipped=False)
    taken = _fashion(tmp_path).take(2)
    assert np.array_equal((taken.image[:, 0] * 255).round().numpy(), GREY[:2])


def test_debians_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write_fashion(tmp_path / "debian", zipped=True)
    monkeypatch.setattr(torchvision_sets, "DEFAULT_ROOT", tmp_path / "cache")
    monkeypatch.setattr(torchvision_sets, "DEBIAN_FASHION_MNIST", tmp_path / "debian")
    config = TorchvisionConfig(dataset="fashion_mnist", download=False)
    assert len(TorchvisionSet(config)) == 5


def test_images_are_resized(tmp_path: Path) -> None:
    _write_fashion(tmp_path, zipped=True)
    assert _fashion(tmp_path, size=32).take(2).image.shape == (2, 3, 32, 32)


def test_take_and_sample_repeat(tmp_path: Path) -> None:
    _write_fashion(tmp_path, zipped=True)
    source = _fashion(tmp_path)
    assert source.take(7).name[5:] == ("fashion_mnist/0", "fashion_mnist/1")
    first, second = (source.sample(5, np.random.default_rng(2)) for _ in range(2))
    assert torch.equal(first.image, second.image)
    assert len(set(first.name)) == 5
    assert first.label is not None
    index = [int(name.split("/")[1]) for name in first.name]
    assert first.label.tolist() == LABELS[index].tolist()
    with pytest.raises(ValueError, match="must be positive"):
        source.take(0)


def test_labels_must_match_images(tmp_path: Path) -> None:
    _write_fashion(tmp_path, zipped=True, labels=LABELS[:3])
    with pytest.raises(DataError, match="5 test images but 3 labels"):
        _fashion(tmp_path)


def test_a_missing_label_file_is_told(tmp_path: Path) -> None:
    _write_fashion(tmp_path, zipped=True)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="one is missing"):
        _fashion(tmp_path)


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(_idx(GREY))[:-20]])
def test_a_damaged_archive_is_named(tmp_path: Path, content: bytes) -> None:
    _write_fashion(tmp_path, zipped=True)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte\.gz.*replace it"):
        _fashion(tmp_path)


@pytest.mark.parametrize("content", [b"", b"words, not numbers", _idx(GREY)[:-9], _idx(LABELS)])
def test_damaged_idx_files_are_told(tmp_path: Path, content: bytes) -> None:
    _write_fashion(tmp_path, zipped=False)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match="no IDX files"):
        _fashion(tmp_path)


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "stl10", "fashion_mnist"])
def test_missing_files_are_told_with_the_remedy(tmp_path: Path, name: str) -> None:
    config = TorchvisionConfig(dataset=name, root=tmp_path, download=False)
    with pytest.raises(DataError) as caught:
        TorchvisionSet(config)
    message = str(caught.value)
    for part in (name, "test", str(tmp_path), "'root'", "download: true"):
        assert part in message
    assert ("dataset-fashion-mnist" in message) == (name == "fashion_mnist")


@pytest.mark.parametrize(
    ("name", "module"), [("cifar10", "cifar"), ("stl10", "stl10"), ("fashion_mnist", "mnist")]
)
def test_a_failed_download_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    def offline(*args: object, **options: object) -> None:
        raise URLError("the network is down")

    monkeypatch.setattr(f"torchvision.datasets.{module}.download_and_extract_archive", offline)
    config = TorchvisionConfig(dataset=name, root=tmp_path)
    with pytest.raises(DataError, match="the network is down") as caught:
        TorchvisionSet(config)
    assert str(tmp_path) in str(caught.value)
    assert "download: true" not in str(caught.value)


def _write(folder: Path, name: str, content: bytes) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return [name, hashlib.md5(content, usedforsecurity=False).hexdigest()]


@pytest.mark.parametrize(("kind", "key"), [("CIFAR10", "labels"), ("CIFAR100", "fine_labels")])
def test_cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, key: str) -> None:
    cls = getattr(datasets, kind)
    rows = COLOUR.transpose(0, 3, 1, 2).reshape(4, -1)  # planes, as CIFAR stores them
    batch = pickle.dumps({"data": rows, key: [7, 0, 9, 2]})
    meta = pickle.dumps({cls.meta["key"]: ["some", "classes"]})
    folder = tmp_path / cls.base_folder
    monkeypatch.setattr(cls, "train_list", [])
    monkeypatch.setattr(cls, "test_list", [_write(folder, "test_batch", batch)])
    _, md5 = _write(folder, cls.meta["filename"], meta)
    monkeypatch.setattr(cls, "meta", {**cls.meta, "md5": md5})

    name = kind.lower()
    config = TorchvisionConfig(dataset=name, root=tmp_path, download=False)
    taken = TorchvisionSet(config).take(4)
    shown = (taken.image * 255).round().permute(0, 2, 3, 1).numpy()
    assert np.array_equal(shown, COLOUR)
    assert taken.label is not None
    assert taken.label.tolist() == [7, 0, 9, 2]
    assert taken.name[3] == f"{name}/3"


def test_stl10_is_upright(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = RNG.integers(0, 256, (2, 96, 96, 3), np.uint8)
    columns_first = images.transpose(0, 3, 2, 1)  # STL-10 stores columns, and counts from 1
    folder = tmp_path / datasets.STL10.base_folder
    files = [
        _write(folder, "test_X.bin", columns_first.tobytes()),
        _write(folder, "test_y.bin", bytes([10, 1])),
    ]
    monkeypatch.setattr(datasets.STL10, "test_list", files)
    monkeypatch.setattr(datasets.STL10, "train_list", [])
    config = TorchvisionConfig(dataset="stl10", root=tmp_path, download=False)
    taken = TorchvisionSet(config).take(2)
    assert np.array_equal((taken.image * 255).round().permute(0, 2, 3, 1).numpy(), images)
    assert taken.label is not None
    assert taken.label.tolist() == [9, 0]


def test_classes_are_chosen_by_name(tmp_path: Path) -> None:
    _write_fashion(tmp_path, zipped=False)
    # Of the labels 3, 1, 4, 1, 5: trousers are 1, dresses 3.
    taken = _fashion(tmp_path, classes=("Dress", "Trouser")).take(3)
    assert taken.label is not None
    assert taken.label.tolist() == [0, 1, 1]
    assert taken.name == tuple(f"fashion_mnist/{i}" for i in (0, 1, 3))
    assert np.array_equal((taken.image[:, 0] * 255).round().numpy(), GREY[[0, 1, 3]])
    with pytest.raises(DataError, match="no 'Drss'; did you mean 'Dress'"):
        _fashion(tmp_path, classes=("Drss",))
