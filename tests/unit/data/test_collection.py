"""The collections that ship: what is in them, how they are split, and what is delivered."""

from __future__ import annotations

import shutil
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from semsim.config import load
from semsim.data import collection
from semsim.data.collection import Collection
from semsim.data.config import CollectionConfig
from semsim.errors import DataError, ScenarioError
from semsim.training.recipe import Recipe
from semsim.types import Source

PACK = files("semsim.data") / "collection_pack"
SIZES = {
    ("fashion", "train"): 5000,
    ("fashion", "test"): 1000,
    ("fashion", "all"): 6000,
    ("emoji", "train"): 1134,
    ("emoji", "test"): 283,
    ("emoji", "all"): 1417,
}


@pytest.fixture(scope="module")
def whole() -> dict[str, Source]:
    """Every image of both, at the size in which it is kept."""
    found = {}
    for name, side in (("fashion", 28), ("emoji", 64)):
        source = Collection(CollectionConfig(name=name, split="all", size=side))
        found[name] = source.take(len(source))
    return found


def _labels(source: Source) -> Counter[int]:
    assert source.label is not None
    assert source.label.dtype == torch.int64
    return Counter(source.label.tolist())


@pytest.mark.parametrize(("name", "split"), list(SIZES))
def test_numbers_of_images(name: str, split: str) -> None:
    source = Collection(CollectionConfig(name=name, split=split))
    assert len(source) == SIZES[name, split]
    taken = source.take(3)
    assert taken.image.shape == (3, 3, 64, 64)
    assert taken.image.is_contiguous()
    assert 0.0 <= taken.image.min() < taken.image.max() <= 1.0


def test_splits_share_no_image(whole: dict[str, Source]) -> None:
    for name, source in whole.items():
        parts = [
            Collection(CollectionConfig(name=name, split=split)) for split in ("train", "test")
        ]
        train, test = (set(part.names) for part in parts)
        assert not train & test
        assert train | test == set(source.name)
        assert len(source.name) == len(set(source.name))
        pixels = (source.image.flatten(1) * 255).round().to(torch.uint8).numpy()
        assert len({row.tobytes() for row in pixels}) == len(source)


def test_fashion_is_balanced_in_every_ten(whole: dict[str, Source]) -> None:
    label = whole["fashion"].label
    assert label is not None
    assert (label.view(-1, 10) == torch.arange(10)).all()
    for split, each in (("train", 500), ("test", 100)):
        source = Collection(CollectionConfig(name="fashion", split=split, size=28))
        taken = source.take(len(source))
        assert set(_labels(taken).values()) == {each}
        assert all(name.startswith(f"fashion/{split}/") for name in taken.name)
    assert len(source.classes) == 10
    assert source.classes[9] == "Ankle boot"


def test_fashion_looks_like_fashion(whole: dict[str, Source]) -> None:
    image, label = whole["fashion"].image, whole["fashion"].label
    assert torch.equal(image[:, 0], image[:, 1])
    assert torch.equal(image[:, 0], image[:, 2])
    # Fashion-MNIST's 60,000 training images have mean 0.2860 and standard deviation 0.3530. The
    # means of single images deviate by 0.13 or so: five deviations of the mean of 6,000.
    assert float(image.mean()) == pytest.approx(0.2860, abs=5 * 0.13 / 6000**0.5)
    assert float(image.std()) == pytest.approx(0.3530, abs=0.01)
    assert label is not None
    width = {kind: image[label == kind, 0].mean((0, 1)).gt(0.1).sum() for kind in (1, 9)}
    assert width[1] < width[9] / 1.5  # trousers are narrow, boots fill the picture


def test_emoji_have_names_and_groups(whole: dict[str, Source]) -> None:
    source = whole["emoji"]
    assert source.caption is not None
    shown = dict(zip(source.name, source.caption, strict=True))
    assert shown["emoji/1f430"] == "rabbit face"
    assert shown["emoji/1f34e"] == "red apple"
    assert all(caption and caption == caption.lower() for caption in source.caption)
    assert len(set(source.caption)) == len(source)
    classes = Collection(CollectionConfig(name="emoji")).classes
    label = dict(zip(source.name, source.label.tolist(), strict=True))  # type: ignore[union-attr]
    assert classes[label["emoji/1f430"]] == "Animals & Nature"
    assert classes[label["emoji/1f34e"]] == "Food & Drink"
    apple = source.image[source.name.index("emoji/1f34e")]
    assert torch.equal(apple[:, 0, 0], torch.ones(3))  # on white
    red, green, blue = apple[:, 32, 32]
    assert red > 2 * max(green, blue)


def test_no_emoji_looks_like_another(whole: dict[str, Source]) -> None:
    # float64: differences of squares lose the digits that matter here.
    pixels = whole["emoji"].image.flatten(1).double()
    ink = (1 - pixels).square().mean(1).sqrt()
    square = pixels.square().mean(1)
    gap = (square[:, None] + square - 2 * pixels @ pixels.T / pixels.shape[1]).clamp(0).sqrt()
    relative = gap / (ink[:, None] * ink).sqrt()
    relative.fill_diagonal_(1.0)
    assert ink.min() > 0.02
    assert relative.min() >= 0.2  # as LICENSES.md says


def test_both_splits_of_emoji_have_all_groups_alike() -> None:
    shares = []
    for split in ("train", "test"):
        source = Collection(CollectionConfig(name="emoji", split=split))
        counts = _labels(source.take(len(source)))
        assert set(counts) == set(range(8))
        shares.append([counts[i] / len(source) for i in range(8)])
    # Five deviations of a share of 283 images: 5 * sqrt(0.2 * 0.8 / 283) = 0.12.
    assert np.abs(np.subtract(*shares)).max() < 0.12


def test_images_are_resized_with_a_filter(whole: dict[str, Source]) -> None:
    for name, source in whole.items():
        side = source.shape[1]
        for size in (32, 64):
            taken = Collection(CollectionConfig(name=name, split="all", size=size)).take(4).image
            assert taken.shape == (4, 3, size, size)
            pixels = (source.image[:4] * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
            wanted = [
                np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.LANCZOS))
                for one in pixels
            ]
            shown = (taken * 255).round().permute(0, 2, 3, 1).numpy()
            assert np.array_equal(shown, np.stack(wanted)), (name, side, size)


def test_take_and_sample_repeat() -> None:
    for name in ("fashion", "emoji"):
        source = Collection(CollectionConfig(name=name, size=16))
        assert torch.equal(source.take(7).image, source.take(9).image[:7])
        draws = [source.sample(20, np.random.default_rng(seed)) for seed in (1, 1, 2)]
        assert torch.equal(draws[0].image, draws[1].image)
        assert draws[0].name == draws[1].name != draws[2].name
        assert (draws[0].caption is None) == (name == "fashion")
        more = source.sample(len(source) + 1, np.random.default_rng(3)).name
        assert set(more) == set(source.names)
        with pytest.raises(ValueError, match="must be positive"):
            source.take(0)


def test_labels_and_captions_follow_the_images(whole: dict[str, Source]) -> None:
    drawn = Collection(CollectionConfig(name="emoji")).sample(30, np.random.default_rng(0))
    at = [whole["emoji"].name.index(name) for name in drawn.name]
    same = whole["emoji"].select(at)
    assert torch.equal(drawn.image, same.image)
    assert drawn.caption == same.caption
    assert drawn.label is not None
    assert same.label is not None
    assert torch.equal(drawn.label, same.label)


def test_an_unknown_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="'fashion' or 'emoji'"):
        CollectionConfig(name="fashon")
    (tmp_path / "recipe.yaml").write_text(
        "name: tiny\nobjective: {kind: vqvae2}\nsteps: 1\n"
        "sources:\n  - {kind: collection, name: fashon}\n"
    )
    with pytest.raises(ScenarioError, match=r"recipe\.yaml:5: sources.*'fashion' or 'emoji'"):
        load(tmp_path / "recipe.yaml", Recipe)


def test_a_damaged_package_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = tmp_path / "collection_pack"
    pack.mkdir()
    monkeypatch.setattr(collection, "files", lambda _: tmp_path)
    with pytest.raises(DataError, match="emoji is missing; reinstall"):
        Collection(CollectionConfig(name="emoji"))
    for name in ("index.yaml", "emoji.csv"):
        shutil.copy(str(PACK / name), pack / name)
    Image.new("RGB", (128, 64)).save(pack / "emoji.webp", lossless=True)
    with pytest.raises(DataError, match="fewer than 1417 pictures; reinstall"):
        Collection(CollectionConfig(name="emoji"))


def test_every_file_has_an_owner_and_they_are_small() -> None:
    licences = (PACK / "LICENSES.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:6] for line in licences.splitlines() if line.startswith("| `")]
    assert all(cell.strip() for row in rows for cell in row)
    present = [item for item in PACK.iterdir() if item.name.endswith((".webp", ".csv"))]
    assert len(present) == 4
    for item in present:
        assert any(f"`{item.name}`" in row[0] for row in rows)
    assert sum(len(item.read_bytes()) for item in PACK.iterdir() if item.is_file()) < 6_000_000
