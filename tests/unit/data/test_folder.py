"""The user's own folder: what is read, in which order, and what is said when it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsim.data.config import FolderConfig
from semsim.data.folder import Folder
from semsim.data.images import read_image
from semsim.errors import DataError


def _save(path: Path, level: int, side: int = 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (level, level, level)).save(path)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    _save(tmp_path / "b.png", 100)
    _save(tmp_path / "a.PNG", 50)
    _save(tmp_path / "sub" / "deep" / "c.jpg", 150)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    return tmp_path


def test_all_images_below_are_read_in_order(album: Path) -> None:
    source = Folder(FolderConfig(path=album, size=16))
    taken = source.take(3)
    assert len(source) == 3
    assert taken.name == ("a.PNG", "b.png", "sub/deep/c.jpg")
    assert taken.image.mean((1, 2, 3)).mul(255).round().tolist() == [50, 100, 150]


def test_include_narrows_what_is_read(album: Path) -> None:
    assert Folder(FolderConfig(path=album, size=16, include=("*.png",))).take(1).name == ("b.png",)
    both = Folder(FolderConfig(path=album, size=16, include=("*.png", "sub/**/*", "b.*")))
    assert both.take(2).name == ("b.png", "sub/deep/c.jpg")


def test_take_and_sample_repeat(album: Path) -> None:
    source = Folder(FolderConfig(path=album, size=16, crop="random"))
    assert torch.equal(source.take(7).image, source.take(7).image)
    first, second = (source.sample(4, np.random.default_rng(1)) for _ in range(2))
    assert first.name == second.name


def test_the_memory_limit_does_not_blur(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    image = Folder(FolderConfig(path=tmp_path, size=64, max_side=8)).take(1).image[0]
    assert np.array_equal((image * 255).round().permute(1, 2, 0).numpy(), pixels)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: there is no such folder.*'path'"):
        Folder(FolderConfig(path=tmp_path / "nowhere"))


def test_a_file_is_no_folder(album: Path) -> None:
    with pytest.raises(DataError, match=r"b\.png: there is no such folder"):
        Folder(FolderConfig(path=album / "b.png"))


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Folder(FolderConfig(path=tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert ".png" in str(caught.value)


def test_an_unreadable_image_is_named(album: Path) -> None:
    (album / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    with pytest.raises(DataError, match=r"broken\.jpg.*remove or replace"):
        Folder(FolderConfig(path=album))


@pytest.mark.parametrize("pattern", ["", ".", "/etc/*", "a/**b"])
def test_a_bad_pattern_is_named(album: Path, pattern: str) -> None:
    with pytest.raises(DataError, match="'include' is no pattern"):
        Folder(FolderConfig(path=album, include=(pattern,)))


def test_nothing_is_held_unless_asked_for(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def watched(path: Path, max_side: int | None = None) -> Image.Image:
        read.append(path.name)
        return read_image(path, max_side)

    monkeypatch.setattr("semsim.data.folder.read_image", watched)
    options = {"path": album, "size": 16, "crop": "random", "least": 0.5}
    held, drawn = (Folder(FolderConfig(**options, hold=hold)) for hold in (True, False))
    assert read == ["a.PNG", "b.png", "c.jpg"]  # by the first alone
    assert drawn.take(2).name == ("a.PNG", "b.png")
    assert read[3:] == ["a.PNG", "b.png"]
    first, second = (one.sample(8, np.random.default_rng(4)) for one in (held, drawn))
    assert first.name == second.name
    assert torch.equal(first.image, second.image)


def test_a_bad_file_is_told_when_it_is_drawn(album: Path) -> None:
    (album / "0.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing more")
    source = Folder(FolderConfig(path=album, size=16, hold=False))
    with pytest.raises(DataError, match=r"0\.jpg.*remove or replace"):
        source.take(1)


def test_a_fifth_of_the_names_is_for_testing(tmp_path: Path) -> None:
    count = 200
    for i in range(count):
        _save(tmp_path / f"{i:03}.png", 100, side=16)
    names = {}
    for split in ("train", "test", "all"):
        source = Folder(FolderConfig(path=tmp_path, size=16, split=split, hold=False))
        names[split] = set(source.names)
        assert len(source) == len(names[split])
    assert not names["train"] & names["test"]
    assert names["train"] | names["test"] == names["all"]
    # Binomial(200, 1/5) has a deviation of 5.7; four of them.
    assert abs(len(names["test"]) - count / 5) < 4 * (count * 0.2 * 0.8) ** 0.5
    # A name stays where it is, whatever else comes or goes.
    for name in sorted(names["all"])[::2]:
        (tmp_path / name).unlink()
    fewer = Folder(FolderConfig(path=tmp_path, size=16, split="test", hold=False))
    assert set(fewer.names) == {n for n in names["test"] if int(n[:3]) % 2}


def test_an_empty_split_is_named(tmp_path: Path) -> None:
    _save(tmp_path / "a.png", 100)
    full = [s for s in ("train", "test") if _exists(tmp_path, s)]
    assert len(full) == 1
    empty = "test" if full == ["train"] else "train"
    with pytest.raises(DataError, match=f"none of the 1 images falls to the split '{empty}'"):
        Folder(FolderConfig(path=tmp_path, size=16, split=empty))


def _exists(folder: Path, split: str) -> bool:
    try:
        Folder(FolderConfig(path=folder, size=16, split=split))
    except DataError:
        return False
    return True


@pytest.mark.parametrize("hold", [True, False])
def test_folders_are_classes(tmp_path: Path, hold: bool) -> None:
    for name, level in (("dog/1.png", 10), ("dog/far/2.png", 20), ("bird/3.png", 30)):
        _save(tmp_path / name, level)
    (tmp_path / "cat").mkdir()  # a class without images keeps its number
    config = FolderConfig(path=tmp_path, size=16, labels="folders", hold=hold)
    taken = Folder(config).take(3)
    assert taken.name == ("bird/3.png", "dog/1.png", "dog/far/2.png")
    assert taken.label is not None
    assert taken.label.dtype == torch.int64
    assert taken.label.tolist() == [0, 2, 2]
    drawn = Folder(config).sample(3, np.random.default_rng(5))
    classes = dict(zip(taken.name, taken.label.tolist(), strict=True))
    assert drawn.label is not None
    assert drawn.label.tolist() == [classes[name] for name in drawn.name]


def test_a_photograph_without_class_is_named(tmp_path: Path) -> None:
    _save(tmp_path / "dog" / "1.png", 10)
    _save(tmp_path / "stray.png", 10)
    with pytest.raises(DataError, match=r"stray\.png: lies in no class folder.*labels: none"):
        Folder(FolderConfig(path=tmp_path, size=16, labels="folders"))


def test_there_are_no_labels_unless_asked_for(album: Path) -> None:
    assert Folder(FolderConfig(path=album, size=16)).take(1).label is None
