"""The user's own folder: what is read, in which order, and what is said when it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsim.data.config import FolderConfig
from semsim.data.folder import Folder
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
