"""The photographs that ship, and the squares that are cut from photographs."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
import torch
from PIL import Image

from semsim.data.config import PhotosConfig
from semsim.data.images import Photographs, read_image
from semsim.data.photos import Photos
from semsim.documents import read_yaml
from semsim.errors import DataError

PACK = files("semsim.data") / "photos_pack"


def _entries() -> list[dict[str, str]]:
    entries: list[dict[str, str]] = read_yaml(str(PACK / "index.yaml")).data["photos"]
    return entries


def _map(width: int, height: int) -> Image.Image:
    """An image whose red tells x and whose green tells y, 0..255 from edge to edge."""
    x = np.broadcast_to(np.linspace(0, 255, width)[None, :], (height, width))
    y = np.broadcast_to(np.linspace(0, 255, height)[:, None], (height, width))
    return Image.fromarray(np.stack([x, y, 0 * x], axis=2).round().astype(np.uint8))


def test_no_photograph_is_in_both_splits() -> None:
    entries = _entries()
    assert {entry["split"] for entry in entries} == {"train", "test"}
    for key in ("name", "file"):
        values = [entry[key] for entry in entries]
        assert len(values) == len(set(values))
    sources = [Photos(PhotosConfig(split=split, size=16)) for split in ("train", "test")]
    train, test = (set(source.take(len(source)).name) for source in sources)
    assert train
    assert test
    assert not train & test


def test_no_photograph_looks_like_another() -> None:
    thumbnails = Photos(PhotosConfig(split="all", size=16)).take(len(_entries())).image.flatten(1)
    gap = torch.cdist(thumbnails, thumbnails) / thumbnails.shape[1] ** 0.5
    gap.fill_diagonal_(1.0)
    assert gap.min() > 0.1  # root mean square difference of 16x16 thumbnails


def test_splits_add_up_to_all() -> None:
    names = {
        split: {entry["name"] for entry in _entries() if split in ("all", entry["split"])}
        for split in ("train", "test", "all")
    }
    for split, expected in names.items():
        source = Photos(PhotosConfig(split=split, size=16))
        assert len(source) == len(expected)
        assert set(source.take(len(source)).name) == expected


def test_every_file_has_a_licence_and_is_in_the_index() -> None:
    licences = (PACK / "LICENSES.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in licences.splitlines() if line.startswith("| `")]
    licensed = {row[0].strip().strip("`") for row in rows}
    assert all(author.strip() and licence.strip() for _, author, licence in rows)
    present = {item.name for item in PACK.iterdir() if item.name.endswith(".jpg")}
    assert licensed == present
    assert {entry["file"] for entry in _entries()} == present


def test_take_is_always_the_same() -> None:
    config = PhotosConfig(split="test", size=32)
    first, second = Photos(config).take(11), Photos(config).take(11)
    assert torch.equal(first.image, second.image)
    assert first.name == second.name
    assert first.image.shape == (11, 3, 32, 32)
    assert first.image.is_contiguous()
    shorter = Photos(config).take(5)
    assert torch.equal(shorter.image, first.image[:5])


def test_sample_follows_its_generator() -> None:
    source = Photos(PhotosConfig(split="test", size=32, crop="random"))
    draws = [source.sample(6, np.random.default_rng(seed)).image for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
    assert 0.0 <= draws[0].min() < draws[0].max() <= 1.0


def test_photographs_repeat_only_when_all_were_drawn() -> None:
    source = Photos(PhotosConfig(split="test", size=16))
    names = source.sample(2 * len(source) + 1, np.random.default_rng(3)).name
    assert len(set(names[: len(source)])) == len(source)
    assert len(set(names[len(source) : 2 * len(source)])) == len(source)


@pytest.mark.parametrize("count", [0, -1])
def test_a_count_must_be_positive(count: int) -> None:
    source = Photographs([_map(20, 20)], ["map"], 8, "center")
    with pytest.raises(ValueError, match="must be positive"):
        source.take(count)
    with pytest.raises(ValueError, match="must be positive"):
        source.sample(count, np.random.default_rng(0))


def test_there_must_be_photographs() -> None:
    with pytest.raises(DataError, match="no photographs"):
        Photographs([], [], 8, "center")


@pytest.mark.parametrize(("width", "height"), [(256, 128), (128, 256), (131, 131)])
def test_center_is_the_largest_central_square(width: int, height: int) -> None:
    image = Photographs([_map(width, height)], ["map"], 16, "center").take(1).image[0]
    side = min(width, height)
    # The square covers side/width of the red ramp, its outer pixels half a pixel inside.
    for ramp, length in ((image[0].mean(0), width), (image[1].mean(1), height)):
        covered = float(ramp[-1] - ramp[0])
        assert covered == pytest.approx(side / length * 15 / 16, abs=0.02)
        assert float(ramp.mean()) == pytest.approx(0.5, abs=0.01)


def test_random_squares_have_mixed_scales_places_and_mirrors() -> None:
    size, width, height, count = 16, 192, 128, 400
    photographs = Photographs([_map(width, height)], ["map"], size, "random")
    image = photographs.sample(count, np.random.default_rng(0)).image
    red, green = image[:, 0].mean(1), image[:, 1].mean(2)  # along x, along y
    mirrored = red[:, -1] < red[:, 0]
    # Binomial(400, 1/2) has a deviation of 10; five of them.
    assert 150 < int(mirrored.sum()) < 250
    assert (green[:, -1] > green[:, 0]).all()
    side = (green[:, -1] - green[:, 0]) * height * size / (size - 1)
    assert side.min() > size * 0.95
    assert side.max() < height * 1.05
    # log-uniform in [size, height]: uniform has deviation range/sqrt(12), so the mean of 400 is
    # within 5 * range / sqrt(12 * 400) = 0.072 range of the middle; 0.02 more for 8-bit steps.
    place = torch.log(side / size) / np.log(height / size)
    assert float(place.mean()) == pytest.approx(0.5, abs=0.095)
    middle_x = red.mean(1) * width
    assert middle_x.min() > size / 2 - 1
    assert middle_x.max() < width - size / 2 + 1
    assert middle_x.std() > width / 10


def test_cutting_from_a_smaller_copy_gives_the_same_picture() -> None:
    name = _entries()[0]["file"]
    photograph = read_image(PACK / name)  # type: ignore[arg-type]
    cut = Photographs([photograph], ["one"], 64, "center").take(1).image[0]
    side = min(photograph.size)
    left, top = (photograph.width - side) // 2, (photograph.height - side) // 2
    direct = photograph.resize(
        (64, 64), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side)
    )
    error = cut.permute(1, 2, 0).numpy() - np.asarray(direct) / 255.0
    assert 10 * np.log10(1 / np.mean(error**2)) > 30.0


def test_small_photographs_are_enlarged() -> None:
    photographs = Photographs([_map(20, 12)], ["map"], 32, "random")
    image = photographs.sample(3, np.random.default_rng(0)).image
    assert image.shape == (3, 3, 32, 32)
    assert image[:, 0].std() > 0.1
