"""Reading images of every kind, and bytes to tensors and back."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsim.data.images import draw_order, read_image, to_tensor, to_uint8
from semsim.errors import DataError

PIXELS = np.random.default_rng(5).integers(0, 256, (4, 6, 3), np.uint8)

#: What the numbers of the EXIF tag 0x0112 ask of the stored rows and columns.
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_obeyed(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PIXELS).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(
        np.asarray(read_image(tmp_path / "turned.png")), UPRIGHT[orientation](PIXELS)
    )


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_keeps_its_levels(tmp_path: Path, suffix: str) -> None:
    levels = np.linspace(0, 65535, 48).reshape(6, 8).astype(np.uint16)
    Image.fromarray(levels).save(tmp_path / f"deep.{suffix}")
    read = np.asarray(read_image(tmp_path / f"deep.{suffix}"))
    assert np.abs(read - (levels / 257.0)[..., None]).max() <= 0.5


def test_transparent_parts_become_white(tmp_path: Path) -> None:
    alpha = np.zeros((4, 6, 1), np.uint8)
    alpha[:, 3:] = 255
    Image.fromarray(np.concatenate([PIXELS, alpha], axis=2)).save(tmp_path / "logo.png")
    read = np.asarray(read_image(tmp_path / "logo.png"))
    assert (read[:, :3] == 255).all()
    assert np.array_equal(read[:, 3:], PIXELS[:, 3:])


def test_a_palette_with_transparency_is_read(tmp_path: Path) -> None:
    palette = Image.fromarray(PIXELS).quantize(8)
    palette.save(tmp_path / "palette.png", transparency=bytes([0, 128, 255, 255]))
    assert read_image(tmp_path / "palette.png").mode == "RGB"


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    Image.fromarray(PIXELS).convert(mode).save(tmp_path / "image.tif")
    read = read_image(tmp_path / "image.tif")
    assert read.mode == "RGB"
    assert read.size == (6, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_unknown_white_level_is_refused(tmp_path: Path, dtype: type) -> None:
    Image.fromarray(np.ones((4, 4), dtype)).save(tmp_path / "raw.tif")
    with pytest.raises(DataError, match=r"raw\.tif.*white level"):
        read_image(tmp_path / "raw.tif")


def test_a_text_file_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_text("no image")
    with pytest.raises(DataError, match=r"note\.jpg.*remove or replace"):
        read_image(tmp_path / "note.jpg")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.png"):
        read_image(tmp_path / "nowhere.png")


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "webp", "jpg"])
def test_damaged_files_raise_nothing_but_data_error(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    buffer = BytesIO()
    kind = Image.registered_extensions()[f".{suffix}"]
    Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).save(buffer, kind)
    whole = buffer.getvalue()
    path = tmp_path / f"damaged.{suffix}"
    messages = []
    for trial in range(60):
        damaged = bytearray(whole)
        if trial % 2:
            del damaged[int(rng.integers(1, len(whole))) :]
        else:
            damaged[int(rng.integers(min(64, len(whole))))] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            read_image(path, 16)
        except DataError as error:
            messages.append(str(error))
    assert len(messages) > 10
    assert all(str(path) in message for message in messages)


def test_the_shorter_side_is_limited(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, 900)[None, :, None], (600, 900, 3))
    Image.fromarray(ramp.astype(np.uint8)).save(tmp_path / "large.jpg", quality=95)
    read = read_image(tmp_path / "large.jpg", max_side=100)
    assert read.size == (150, 100)
    expected = np.linspace(0, 255, 150)
    assert np.abs(np.asarray(read)[50, :, 0] - expected).max() < 4
    assert read_image(tmp_path / "large.jpg", max_side=600).size == (900, 600)


def test_bytes_to_tensor_and_back() -> None:
    tensor = to_tensor([Image.fromarray(PIXELS)])
    assert tensor.shape == (1, 3, 4, 6)
    assert tensor.is_contiguous()
    assert torch.equal(tensor[0, 1, 2], torch.from_numpy(PIXELS[2, :, 1].astype(np.float32)) / 255)
    assert np.array_equal(to_uint8(tensor)[0], PIXELS)


def test_to_uint8_clamps_and_rounds() -> None:
    values = torch.tensor([-0.5, 0.0, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.7])
    image = values.view(1, 1, 1, 6).expand(1, 3, 1, 6)
    assert to_uint8(image)[0, 0, :, 0].tolist() == [0, 0, 0, 1, 255, 255]


def test_draw_order_is_uniform() -> None:
    rng = np.random.default_rng(0)
    counts = np.bincount([draw_order(5, 1, rng)[0] for _ in range(2000)], minlength=5)
    # Binomial(2000, 1/5) has a deviation of 18; five of them.
    assert np.abs(counts - 400).max() < 90
