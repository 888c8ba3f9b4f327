"""The paper's data sets in a user's folder of tiny stand-ins, and the small ones that ship."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import semsim
from semsim.data.config import FolderConfig, TorchvisionConfig
from semsim.errors import DataError
from semsim.experiments.ftsc.datasets import ORIGINALS, data_root, original
from semsim.experiments.ftsc.roles import DataSet, labelled, unknown

#: Files as the data sets' own archives name them, by data set and split.
FILES = {
    "ffhq": {
        "train": ["ffhq/images1024x1024/00000/00000.png", "ffhq/images1024x1024/59000/59999.png"],
        "test": ["ffhq/images1024x1024/60000/60000.png", "ffhq/images1024x1024/69000/69999.png"],
    },
    "imagenet": {
        "train": ["imagenet/train/n01440764/n01440764_10026.JPEG", "imagenet/train/n02/n02_1.JPEG"],
        "test": ["imagenet/val/n02/ILSVRC2012_val_00000003.JPEG", "imagenet/val/n01440764/v.JPEG"],
    },
    "x-ray": {
        "train": [
            "x-ray/chest_xray/train/NORMAL/N1.jpeg",
            "x-ray/chest_xray/train/PNEUMONIA/B.jpeg",
        ],
        "test": ["x-ray/chest_xray/test/PNEUMONIA/B2.jpeg", "x-ray/chest_xray/test/NORMAL/N2.jpeg"],
    },
    "cityscapes": {
        "train": ["cityscapes/leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png"],
        "test": ["cityscapes/leftImg8bit/val/lindau/lindau_000000_000019_leftImg8bit.png"],
    },
}
ONE_FOLDER = {
    "pokemon": [f"pokemon/images/{i}.png" for i in range(30)],
    "naruto": [f"naruto/faces/{i % 3}/{i}.jpg" for i in range(30)],
}


def _fill(root: Path, names: Iterable[str]) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 20), (90, 60, 30)).save(root / name)


def _names(fields: dict[str, Any]) -> set[str]:
    source = semsim.load_source(fields)
    taken = source.take(len(source))
    assert taken.image.shape == (len(source), 3, 16, 16)
    return {f"{fields['path']}/{name}" for name in taken.name}


def test_the_papers_eight_are_there() -> None:
    assert list(ORIGINALS) == [
        "ffhq",
        "imagenet",
        "cifar-10",
        "cifar-100",
        "pokemon",
        "x-ray",
        "cityscapes",
        "naruto",
    ]
    for data_set in ORIGINALS.values():
        assert data_set.where.startswith("https://")
        assert data_set.terms


@pytest.mark.parametrize("name", list(FILES))
def test_official_splits_are_found(tmp_path: Path, name: str) -> None:
    for files in FILES[name].values():
        _fill(tmp_path, files)
    for split, files in FILES[name].items():
        fields = original(name, split, tmp_path, size=16)
        assert _names(fields) == {f"{tmp_path}/{file}" for file in files}


@pytest.mark.parametrize("name", list(ONE_FOLDER))
def test_others_are_split_by_name(tmp_path: Path, name: str) -> None:
    _fill(tmp_path, ONE_FOLDER[name])
    train, test = (_names(original(name, split, tmp_path, size=16)) for split in ("train", "test"))
    assert not train & test
    assert train | test == {f"{tmp_path}/{file}" for file in ONE_FOLDER[name]}
    assert 0 < len(test) < len(train)


@pytest.mark.parametrize("name", ["imagenet", "x-ray"])
def test_classes_agree_between_the_splits(tmp_path: Path, name: str) -> None:
    classes = {}
    for split, files in FILES[name].items():
        _fill(tmp_path, files)
        taken = semsim.load_source(original(name, split, tmp_path, size=16)).take(2)
        assert taken.label is not None
        classes[split] = {
            path.split("/")[0]: int(label)
            for path, label in zip(taken.name, taken.label, strict=True)
        }
    assert classes["train"] == classes["test"]
    assert sorted(classes["train"].values()) == [0, 1]


def test_photographs_become_central_squares_of_the_papers_size(tmp_path: Path) -> None:
    file = FILES["cityscapes"]["test"][0]
    (tmp_path / file).parent.mkdir(parents=True)
    street = Image.new("RGB", (640, 320), "red")
    street.paste("blue", (160, 0, 480, 320))
    street.save(tmp_path / file)
    image = semsim.load_source(original("cityscapes", "test", tmp_path)).take(1).image
    assert image.shape == (1, 3, 256, 256)
    assert torch.equal(image[0, :, 128, 128], torch.tensor([0.0, 0.0, 1.0]))
    # The filter reaches a few pixels over the edge of the square.
    assert image[0, 2, :, 8:-8].min() == 1.0


@pytest.mark.parametrize("name", list(ORIGINALS))
@pytest.mark.parametrize("split", ["train", "test"])
def test_every_data_set_has_both_splits(tmp_path: Path, name: str, split: str) -> None:
    fields = getattr(ORIGINALS[name], split)
    if fields["kind"] == "torchvision":
        config = TorchvisionConfig(**original(name, split, tmp_path))
        assert config.dataset == name.replace("-", "")
        assert config.split == split
        assert config.root == tmp_path / name
        assert config.size == 256
        return
    (tmp_path / fields["path"]).mkdir(parents=True)
    config = FolderConfig(**original(name, split, tmp_path, size=64))
    assert config.path == tmp_path / fields["path"]
    assert (config.size, config.max_side, config.hold) == (64, 64, False)


@pytest.mark.parametrize("name", [n for n, o in ORIGINALS.items() if o.test["kind"] == "folder"])
def test_a_missing_folder_is_told_with_the_remedy(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError) as caught:
        original(name, "test", tmp_path)
    message = str(caught.value)
    for part in (name, str(tmp_path / ORIGINALS[name].test["path"]), ORIGINALS[name].where):
        assert part in message
    assert "SEMSIM_DATA" in message


def test_an_unknown_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set 'cifar10'; did you mean 'cifar-10'"):
        original("cifar10", "test", tmp_path)


def test_the_folder_is_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEMSIM_DATA", raising=False)
    assert data_root() == Path("data")
    assert original("cifar-10", "test")["root"] == "data/cifar-10"
    monkeypatch.setenv("SEMSIM_DATA", "")
    assert data_root() == Path("data")
    monkeypatch.setenv("SEMSIM_DATA", str(tmp_path))
    _fill(tmp_path, ONE_FOLDER["pokemon"])
    assert original("pokemon", "train")["path"] == str(tmp_path / "pokemon")


@pytest.mark.parametrize("data_set", unknown("small"), ids=lambda one: one.name)
def test_small_sets_have_enough_different_images(data_set: DataSet) -> None:
    needed = data_set.tuned + data_set.judged
    taken = semsim.load_source(data_set.source("test")).take(needed)
    assert taken.shape == (3, 64, 64)
    assert len(torch.unique(taken.image.flatten(1), dim=0)) == needed
    assert 0 < data_set.tuned <= data_set.total / 20  # as the paper has it


@pytest.mark.parametrize("data_set", labelled("small"), ids=lambda one: one.name)
def test_labelled_sets_have_all_classes_among_few_images(data_set: DataSet) -> None:
    label = semsim.load_source(data_set.source("test")).take(60).label
    assert label is not None
    assert len(label.unique()) >= 6


@pytest.mark.parametrize("name", ["fashion", "emoji"])
def test_collections_are_as_large_as_they_say(name: str) -> None:
    (data_set,) = [one for one in unknown("small") if one.name == name]
    whole = {**data_set.source("test"), "split": "all"}
    assert len(semsim.load_source(whole)) == data_set.total
